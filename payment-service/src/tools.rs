//! The command-line tools: comparing a provider's report with the payments of a running service.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgMatches, Command, FromArgMatches as _, Subcommand};
use serde::Deserialize;

use crate::reconcile::{self, ListedPayment};

// The tools, as subcommands. (A doc comment here would become the program's description.)
#[derive(Debug, Subcommand)]
enum Tool {
    /// Compare a provider's report with the service's payments, and list the differences
    ///
    /// The report is CSV with the columns id, amount, currency, status and refunded; id is the provider's or the
    /// service's id of the payment. The exit code is 0 if both agree, 1 if they differ, and 2 on an error.
    Reconcile {
        /// The report
        file: PathBuf,
        /// The URL of the payment-service whose payments are compared
        #[arg(long, value_name = "URL", default_value = "http://localhost:8082")]
        url: String,
        /// Compare only payments with this provider
        #[arg(long, value_name = "KIND")]
        provider: Option<String>,
    },
}

/// The command line with the tools.
pub fn command_line(command: Command) -> Command {
    Tool::augment_subcommands(command).subcommand_required(false).args_conflicts_with_subcommands(true)
}

/// Runs the requested tool, if any.
pub fn run(matches: &ArgMatches) -> Option<ExitCode> {
    matches.subcommand()?;
    let Tool::Reconcile { file, url, provider } = Tool::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    Some(match reconcile(&file, &url, provider.as_deref()) {
        Ok(same) => ExitCode::from(u8::from(!same)),
        Err(error) => {
            eprintln!("payment-service: {error:#}");
            ExitCode::from(2)
        }
    })
}

/// Prints the differences. Returns true if there are none.
fn reconcile(file: &Path, url: &str, provider: Option<&str>) -> anyhow::Result<bool> {
    let name = file.display();
    let report = std::fs::File::open(file).with_context(|| name.to_string())?;
    let lines = reconcile::read(report).map_err(|errors| {
        let errors: Vec<String> = errors.into_iter().map(|line| format!("{name}:{line}")).collect();
        anyhow::anyhow!("the report can't be read\n{}", errors.join("\n"))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut ours = runtime.block_on(payments(url.trim_end_matches('/')))?;
    ours.retain(|payment| provider.is_none_or(|provider| payment.provider == provider));
    let differences = reconcile::differences(&lines, &ours);
    differences.iter().for_each(|difference| println!("{difference}"));
    println!("{} lines, {} payments, {} differences", lines.len(), ours.len(), differences.len());
    Ok(differences.is_empty())
}

#[derive(Deserialize)]
struct Page {
    items: Vec<ListedPayment>,
    next: Option<String>,
}

/// All payments of a running service.
async fn payments(base: &str) -> anyhow::Result<Vec<ListedPayment>> {
    let client = reqwest::Client::builder().build()?;
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!("{base}/payments?limit=200{cursor}");
        let answer =
            client.get(&url).send().await.with_context(|| format!("--url {base}: no payment-service answers"))?;
        let status = answer.status();
        if !status.is_success() {
            bail!("GET {url} answers {status}: {}", answer.text().await?);
        }
        let page: Page =
            answer.json().await.with_context(|| format!("GET {url} does not answer a list of payments"))?;
        all.extend(page.items);
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}
