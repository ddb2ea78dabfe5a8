//! `webhooks`

use clap::{Subcommand, ValueEnum};
use uuid::Uuid;

use super::sagas::Act;

/// `webhooks`
#[derive(Debug, Subcommand)]
pub enum Webhooks {
    /// List the webhooks
    List,
    /// Show a webhook
    Show {
        /// The webhook
        id: Uuid,
    },
    /// Deliver events to a URL, and print the secret that signs them
    Create {
        /// Where the events are sent
        url: String,
        /// A type of events, such as order.confirmed or "payment.*"; several times for several
        #[arg(long = "event", required = true, value_name = "TYPE")]
        events: Vec<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        #[command(flatten)]
        act: Act,
    },
    /// Change a webhook where an option is given
    Update {
        /// The webhook
        id: Uuid,
        /// Where the events are sent
        #[arg(long)]
        url: Option<String>,
        /// A type of events; several times for several
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        act: Act,
    },
    /// Deliver the events again; those that wait come first
    Enable {
        /// The webhook
        id: Uuid,
        #[command(flatten)]
        act: Act,
    },
    /// Deliver no more events; those that wait are kept
    Disable {
        /// The webhook
        id: Uuid,
        #[command(flatten)]
        act: Act,
    },
    /// Sign with a new secret, which is printed
    Rotate {
        /// The webhook
        id: Uuid,
        #[command(flatten)]
        act: Act,
    },
    /// Send an event webhook.test
    Test {
        /// The webhook
        id: Uuid,
        #[command(flatten)]
        act: Act,
    },
    /// Send deliveries again that were given up
    Replay {
        /// The webhook
        id: Uuid,
        /// Only events that are not older, such as 2026-11-27T12:00:00Z
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        #[command(flatten)]
        act: Act,
    },
    /// Remove a webhook and the events that wait for it
    Delete {
        /// The webhook
        id: Uuid,
        #[command(flatten)]
        act: Act,
    },
    /// List deliveries of a webhook
    Deliveries {
        /// The webhook
        id: Uuid,
        /// Which
        #[arg(long, value_enum, default_value_t = DeliveryState::Pending)]
        state: DeliveryState,
        /// The most deliveries
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
    },
}

/// Which deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeliveryState {
    /// Those that wait, or are being sent
    Pending,
    /// Those that were given up
    Undelivered,
    /// The last attempts
    Recent,
}

impl DeliveryState {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Undelivered => "undelivered",
            Self::Recent => "recent",
        }
    }
}
