//! The command line of `tasks`.

use clap::{Args, Subcommand};

use super::sagas::{Act, Page};

/// `tasks`
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// List the open tasks, those that are due first
    List {
        #[command(flatten)]
        filter: TaskFilter,
        #[command(flatten)]
        page: Page,
    },
    /// Show a task with its form
    Show {
        /// The task: the id of its saga, a dot and the step
        id: String,
    },
    /// Claim a task, so that others do not work on it
    Claim {
        /// The task
        id: String,
        /// Take it from the user who claimed it
        #[arg(long, requires = "why")]
        take_over: bool,
        #[command(flatten)]
        act: OptionalAct,
    },
    /// Give up the claim of a task
    Release {
        /// The task
        id: String,
        #[command(flatten)]
        act: OptionalAct,
    },
    /// Complete a task with the fields of its form
    Complete {
        /// The task
        id: String,
        /// A field of the form; numbers, true and false as in JSON, and any other value as a text
        #[arg(long, value_parser = pair, value_name = "NAME=VALUE")]
        field: Vec<(String, String)>,
        #[command(flatten)]
        act: Act,
    },
}

/// A filter of tasks: those that match all given parts.
#[derive(Debug, Clone, Default, Args)]
pub struct TaskFilter {
    /// The step
    #[arg(long, value_name = "STEP")]
    pub kind: Option<String>,
    /// The role
    #[arg(long)]
    pub role: Option<String>,
    /// The user who claimed it
    #[arg(long, value_name = "USER")]
    pub claimed_by: Option<String>,
    /// Only those that are overdue
    #[arg(long)]
    pub overdue: bool,
    /// The definition
    #[arg(long, value_name = "NAME")]
    pub definition: Option<String>,
}

/// The options of a change that needs no reason.
#[derive(Debug, Clone, Args)]
pub struct OptionalAct {
    /// The reason, which the history shows
    #[arg(long)]
    pub why: Option<String>,
    /// Repeats a request whose outcome is unknown: it takes effect once
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
