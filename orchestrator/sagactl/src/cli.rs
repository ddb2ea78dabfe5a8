//! The command line.

mod sagas;
mod tasks;
mod webhooks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use uuid::Uuid;

pub use self::sagas::{Act, Filter, Page, Sagas, Target, VersionedName};
pub use self::tasks::{OptionalAct, TaskFilter, Tasks};
pub use self::webhooks::Webhooks;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused by the service, or a check failed
  2  wrong command line or configuration
  3  a service was not reached
  4  the login is missing, wrong, or not permitted to do this
  5  the outcome is unknown: repeat with the printed --idempotency-key

Environment:
  SAGACTL_CONFIG        the file with the contexts
  SAGACTL_CONTEXT       the context
  SAGACTL_ORCHESTRATOR, SAGACTL_ORDERS, SAGACTL_INVENTORY, SAGACTL_PAYMENTS
                        the addresses of the services
  SAGACTL_USER, SAGACTL_PASSWORD
                        the dashboard's user and password
  SAGACTL_KEY           a key of the orchestrator's API, instead of a user
  SAGACTL_ORDERS_KEY    a key or token of order-service";

/// Shows sagas, tasks, incidents, dead letters, definitions, webhooks and orders, and acts on them
#[derive(Debug, Parser)]
#[command(name = "sagactl", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// The options of all commands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of all commands")]
pub struct Global {
    /// The output: tables, or the JSON of the API
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// The context, with its addresses and login
    #[arg(long, global = true, env = "SAGACTL_CONTEXT", hide_env = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The file with the contexts; by default sagactl/config.toml in the configuration directory
    #[arg(long, global = true, env = "SAGACTL_CONFIG", hide_env = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The orchestrator's address
    #[arg(long, global = true, env = "SAGACTL_ORCHESTRATOR", hide_env = true, value_name = "URL")]
    pub orchestrator: Option<String>,
    /// The order-service's address
    #[arg(long, global = true, env = "SAGACTL_ORDERS", hide_env = true, value_name = "URL")]
    pub orders: Option<String>,
    /// The inventory-service's address, for health
    #[arg(long, global = true, env = "SAGACTL_INVENTORY", hide_env = true, value_name = "URL")]
    pub inventory: Option<String>,
    /// The payment-service's address, for health
    #[arg(long, global = true, env = "SAGACTL_PAYMENTS", hide_env = true, value_name = "URL")]
    pub payments: Option<String>,
    /// The dashboard's user
    #[arg(long, global = true, env = "SAGACTL_USER", hide_env = true, value_name = "NAME")]
    pub user: Option<String>,
    /// Certificates of a private authority, in PEM
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and lines
    Table,
    /// JSON
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List, show, watch and operate sagas
    #[command(subcommand)]
    Sagas(Box<Sagas>),
    /// List and show tasks of people, claim them and complete them
    #[command(subcommand)]
    Tasks(Tasks),
    /// List the open incidents, grouped by step and reason
    Incidents,
    /// List and show dead letters, and put them back on their topics
    #[command(subcommand)]
    Dlq(Dlq),
    /// List, check, compare and deploy definitions, and roll them out
    #[command(subcommand)]
    Definitions(Definitions),
    /// List and show orders
    #[command(subcommand)]
    Orders(Orders),
    /// List, create, change and replay webhooks
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Show the readiness of the services
    Health,
    /// Check a login, and store it with the addresses as a context
    Login(Login),
    /// List, choose and remove contexts
    #[command(subcommand)]
    Context(ContextCommand),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write the pages of all commands to a directory
    Man {
        /// The directory
        directory: Option<PathBuf>,
    },
}

/// `dlq`
#[derive(Debug, Subcommand)]
pub enum Dlq {
    /// List the dead-letter topics, or the newest messages of one
    List {
        /// A dead-letter topic
        topic: Option<String>,
    },
    /// Show a dead letter with its headers and value
    Show {
        #[command(flatten)]
        position: Position,
    },
    /// Send a dead letter to its source topic
    PutBack {
        #[command(flatten)]
        position: Position,
        /// Also if it was put back before
        #[arg(long)]
        again: bool,
        /// The reason, which is recorded
        #[arg(long)]
        why: String,
    },
}

/// Where a dead letter lies.
#[derive(Debug, Clone, Args)]
pub struct Position {
    /// The dead-letter topic
    pub topic: String,
    /// The partition
    pub partition: i32,
    /// The offset
    pub offset: i64,
}

