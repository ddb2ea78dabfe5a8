//! The services' APIs are as they describe themselves: schemathesis makes requests out of each description, right and
//! wrong ones, and holds every answer against it. What it finds is the same each time: it is not left to chance.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::broker::Broker;
use tests::checker;
use tests::cluster::{Cluster, PASSWORD, USER};
use tests::files;
use tests::process::{Group, Name};

crate::scenarios!(
    the_payments_api_is_as_described,
    the_stocks_api_is_as_described,
    the_orders_api_is_as_described,
    the_orchestrators_api_is_as_described,
    what_was_asked_for_is_said_as_documented,
);

/// What every answer must keep to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance";
/// The longest run against one service on a busy machine.
const LONGEST: Duration = Duration::from_secs(240);

/// The program: `./dev test` fetches it and says where it is.
fn program() -> Result<PathBuf> {
    let named = std::env::var_os("SCHEMATHESIS").map(PathBuf::from);
    named.filter(|path| path.is_file()).context(
        "the environment variable SCHEMATHESIS names no program: ./dev test fetches schemathesis and sets it; by hand, \
         `python3 -m venv DIR && DIR/bin/pip install schemathesis`, and SCHEMATHESIS=DIR/bin/schemathesis",
    )
}

/// Holds a service against its description; `id` stands in for every `{id}` of a path, so that there is something
/// behind it.
async fn is_as_described(cluster: &Cluster, name: Name, description: &str, id: &str, login: &[&str]) -> Result<()> {
    let (program, service) = (program()?, cluster.service(name)?);
    let directory = cluster.scratch(&format!("schemathesis-{}", name.binary()))?;
    std::fs::write(directory.join("schemathesis.toml"), format!("[parameters]\n\"path.id\" = \"{id}\"\n"))?;
    let mut command = Command::new(program);
    command.current_dir(&directory).arg("run").arg(service.url(description)).args(["--url", &service.url("")]);
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "15"]);
    command.args(["--generation-deterministic", "--request-timeout", "30", "--no-color"]).args(login);
    let log = directory.join("log");
    let status = Group::start(&mut command, &log)?.ended(LONGEST).await;
    let status = status.with_context(|| files::tail(&log, 20))?;
    let said = std::fs::read_to_string(&log)?;
    ensure!(status.success(), "schemathesis against {}:\n{said}", name.binary());
    let tested = said.lines().find_map(|line| line.trim().strip_prefix("Tested: ")?.trim().parse::<usize>().ok());
    let selected = said.matches(" selected / ").count();
    ensure!(tested.is_some_and(|tested| tested > 0) && selected == 1, "nothing was asked: {said}");
    Ok(())
}

/// An order that went all the way, so that there is something behind an id.
async fn an_order(cluster: &Arc<Cluster>) -> Result<String> {
    let order = cluster.item(1000).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    Ok(order.id)
}

async fn the_payments_api_is_as_described(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = an_order(&cluster).await?;
    is_as_described(&cluster, Name::Payments, "/openapi.json", &id, &[]).await
}

async fn the_stocks_api_is_as_described(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = an_order(&cluster).await?;
    is_as_described(&cluster, Name::Inventory, "/openapi.json", &id, &[]).await
}

async fn the_orders_api_is_as_described(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = an_order(&cluster).await?;
    is_as_described(&cluster, Name::Orders, "/openapi.json", &id, &[]).await
}

async fn the_orchestrators_api_is_as_described(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let (id, login) = (an_order(&cluster).await?, format!("{USER}:{PASSWORD}"));
    is_as_described(&cluster, Name::Orchestrator, "/api/openapi.json", &id, &["--auth", &login]).await
}

async fn what_was_asked_for_is_said_as_documented(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let mut wrong = Vec::new();
    checker::documented(&cluster, &mut wrong).await?;
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    cluster.stop().await
}
