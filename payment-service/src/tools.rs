//! What the binary does besides running the service: it holds a provider's report against the payments of a running
//! one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgMatches, Command, FromArgMatches as _, Subcommand};
use serde::Deserialize;

use crate::reconcile::{self, Ours};

// The tools, as subcommands. (What would stand here as documentation would become the program's own.)
#[derive(Debug, Subcommand)]
enum Tool {
    /// Compare a provider's report with our payments, and list each difference
    ///
    /// The report is CSV with the columns id, amount, currency, status and refunded; id is the provider's name for the
    /// payment or ours. The exit code is 0 where both agree, 1 where they differ, 2 where that can't be told.
    Reconcile {
        /// The report
        file: PathBuf,
        /// Where a payment-service runs, whose payments are compared
        #[arg(long, value_name = "URL", default_value = "http://localhost:8082")]
        url: String,
        /// Only payments that this provider took
        #[arg(long, value_name = "KIND")]
        provider: Option<String>,
    },
}

/// The command line with the tools.
pub fn command_line(command: Command) -> Command {
    Tool::augment_subcommands(command).subcommand_required(false).args_conflicts_with_subcommands(true)
}

/// Uses the tool that is asked for, if any.
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

/// Whether both agree; what differs is printed.
fn reconcile(file: &Path, url: &str, provider: Option<&str>) -> anyhow::Result<bool> {
    let name = file.display();
    let report = std::fs::File::open(file).with_context(|| name.to_string())?;
    let lines = reconcile::read(report).map_err(|wrong| {
        let wrong: Vec<String> = wrong.into_iter().map(|line| format!("{name}:{line}")).collect();
        anyhow::anyhow!("the report can't be read\n{}", wrong.join("\n"))
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
    items: Vec<Ours>,
    next: Option<String>,
}

/// All payments of a running service.
async fn payments(base: &str) -> anyhow::Result<Vec<Ours>> {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (client, mut all, mut cursor) = (reqwest::Client::builder().build()?, Vec::new(), String::new());
    loop {
        let url = format!("{base}/payments?limit=200{cursor}");
        let answer =
            client.get(&url).send().await.with_context(|| format!("--url {base}: no payment-service answers"))?;
        let status = answer.status();
        if !status.is_success() {
            bail!("GET {url} answers {status}: {}", answer.text().await?);
        }
        let page: Page = answer.json().await.with_context(|| format!("GET {url} is no list of payments"))?;
        all.extend(page.items);
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}
