//! The services' APIs match their OpenAPI descriptions: schemathesis generates valid and invalid requests from each
//! description and validates every response. The generation is deterministic.

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

crate::group::scenarios!(
    the_payments_api_matches_its_description,
    the_inventory_api_matches_its_description,
    the_orders_api_matches_its_description,
    the_orchestrators_api_matches_its_description,
    the_resulting_messages_match_the_contract,
);

/// The checks of every response.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance";
/// The longest run against one service on a busy machine.
const LONGEST: Duration = Duration::from_secs(240);

/// The program, which `./dev test` fetches and names in `SCHEMATHESIS`.
fn program() -> Result<PathBuf> {
    let named = std::env::var_os("SCHEMATHESIS").map(PathBuf::from);
    named.filter(|path| path.is_file()).context(
        "the environment variable SCHEMATHESIS names no program: ./dev test fetches schemathesis and sets it; by hand, \
         `python3 -m venv DIR && DIR/bin/pip install schemathesis`, and SCHEMATHESIS=DIR/bin/schemathesis",
    )
}

/// Checks a service against its description. `id` is used for every `{id}` of a path, so that the resource exists.
async fn matches_description(cluster: &Cluster, name: Name, description: &str, id: &str, login: &[&str]) -> Result<()> {
    let program = program()?;
    let service = cluster.service(name)?;
    let directory = cluster.scratch(&format!("schemathesis-{}", name.binary()))?;
    std::fs::write(directory.join("schemathesis.toml"), format!("[parameters]\n\"path.id\" = \"{id}\"\n"))?;
    let mut command = Command::new(program);
    command.current_dir(&directory).arg("run").arg(service.url(description)).args(["--url", &service.url("")]);
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "15"]);
    command.args(["--generation-deterministic", "--request-timeout", "30", "--no-color"]).args(login);
    let log = directory.join("log");
    let status = Group::start(&mut command, &log)?.ended(LONGEST).await;
    let status = status.with_context(|| files::tail(&log, 20))?;
    let output = std::fs::read_to_string(&log)?;
    ensure!(status.success(), "schemathesis against {}:\n{output}", name.binary());
    let tested = output.lines().find_map(|line| line.trim().strip_prefix("Tested: ")?.trim().parse::<usize>().ok());
    let selected = output.matches(" selected / ").count();
    ensure!(tested.is_some_and(|tested| tested > 0) && selected == 1, "no operation was tested: {output}");
    Ok(())
}

/// The id of a confirmed order.
async fn an_order(cluster: &Arc<Cluster>) -> Result<String> {
    let order = cluster.item(1000).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    Ok(order.id)
}

async fn the_payments_api_matches_its_description(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = an_order(&cluster).await?;
    matches_description(&cluster, Name::Payments, "/openapi.json", &id, &[]).await
}

async fn the_inventory_api_matches_its_description(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = an_order(&cluster).await?;
    matches_description(&cluster, Name::Inventory, "/openapi.json", &id, &[]).await
}

async fn the_orders_api_matches_its_description(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = an_order(&cluster).await?;
    matches_description(&cluster, Name::Orders, "/openapi.json", &id, &[]).await
}

async fn the_orchestrators_api_matches_its_description(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = an_order(&cluster).await?;
    let login = format!("{USER}:{PASSWORD}");
    matches_description(&cluster, Name::Orchestrator, "/api/openapi.json", &id, &["--auth", &login]).await
}

async fn the_resulting_messages_match_the_contract(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let mut wrong = Vec::new();
    checker::documented(&cluster, &mut wrong).await?;
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    cluster.stop().await
}
