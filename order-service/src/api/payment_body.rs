//! The payment of an order as JSON. The provider's token is never part of it.

use common::payments::{Action, ActionKind, PaymentMethod};
use common::sensitive::Sensitive;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::place_body::PaymentMethodName;
use crate::order::Order;

/// The payment of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPayment)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentBody<'a> {
    /// The method that the order was placed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PaymentMethodName>)]
    method: Option<PaymentMethod>,
    /// `approved` or `declined`; left out until there is a result.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    /// Its id at payment-service.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<&'a str>,
    /// The provider's id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    /// What the customer must do before the payment can be completed. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<ActionBody<'a>>,
}

impl<'a> PaymentBody<'a> {
    /// The payment, if anything is known of it.
    pub(super) fn of(order: &'a Order) -> Option<Self> {
        let method = order.placed.payment.as_ref().map(|choice| choice.method);
        let result = order.payment.as_ref();
        if method.is_none() && result.is_none() && order.action.is_none() {
            return None;
        }
        Some(Self {
            method,
            status: result.map(|payment| payment.status.as_str()),
            payment_id: result.and_then(|payment| payment.payment_id.as_deref()),
            reference: result.and_then(|payment| payment.reference.as_deref()),
            action: None,
        })
    }

    /// The same with what the customer must do.
    pub(super) fn with_action(self, order: &'a Order) -> Self {
        Self { action: order.action.as_ref().map(ActionBody::of), ..self }
    }
}

/// What the customer must do before the payment can be completed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentAction)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionBody<'a> {
    #[serde(rename = "type")]
    #[schema(value_type = PaymentActionType)]
    kind: ActionKind,
    /// The page to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    /// The secret with which the provider's library completes the payment in the customer's browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    /// The code to show, such as that of a Pix payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// When the provider ends the payment if the action is not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl<'a> ActionBody<'a> {
    pub(super) fn of(action: &'a Action) -> Self {
        Self {
            kind: action.kind,
            url: action.url.as_deref(),
            client_secret: action.client_secret.as_ref().map(Sensitive::reveal),
            code: action.code.as_deref(),
            expires_at: action.expires_at,
        }
    }
}

/// `redirect`: open `url`; `confirm`: confirm with the provider's library and `clientSecret`, for example by 3-D
/// Secure; `show_code`: pay with `code`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)]
pub(super) enum PaymentActionType {
    Redirect,
    Confirm,
    ShowCode,
}
