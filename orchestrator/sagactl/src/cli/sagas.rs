//! The command line of `sagas`, with the filters and options that other commands share.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;
use uuid::Uuid;

/// `sagas`
#[derive(Debug, Subcommand)]
pub enum Sagas {
    /// List sagas, the newest first
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        page: Page,
    },
    /// Show a saga with its steps and history
    Show {
        /// The saga's id; for an order's saga, the order's id
        id: Uuid,
    },
    /// Print what happens in a saga until it ends
    Watch {
        /// The saga's id
        id: Uuid,
        /// The pause between two requests
        #[arg(long, default_value = "1s", value_parser = humantime::parse_duration, value_name = "TIME")]
        every: Duration,
        /// Fail unless the saga ends within this time
        #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
        within: Option<Duration>,
    },
    /// Start a saga
    Start {
        /// The name of the definition; the rollout decides on the version
        definition: String,
        /// The payload of the event that starts a saga otherwise: a JSON object
        #[arg(long, value_parser = json, value_name = "JSON")]
        data: Value,
        /// The saga's id; by default derived from the key of the request
        #[arg(long)]
        id: Option<Uuid>,
        #[command(flatten)]
        act: Act,
    },
    /// Send the next attempt now and reset the retries, also of a step that is out of retries
    Retry {
        #[command(flatten)]
        target: Target,
        /// The step; by default every step that can be retried
        #[arg(long)]
        step: Option<String>,
    },
    /// Complete a running step with an answer
    Skip {
        #[command(flatten)]
        target: Target,
        /// The step
        #[arg(long)]
        step: String,
        /// The value stored as the step's output, as JSON
        #[arg(long, value_parser = json, value_name = "JSON")]
        answer: Option<Value>,
    },
    /// Abort sagas and compensate their steps
    Cancel {
        #[command(flatten)]
        target: Target,
        /// The reason of the ending; by default cancelled_by_operator
        #[arg(long)]
        reason: Option<String>,
    },
    /// Pause running or compensating sagas
    Pause {
        #[command(flatten)]
        target: Target,
    },
    /// Resume paused sagas
    Resume {
        #[command(flatten)]
        target: Target,
    },
    /// End incidents: the stuck step was done, or compensated, manually
    Resolve {
        #[command(flatten)]
        target: Target,
        /// The step; required if several steps are stuck
        #[arg(long)]
        step: Option<String>,
        /// A pivot of unknown outcome did not happen: the saga aborts
        #[arg(long)]
        not_happened: bool,
        /// The value stored as the step's output, as JSON
        #[arg(long, value_parser = json, value_name = "JSON")]
        answer: Option<Value>,
    },
}

/// Which sagas: one by its id, or all that match a filter.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The saga's id; without it all sagas that match the filter, up to 1000
    #[arg(required_unless_present = "Filter", conflicts_with = "Filter")]
    pub id: Option<Uuid>,
    #[command(flatten)]
    pub filter: Filter,
    /// With a filter: list the sagas and do nothing
    #[arg(long, conflicts_with = "id")]
    pub dry_run: bool,
    /// With a filter: do not ask
    #[arg(long, short, conflicts_with = "id")]
    pub yes: bool,
    #[command(flatten)]
    pub act: Act,
}

/// The options of every change.
#[derive(Debug, Clone, Args)]
pub struct Act {
    /// The reason, which the history shows
    #[arg(long)]
    pub why: String,
    /// Repeats a request whose outcome is unknown: it takes effect once
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// A filter of sagas: those that match all given parts.
#[derive(Debug, Clone, Default, Args)]
#[group(id = "Filter", multiple = true)]
pub struct Filter {
    /// The status: running, compensating, completed, compensated, incident or paused
    #[arg(long)]
    pub status: Option<String>,
    /// The definition, with or without a version
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub definition: Option<VersionedName>,
    /// A step for which the saga waits
    #[arg(long, value_name = "STEP")]
    pub at_step: Option<String>,
    /// The customer
    #[arg(long)]
    pub customer: Option<String>,
    /// The minimum time that the saga has waited, such as 30s or 5m
    #[arg(long, value_name = "TIME")]
    pub waiting_longer_than: Option<String>,
    /// The reason of the stuck step, as incidents are grouped
    #[arg(long, value_name = "REASON")]
    pub stuck_reason: Option<String>,
    /// A text in the saga's state
    #[arg(long)]
    pub text: Option<String>,
}

/// How many items.
#[derive(Debug, Clone, Args)]
pub struct Page {
    /// The most items
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// `order` or `order@3`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedName {
    pub name: String,
    pub version: Option<u32>,
}

impl std::str::FromStr for VersionedName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => {
                let version = version.parse().map_err(|_| format!("{version:?} is not a version; write {name}@1"))?;
                (name, Some(version))
            }
            None => (text, None),
        };
        if name.is_empty() {
            return Err("the name is missing; write order or order@1".to_owned());
        }
        Ok(Self { name: name.to_owned(), version })
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))
}