/// `definitions`
#[derive(Debug, Subcommand)]
pub enum Definitions {
    /// List the definitions and their rollouts
    List,
    /// Check definitions, without the orchestrator
    Check {
        /// Definitions
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Also compare with the orchestrator: a version that it knows must not change
        #[arg(long)]
        server: bool,
    },
    /// Compare two definitions
    Diff {
        /// A file, or NAME or NAME@VERSION of the orchestrator; without a version its newest
        old: String,
        /// The same
        new: String,
        /// Exit with 1 if they differ
        #[arg(long)]
        exit_code: bool,
    },
    /// Compare the sagas of two versions: endings, retries, incidents and times, with 95 % intervals
    Compare {
        /// The definition
        name: String,
        /// The version to compare with
        #[arg(long, value_name = "VERSION")]
        from: u32,
        /// The version in question
        #[arg(long, value_name = "VERSION")]
        to: u32,
        /// The sagas that started in the last 5m, 1h, 24h or 7d
        #[arg(long, default_value = "24h", value_parser = ["5m", "1h", "24h", "7d"])]
        window: String,
    },
    /// Start new sagas on a definition, without a file and without a restart
    Deploy {
        /// The definition
        file: PathBuf,
        #[command(flatten)]
        act: Act,
    },
    /// Start no new saga on a deployed definition; no saga may run on it
    Undeploy {
        /// The definition
        name: String,
        /// The version
        #[arg(long)]
        version: u32,
        #[command(flatten)]
        act: Act,
    },
    /// Start new sagas on a version, or a share of them
    Rollout {
        /// The definition
        name: String,
        /// The version
        #[arg(long)]
        version: u32,
        /// The share of new sagas
        #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: u8,
        #[command(flatten)]
        act: Act,
    },
}

/// `orders`
#[derive(Debug, Subcommand)]
pub enum Orders {
    /// List orders, the newest first
    List {
        /// The status
        #[arg(long)]
        status: Option<String>,
        /// The customer
        #[arg(long)]
        customer: Option<Uuid>,
        #[command(flatten)]
        page: Page,
    },
    /// Show an order
    Show {
        /// The order's id
        id: Uuid,
    },
}

/// `login`
#[derive(Debug, Args)]
pub struct Login {
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Store the keys of SAGACTL_KEY and SAGACTL_ORDERS_KEY instead of a user
    #[arg(long, conflicts_with = "password_stdin")]
    pub keys: bool,
    /// Do not check the login
    #[arg(long)]
    pub no_check: bool,
}

/// `context`
#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    /// List the contexts
    List,
    /// Choose the context that is used if none is named
    Use {
        /// The context
        name: String,
    },
    /// Remove a context with its login
    Remove {
        /// The context
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_operation_needs_a_reason_and_either_an_id_or_a_filter() {
        let id = "0190a000-0000-7000-8000-000000000001";
        for line in [
            format!("sagactl sagas retry {id} --why w"),
            "sagactl sagas retry --status incident --why w --dry-run".to_owned(),
            "sagactl sagas cancel --definition order@3 --at-step ship --why w --yes".to_owned(),
            "sagactl definitions compare order --from 3 --to 4 --window 7d".to_owned(),
            "sagactl webhooks create https://shop.example/ --event order.* --event saga.ended --why w".to_owned(),
            format!("sagactl webhooks replay {id} --since 2026-11-27T12:00:00Z --why w"),
            "sagactl tasks list --kind receive-goods --role warehouse --claimed-by ana --overdue".to_owned(),
            format!("sagactl tasks claim {id}.inspect"),
            format!("sagactl tasks claim {id}.inspect --take-over --why w"),
            format!("sagactl tasks complete {id}.inspect --field status=received --field reason=a=b --why w"),
        ] {
            assert!(parse(&line).is_ok(), "{line}: {}", parse(&line).unwrap_err());
        }
        for line in [
            format!("sagactl sagas retry {id}"),
            "sagactl sagas retry --why w".to_owned(),
            format!("sagactl sagas retry {id} --status incident --why w"),
            format!("sagactl sagas retry {id} --dry-run --why w"),
            format!("sagactl sagas skip {id} --why w"),
            format!("sagactl sagas skip {id} --step ship --answer {{ --why w"),
            "sagactl sagas show 7".to_owned(),
            "sagactl sagas list --definition order@new".to_owned(),
            "sagactl dlq put-back a.dlq 0 1".to_owned(),
            "sagactl definitions rollout order --version 2 --percent 101 --why w".to_owned(),
            "sagactl definitions compare order --from 3".to_owned(),
            "sagactl definitions compare order --from 3 --to 4 --window 2h".to_owned(),
            "sagactl definitions deploy gift-card.toml".to_owned(),
            "sagactl definitions undeploy gift-card --why w".to_owned(),
            "sagactl webhooks create https://shop.example/ --why w".to_owned(),
            format!("sagactl webhooks deliveries {id} --limit 201"),
            format!("sagactl tasks claim {id}.inspect --take-over"),
            format!("sagactl tasks complete {id}.inspect --field status=received"),
            format!("sagactl tasks complete {id}.inspect --field status --why w"),
        ] {
            assert_eq!(parse(&line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn the_help_documents_the_exit_codes_and_the_environment() {
        let help = parse("sagactl --help").unwrap_err().to_string();
        for part in ["Exit codes:", "5  the outcome is unknown", "SAGACTL_PASSWORD", "sagas", "dlq", "completions"] {
            assert!(help.contains(part), "{part} is not in\n{help}");
        }
    }
}
