//! Stripe's objects, with the fields that this client reads.

use std::collections::HashMap;

use common::bounds::text_bytes;
use common::ids::OrderId;
use common::payments::{ACTION_TEXT_BYTES, Action, ActionKind};
use common::sensitive::{Sensitive, mask_tokens};
use common::time::Timestamp;
use serde::Deserialize;

use crate::provider::port::{ChargeStatus, ProviderError};
use crate::text::cut;

/// The metadata of an object.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    metadata: HashMap<String, String>,
}

/// The order and the payment that an intent was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The order.
    pub order_id: OrderId,
    /// The payment's id.
    pub payment_id: String,
}

impl Named {
    /// The owner of an intent of this service; `None` of another one.
    pub(super) fn owner(&self) -> Option<Owner> {
        let order_id = self.metadata.get("order_id")?.parse().ok()?;
        let payment_id = cut(self.metadata.get("payment_id")?).to_owned();
        Some(Owner { order_id, payment_id })
    }
}

/// A PaymentIntent.
#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) amount: Option<i64>,
    #[serde(default)]
    pub(super) currency: Option<String>,
    #[serde(default)]
    pub(super) last_payment_error: Option<LastError>,
    #[serde(default)]
    pub(super) cancellation_reason: Option<String>,
    #[serde(default)]
    pub(super) client_secret: Option<Sensitive>,
    #[serde(default)]
    pub(super) next_action: Option<NextAction>,
}

/// What the customer must do (<https://docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action>).
#[derive(Debug, Default, Deserialize)]
pub(super) struct NextAction {
    #[serde(default)]
    redirect_to_url: Option<Redirect>,
    #[serde(default)]
    pix_display_qr_code: Option<PixCode>,
}

#[derive(Debug, Deserialize)]
struct Redirect {
    #[serde(default)]
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PixCode {
    /// The text of the code ("Pix Copia e Cola").
    data: String,
    #[serde(default)]
    hosted_instructions_url: Option<String>,
    #[serde(default)]
    expires_at: Option<i64>,
}

/// Why a payment was declined, or a request rejected (<https://docs.stripe.com/api/errors>).
#[derive(Debug, Default, Deserialize)]
pub(super) struct LastError {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) param: Option<String>,
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
}

impl LastError {
    /// The most specific reason given. A message may repeat the customer's token.
    pub(super) fn reason(self) -> Option<String> {
        self.decline_code.or(self.code).or_else(|| self.message.map(|message| mask_tokens(&message, &[]))).or(self.kind)
    }

    /// The error without the `secrets` of its request, and without any other token.
    pub(super) fn masked(self, secrets: &[&str]) -> Self {
        let masked = |text: Option<String>| text.map(|text| mask_tokens(&text, secrets));
        let Self { decline_code, code, kind, message, param } = self;
        Self { decline_code: masked(decline_code), code: masked(code), kind, message: masked(message), param }
    }

    /// Returns true if it is about the request or its card. Others, such as `idempotency_error` and `api_error`, and
    /// the answers of other servers, do not decide about the payment.
    pub(super) fn is_about_request(&self) -> bool {
        matches!(self.kind.as_deref(), Some("invalid_request_error" | "card_error"))
    }

    /// The decline that a rejected request is; `None` if another attempt may succeed: an intent that is missing may
    /// belong to another API key, and a wrong `return_url` is one of the settings.
    pub(super) fn decline(&self) -> Option<ChargeStatus> {
        let is_of_method = self.param.as_deref().is_some_and(|param| param.starts_with("payment_method"));
        let is_of_intent = self.code.as_deref() == Some("resource_missing") && !is_of_method;
        let is_of_settings = self.param.as_deref() == Some("return_url");
        if is_of_intent || is_of_settings {
            return None;
        }
        // A message is no code.
        let code = self.decline_code.as_ref().or(self.code.as_ref()).or(self.kind.as_ref());
        Some(ChargeStatus::Declined(code.cloned()))
    }
}

impl Intent {
    /// Returns true if it is still to be confirmed.
    pub(super) fn is_unconfirmed(&self) -> bool {
        match self.status.as_str() {
            "requires_payment_method" => self.last_payment_error.is_none(),
            status => status == "requires_confirmation",
        }
    }

    /// Its status; `None` if it is still to be confirmed.
    pub(super) fn charge_status(self) -> Result<Option<ChargeStatus>, ProviderError> {
        if self.is_unconfirmed() {
            return Ok(None);
        }
        let status = match self.status.as_str() {
            "succeeded" => ChargeStatus::Approved,
            "requires_capture" => ChargeStatus::Authorized,
            "canceled" => {
                ChargeStatus::Declined(Some(self.cancellation_reason.unwrap_or_else(|| "cancelled".to_owned())))
            }
            "requires_payment_method" => ChargeStatus::Declined(self.last_payment_error.and_then(LastError::reason)),
            "requires_action" => self.action().unwrap_or(ChargeStatus::Open),
            "processing" => ChargeStatus::Open,
            other => return Err(ProviderError::Failed(format!("Stripe reports the unknown status '{other}'"))),
        };
        Ok(Some(status))
    }

    /// The action that Stripe asks of the customer. One without a page or a code is made by Stripe's library with the
    /// client secret: 3-D Secure, or the choice of a payment method.
    pub(super) fn action(self) -> Option<ChargeStatus> {
        let NextAction { redirect_to_url, pix_display_qr_code } = self.next_action.unwrap_or_default();
        let redirect = redirect_to_url.and_then(|redirect| fits(redirect.url));
        let pix = pix_display_qr_code.filter(|pix| text_bytes(&pix.data) <= ACTION_TEXT_BYTES);
        let client_secret = self.client_secret.filter(|secret| text_bytes(secret.reveal()) <= ACTION_TEXT_BYTES);
        let none = Action { kind: ActionKind::Confirm, url: None, client_secret: None, code: None, expires_at: None };
        let action = match (redirect, pix) {
            (Some(url), _) => Action { kind: ActionKind::Redirect, url: Some(url), ..none },
            (None, Some(PixCode { data, hosted_instructions_url, expires_at })) => Action {
                kind: ActionKind::ShowCode,
                url: fits(hosted_instructions_url),
                code: Some(data),
                expires_at: expires_at.map(|seconds| Timestamp(seconds.saturating_mul(1_000))),
                ..none
            },
            (None, None) => Action { client_secret: Some(client_secret?), ..none },
        };
        Some(ChargeStatus::ActionRequired { action, reported: false })
    }
}

/// The text, unless it is longer than an action's texts may be.
fn fits(text: Option<String>) -> Option<String> {
    text.filter(|text| text_bytes(text) <= ACTION_TEXT_BYTES)
}
