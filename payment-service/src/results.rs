//! Payment results: how a payment ended, as the provider or a person says it on `payment-results`, with or without key
//! and headers, early, twice, late, or on a partition that is not the order's.

use std::borrow::Cow;

use common::ids::OrderId;
use common::journal::Transaction;
use common::messages::{Message, Outgoing, Unreadable};
use common::time::Timestamp;
use common::topics;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::handler::Payments;
use crate::payment::{Approval, Payment, cut, key};

/// `ce_type` of a result.
pub const PAYMENT_RESULT: &str = "payment.result";

/// `payment.result`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentResult {
    /// The order.
    pub order_id: OrderId,
    /// How it ended.
    pub status: Verdict,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The payment, as the provider calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The provider's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// How a payment ended. Read in any case, with blanks around it, as people type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Paid.
    Approved,
    /// The money is set aside, to be captured.
    Authorized,
    /// Not paid.
    Declined,
}

impl JsonSchema for Verdict {
    fn schema_name() -> Cow<'static, str> {
        "Verdict".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let any_case = |word: &str| -> String {
            word.chars().map(|letter| format!("[{letter}{}]", letter.to_ascii_uppercase())).collect()
        };
        let words = ["approved", "authorized", "declined"];
        let pattern = format!("^\\s*({})\\s*$", words.map(any_case).join("|"));
        let about = "How a payment ended: approved, authorized or declined, in any case, with blanks around it.";
        json_schema!({ "type": "string", "description": about, "pattern": pattern })
    }
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        match text.trim() {
            word if word.eq_ignore_ascii_case("approved") => Ok(Self::Approved),
            word if word.eq_ignore_ascii_case("authorized") => Ok(Self::Authorized),
            word if word.eq_ignore_ascii_case("declined") => Ok(Self::Declined),
            word => {
                Err(de::Error::custom(format!("'{}' is no result: write approved, authorized or declined", cut(word))))
            }
        }
    }
}

impl Payments {
    /// Takes a result in, or puts it back where its order's messages lie.
    pub(crate) fn result(
        &self,
        tx: &mut Transaction<'_, Payment>,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let result: PaymentResult = message.json()?;
        let order = result.order_id.to_string();
        let home = topics::partition_of(order.as_bytes(), tx.partitions());
        if home != tx.partition() {
            tx.send(Outgoing::put_back(message, &order, home));
            return Ok(());
        }
        let key = key(result.order_id);
        let mut payment = tx.take(&key).unwrap_or_else(|| self.unheard_of(result.order_id, message));
        let answer = match result.status {
            Verdict::Approved => {
                let payment_id = result.payment_id.map(|id| cut(&id).to_owned());
                let reference = result.reference.map(|name| cut(&name).to_owned());
                let (message, at) = (message.id(), Some(now));
                payment.approved(Approval { message, payment_id, reference, at, refunded_at: None }, now)
            }
            Verdict::Authorized => payment.authorized(now),
            Verdict::Declined => payment.declined(result.reason.as_deref(), now),
        };
        tx.put(key, payment);
        answer.into_iter().for_each(|answer| tx.send(answer));
        Ok(())
    }
}
