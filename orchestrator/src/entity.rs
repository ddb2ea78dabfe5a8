//! The entities in the orchestrator's journal, and their keys.

use common::journal::{self, Key};
use common::time::Timestamp;
use saga::{Callback, Definition, Operation, Saga};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::dead_letters::PutBack;
use crate::definitions;

/// Prefix of the keys of stored definitions.
pub const DEFINITIONS: &str = "definition/";

/// An entity of the orchestrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    /// A saga.
    Saga(Box<Saga>),
    /// Inputs that arrived before the event that starts their saga.
    Early {
        /// Callbacks, oldest first.
        callbacks: Vec<Callback>,
        /// A request to cancel the saga. A retry after a failure may place it before the start event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cancel: Option<Operation>,
        /// When they are dropped.
        until: Timestamp,
    },
    /// A definition, stored when sagas first started on it.
    Definition(StoredDefinition),
    /// The version on which new sagas start.
    Rollout(StoredRollout),
    /// A dead letter that was put back.
    Letter(PutBack),
}

impl journal::Entity for Entity {
    fn is_open(&self) -> bool {
        match self {
            Self::Saga(saga) => saga.is_open(),
            // Read at every start of a saga: stays in memory.
            Self::Early { .. } | Self::Rollout(_) => true,
            Self::Definition(_) | Self::Letter(_) => false,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Saga(saga) => saga.wake_at().map(Timestamp),
            Self::Early { until, .. } => Some(*until),
            Self::Definition(_) | Self::Rollout(_) | Self::Letter(_) => None,
        }
    }
}

impl Entity {
    /// The saga; `None` for another kind of entity.
    pub fn saga(&self) -> Option<&Saga> {
        match self {
            Self::Saga(saga) => Some(saga),
            Self::Early { .. } | Self::Definition(_) | Self::Rollout(_) | Self::Letter(_) => None,
        }
    }

    /// The saga, by value; `None` for another kind of entity.
    pub fn into_saga(self) -> Option<Saga> {
        match self {
            Self::Saga(saga) => Some(*saga),
            Self::Early { .. } | Self::Definition(_) | Self::Rollout(_) | Self::Letter(_) => None,
        }
    }
}

/// A definition as it was when it was first stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDefinition {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Its canonical hash at that time.
    pub hash: String,
    /// The text of its file.
    pub text: String,
}

impl StoredDefinition {
    /// Parses the text. `None` if this release cannot read it; the errors are logged.
    pub fn parse(&self) -> Option<Definition> {
        definitions::parse_stored(&self.name, self.version, &self.text)
    }
}

/// New sagas start on `version` for this percentage of ids, the others on the newest of the other versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rollout {
    /// The name of the definition.
    pub definition: String,
    /// The version.
    pub version: u32,
    /// 0 to 100.
    pub percent: u8,
}

/// A rollout as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRollout {
    /// The rollout.
    #[serde(flatten)]
    pub rollout: Rollout,
    /// The ids of the last requests, the newest last, to recognise a repetition behind a newer request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
    /// The last requests with their operators, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RolloutRecord>,
}

/// The record of a request that set a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// The request's id.
    pub id: String,
    /// When it was applied.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The version.
    pub version: u32,
    /// The share of new sagas that start on it, 0 to 100.
    pub percent: u8,
}

impl StoredRollout {
    /// The most requests that are remembered.
    pub const MOST_REQUESTS: usize = 8;
}

/// The key of a saga.
pub fn saga_key(id: Uuid) -> Key {
    format!("saga/{id}")
}

/// The key of the inputs that arrived before their saga.
pub fn early_key(id: Uuid) -> Key {
    format!("early/{id}")
}

/// The key of a stored definition.
pub fn definition_key(name: &str, version: u32) -> Key {
    format!("{DEFINITIONS}{name}/{version}")
}

/// The key of a definition's rollout.
pub fn rollout_key(name: &str) -> Key {
    format!("rollout/{name}")
}
