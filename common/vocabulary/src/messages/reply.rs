//! A participant's reply to a saga's command.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A participant's reply to a command (`saga.reply`), in the three kinds that a saga distinguishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Reply {
    /// It was done, or had been done before.
    Ok {
        /// Data for later steps of the saga.
        #[serde(default)]
        data: serde_json::Value,
    },
    /// A business refusal. Sending the command again does not help.
    Refused {
        /// A code such as `out_of_stock`.
        reason: String,
        /// A sentence for users.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A technical failure. Sending the command again may help.
    Failed {
        /// What went wrong.
        error: String,
        /// Not before this many milliseconds.
        #[serde(default, rename = "retryAfterMs", skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

impl Reply {
    /// Success without data.
    pub fn done() -> Self {
        Self::ok(serde_json::Value::Object(serde_json::Map::new()))
    }

    /// Success with data for the saga.
    pub fn ok(data: serde_json::Value) -> Self {
        Self::Ok { data }
    }

    /// A business refusal: a code such as `out_of_stock`, and a sentence for users.
    pub fn refused(reason: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), detail: Some(detail.into()) }
    }

    /// A technical failure, to be tried again after `retry_after_ms` milliseconds or when the saga decides.
    pub fn failed(error: impl Into<String>, retry_after_ms: Option<u64>) -> Self {
        Self::Failed { error: error.into(), retry_after_ms }
    }
}
