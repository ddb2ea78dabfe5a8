//! What people ask for, as messages on `saga-commands`: an act on a saga, another rollout; and which dead letters they
//! put back.

use common::journal::Transaction;
use common::messages::{Message, Unreadable, header};
use common::time::Timestamp;
use saga::{Input, Operate, Operation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::versions::{self, ROLLOUT_SET};
use super::{Conductor, Kept, uuid_of};
use crate::letters::{self, LETTER_PUT_BACK};

/// `ce_type` of an act on the saga that `ce_subject` names. Its `ce_id` is the act's: the same act is done once.
pub const SAGA_ACTION: &str = "saga.action";

/// `saga.action`: `{"by":"techlead","why":"the customer called","action":"cancel"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SagaAction {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// What.
    #[serde(flatten)]
    pub what: Operate,
}

impl Conductor {
    pub(super) fn operators(
        &self,
        tx: &mut Transaction<'_, Kept>,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        match message.kind() {
            Some(SAGA_ACTION) => self.act(tx, message, now),
            Some(ROLLOUT_SET) => versions::set_rollout(tx, self.definitions(), message.json()?),
            Some(LETTER_PUT_BACK) => {
                letters::keep(tx, message.json()?);
                Ok(())
            }
            other => Err(Unreadable::UnknownType(other.unwrap_or_default().to_owned())),
        }
    }

    fn act(&self, tx: &mut Transaction<'_, Kept>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let id = uuid_of(header::SUBJECT, message.header(header::SUBJECT))?;
        tx.check_home("saga", &id.to_string())?;
        let SagaAction { by, why, what } = message.json()?;
        let operation = Operation { id: message.id(), by, why, what };
        if self.input(tx, id, Input::Operator(operation), now) {
            Ok(())
        } else {
            Err(Unreadable::Header(header::SUBJECT, format!("there is no saga {id} with a known definition")))
        }
    }
}
