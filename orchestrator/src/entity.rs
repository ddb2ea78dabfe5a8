//! The entities in the orchestrator's journal, and their keys.

mod request;
pub mod webhooks;

use common::journal::{self, Key};
use common::time::Timestamp;
use saga::{Callback, Definition, Operation, Saga};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::request::{RequestRecord, push_bounded};
use self::webhooks::WebhookEntity;
use crate::dead_letters::PutBack;
use crate::definitions;

/// The key of the deployed definitions.
pub const DEPLOYED: &str = "deployed";
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
    /// The definitions that operators deployed.
    Deployed(Deployments),
    /// A part of the webhooks.
    Webhook(WebhookEntity),
}

impl journal::Entity for Entity {
    fn is_open(&self) -> bool {
        match self {
            Self::Saga(saga) => saga.is_open(),
            // Read at every start of a saga: stays in memory.
            Self::Early { .. } | Self::Rollout(_) | Self::Deployed(_) => true,
            Self::Definition(_) | Self::Letter(_) => false,
            Self::Webhook(part) => part.is_open(),
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Saga(saga) => saga.wake_at().map(Timestamp),
            Self::Early { until, .. } => Some(*until),
            Self::Webhook(part) => part.wake_at(),
            Self::Definition(_) | Self::Rollout(_) | Self::Letter(_) | Self::Deployed(_) => None,
        }
    }

    fn traceparent(&self) -> Option<&str> {
        self.saga()?.traceparent.as_deref()
    }

    fn has_intents(&self) -> bool {
        match self {
            Self::Webhook(part) => part.has_intents(),
            Self::Saga(_)
            | Self::Early { .. }
            | Self::Definition(_)
            | Self::Rollout(_)
            | Self::Letter(_)
            | Self::Deployed(_) => false,
        }
    }
}

impl Entity {
    /// The saga; `None` for another kind of entity.
    pub fn saga(&self) -> Option<&Saga> {
        match self {
            Self::Saga(saga) => Some(saga),
            Self::Early { .. }
            | Self::Definition(_)
            | Self::Rollout(_)
            | Self::Letter(_)
            | Self::Deployed(_)
            | Self::Webhook(_) => None,
        }
    }

    /// The stored definition; `None` for another kind of entity.
    pub const fn definition(&self) -> Option<&StoredDefinition> {
        match self {
            Self::Definition(stored) => Some(stored),
            Self::Saga(_)
            | Self::Early { .. }
            | Self::Rollout(_)
            | Self::Letter(_)
            | Self::Deployed(_)
            | Self::Webhook(_) => None,
        }
    }

    /// The part of the webhooks; `None` for another kind of entity.
    pub const fn webhook(&self) -> Option<&WebhookEntity> {
        match self {
            Self::Webhook(part) => Some(part),
            Self::Saga(_)
            | Self::Early { .. }
            | Self::Definition(_)
            | Self::Rollout(_)
            | Self::Letter(_)
            | Self::Deployed(_) => None,
        }
    }

    /// The saga, by value; `None` for another kind of entity.
    pub fn into_saga(self) -> Option<Saga> {
        match self {
            Self::Saga(saga) => Some(*saga),
            Self::Early { .. }
            | Self::Definition(_)
            | Self::Rollout(_)
            | Self::Letter(_)
            | Self::Deployed(_)
            | Self::Webhook(_) => None,
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
    /// The request.
    #[serde(flatten)]
    pub request: RequestRecord,
    /// The version.
    pub version: u32,
    /// The share of new sagas that start on it, 0 to 100.
    pub percent: u8,
}

/// The name and the version of a definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DefinitionId {
    /// The name.
    pub name: String,
    /// The version.
    pub version: u32,
}

/// A definition that was deployed on a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployedDefinition {
    /// The name and the version.
    #[serde(flatten)]
    pub id: DefinitionId,
    /// The canonical hash of its text; empty if this partition has not received the text.
    pub hash: String,
    /// The number of the request that changed it last, counted by partition 0.
    pub revision: u64,
    /// True while new sagas start on it.
    pub is_active: bool,
}

/// The definitions that operators deployed on a partition. Their texts are [`StoredDefinition`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployments {
    /// Each once, in the order of their last change. An inactive one stays, so that its start topic is read on and a
    /// late request does not deploy it again.
    pub definitions: Vec<DeployedDefinition>,
    /// The last requests with their operators, the newest last.
    pub records: Vec<DeploymentRecord>,
}

impl Deployments {
    /// The most definitions that are active at a time.
    pub const MOST_ACTIVE: usize = 64;
    /// The most definitions that are remembered.
    pub const MOST_DEFINITIONS: usize = 256;
    /// The most requests that are remembered.
    pub const MOST_RECORDS: usize = 16;

    /// A definition.
    pub fn find(&self, id: &DefinitionId) -> Option<&DeployedDefinition> {
        self.definitions.iter().find(|known| known.id == *id)
    }

    /// The number of the last request.
    pub fn revision(&self) -> u64 {
        self.definitions.iter().map(|known| known.revision).max().unwrap_or(0)
    }

    /// The number of active definitions.
    pub fn active(&self) -> usize {
        self.definitions.iter().filter(|known| known.is_active).count()
    }

    /// Puts a definition in place of the one with its name and version. The inactive one that was changed longest ago
    /// makes room for it.
    pub fn put(&mut self, changed: DeployedDefinition) {
        self.definitions.retain(|known| known.id != changed.id);
        if self.definitions.len() >= Self::MOST_DEFINITIONS
            && let Some(oldest) = self.definitions.iter().position(|known| !known.is_active)
        {
            self.definitions.remove(oldest);
        }
        self.definitions.push(changed);
    }
}

/// A change of the deployed definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deployment {
    /// New sagas start on the definition.
    Deploy,
    /// No new saga starts on it.
    Undeploy,
}

/// The record of a request that deployed a definition, or ended that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// The request.
    #[serde(flatten)]
    pub request: RequestRecord,
    /// The definition.
    #[serde(flatten)]
    pub definition: DefinitionId,
    /// The action.
    pub action: Deployment,
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
