//! Stripe: PaymentIntents and Refunds (<https://docs.stripe.com/api>). An intent is created first, which moves no
//! money, and its id is stored in the journal. It is confirmed only after its status was read, so that no customer is
//! charged twice, whichever answer was lost. HTTP is in `client`, events that Stripe sends in `webhook`.

mod client;
mod currency;
mod objects;
mod refunds;
#[cfg(test)]
mod tests;
pub mod webhook;

use std::time::Duration;

use common::money::Amount;
use common::payments::PaymentMethod;
use reqwest::StatusCode;

use super::call::{Capture, Charge, Refund};
use super::port::{Accepted, ChargeStatus, Listing, PaymentProvider, ProviderError, RefundStatus};
use super::settings::StripeSettings;
use crate::messages::{ListedStatus, MOST_LISTED};
use client::{Client, Fault, keys};
pub use objects::Owner;
use objects::{Intent, Named};
use refunds::{Disputed, List, Refunded};

/// When to query an intent for the first time if the customer confirms it.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// The provider.
pub struct Stripe {
    client: Client,
    /// The payment method of requests without one.
    method: Option<String>,
    /// Where the customer's bank sends the customer back to; `None` if no bank's page is opened.
    return_url: Option<String>,
}

impl Stripe {
    /// Creates the provider.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub fn new(settings: &StripeSettings) -> Result<Self, reqwest::Error> {
        let method = Some(settings.payment_method.clone()).filter(|method| !method.is_empty());
        let return_url = Some(settings.return_url.clone()).filter(|url| !url.is_empty());
        Ok(Self { client: Client::new(settings)?, method, return_url })
    }

    /// Creates the intent, or returns the one created before: key and body are the same each time.
    async fn create(&self, charge: &Charge) -> Result<Intent, Fault> {
        let order = charge.order.to_string();
        let amount = amount(charge.amount, &charge.currency)?;
        let form = [
            ("amount", amount.as_str()),
            ("currency", &charge.currency.to_ascii_lowercase()),
            ("capture_method", if charge.capture == Capture::Manual { "manual" } else { "automatic" }),
            ("automatic_payment_methods[enabled]", "true"),
            ("automatic_payment_methods[allow_redirects]", if self.return_url.is_some() { "always" } else { "never" }),
            ("description", &format!("Order {order}")),
            ("metadata[order_id]", &order),
            ("metadata[payment_id]", &charge.payment_id),
        ];
        self.client.post("/v1/payment_intents", &charge.payment_id, &form).await
    }

    /// The intent's id. An intent whose id is not known is created, or found by its key.
    async fn reference(&self, charge: &Charge) -> Result<String, Fault> {
        match &charge.reference {
            Some(known) => Ok(known.clone()),
            None => Ok(self.create(charge).await?.id),
        }
    }

    async fn read(&self, reference: &str) -> Result<Intent, Fault> {
        self.client.get(&format!("/v1/payment_intents/{reference}")).await
    }

    /// Confirms an intent: charges or authorizes it. Only for intents whose status was read as unconfirmed. A
    /// confirmation that Stripe rejects, such as one with an unknown token, is a decline: it can never succeed.
    ///
    /// # Errors
    /// [`ProviderError`]
    pub async fn confirm(&self, charge: &Charge, form: &[(&str, &str)]) -> Result<ChargeStatus, ProviderError> {
        match self.change(charge, "confirm", form).await {
            Ok(intent) => Ok(intent.charge_status()?.unwrap_or(ChargeStatus::Open)),
            Err(Fault::Declined(error)) => Ok(ChargeStatus::Declined(error.reason())),
            Err(fault) => rejected(fault),
        }
    }

    /// The owner of the intent with this id; `None` if it is not this service's.
    ///
    /// # Errors
    /// [`ProviderError`]
    pub async fn owner(&self, reference: &str) -> Result<Option<Owner>, ProviderError> {
        // It becomes a part of a path.
        if !reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Ok(None);
        }
        match self.client.get::<Named>(&format!("/v1/payment_intents/{reference}")).await {
            Ok(intent) => Ok(intent.owner()),
            Err(Fault::Rejected(StatusCode::NOT_FOUND, _)) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The fields that confirm an intent; `None` if the customer does that.
    fn confirmation<'a>(&'a self, charge: &'a Charge) -> Option<Vec<(&'static str, &'a str)>> {
        let method = match (&charge.token, charge.method) {
            (Some(token), _) => ("payment_method", token.reveal()),
            (None, Some(PaymentMethod::Pix)) => ("payment_method_data[type]", "pix"),
            (None, Some(PaymentMethod::Card | PaymentMethod::Wallet | PaymentMethod::Invoice) | None) => {
                ("payment_method", self.method.as_deref()?)
            }
        };
        let back = self.return_url.as_deref().map(|url| ("return_url", url));
        Some(std::iter::once(method).chain(back).collect())
    }

    /// Makes a refund. If Stripe only repeats an error of its own for a key, the refunds are read before the next key
    /// is used: unlike an intent's transitions, a refund could be made twice.
    async fn refund_once(&self, reference: &str, refund_id: &str, form: &[(&str, &str)]) -> Result<Refunded, Fault> {
        let mut repeated = Fault::Replayed(String::new());
        for key in keys(refund_id) {
            match self.client.post_once("/v1/refunds", &key, form).await {
                Err(fault @ Fault::Replayed(_)) => repeated = fault,
                other => return other,
            }
            let data = self.refunds(reference).await?;
            let ours = |made: &Refunded| made.metadata.get("refund_id").is_some_and(|id| id == refund_id);
            if let Some(made) = data.into_iter().find(ours) {
                return Ok(made);
            }
        }
        Err(repeated)
    }

    /// All refunds of an intent.
    async fn refunds(&self, reference: &str) -> Result<Vec<Refunded>, Fault> {
        let mut all: Vec<Refunded> = Vec::new();
        loop {
            let after = all.last().map(|last| format!("&starting_after={}", last.id)).unwrap_or_default();
            let path = format!("/v1/refunds?payment_intent={reference}&limit=100{after}");
            let List { data, has_more } = self.client.get(&path).await?;
            let is_last = !has_more || data.is_empty();
            all.extend(data);
            if is_last || all.len() >= MOST_LISTED {
                all.truncate(MOST_LISTED);
                return Ok(all);
            }
        }
    }

    /// Changes an intent. If its status does not allow that, the intent is read instead.
    async fn change(&self, charge: &Charge, what: &str, form: &[(&str, &str)]) -> Result<Intent, Fault> {
        let reference = self.reference(charge).await?;
        let key = format!("{}-{what}", charge.payment_id);
        match self.client.post(&format!("/v1/payment_intents/{reference}/{what}"), &key, form).await {
            Err(Fault::UnexpectedState(_)) => self.read(&reference).await,
            other => other,
        }
    }
}

/// The decline that a rejected request is, if no other attempt can succeed.
fn rejected(fault: Fault) -> Result<ChargeStatus, ProviderError> {
    match fault {
        Fault::Rejected(status, error) => error.decline().ok_or_else(|| Fault::Rejected(status, error).into()),
        other @ (Fault::Declined(_)
        | Fault::UnexpectedState(_)
        | Fault::AlreadyRefunded
        | Fault::Replayed(_)
        | Fault::Other(_)) => Err(other.into()),
    }
}

/// The amount in Stripe's units.
fn amount(amount: Amount, currency: &str) -> Result<String, Fault> {
    let units = currency::to_stripe(amount.0, currency);
    units.map(|units| units.to_string()).map_err(|why| Fault::Other(ProviderError::Refused(why)))
}

impl PaymentProvider for Stripe {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        let intent = self.create(charge).await?;
        let confirmed_here = self.confirmation(charge).is_some();
        let result_after = Some(if confirmed_here { Duration::ZERO } else { FIRST_LOOK });
        Ok(Accepted { result_after, reference: Some(intent.id) })
    }

    async fn result(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        let reference = match self.reference(charge).await {
            Ok(reference) => reference,
            Err(fault) => return rejected(fault),
        };
        let intent = self.read(&reference).await?;
        match (intent.is_unconfirmed(), self.confirmation(charge)) {
            (true, Some(form)) => self.confirm(charge, &form).await,
            (true, None) => Ok(intent.action().unwrap_or(ChargeStatus::Open)),
            (false, _) => Ok(intent.charge_status()?.unwrap_or(ChargeStatus::Open)),
        }
    }

    async fn capture(&self, charge: &Charge, captured: Amount) -> Result<(), ProviderError> {
        let intent =
            self.change(charge, "capture", &[("amount_to_capture", &amount(captured, &charge.currency)?)]).await?;
        match intent.status.as_str() {
            "succeeded" => Ok(()),
            other => Err(ProviderError::Refused(format!("Stripe can't capture the payment: it is '{other}'"))),
        }
    }

    async fn cancel(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        let intent = self.change(charge, "cancel", &[]).await?;
        Ok(intent.charge_status()?.unwrap_or(ChargeStatus::Open))
    }

    async fn refund(&self, refund: &Refund) -> Result<RefundStatus, ProviderError> {
        let Some(reference) = &refund.reference else {
            return Err(ProviderError::Refused("Stripe's id of the payment is not known".to_owned()));
        };
        let order = refund.order.to_string();
        let amount = refund.amount.map(|part| amount(part, &refund.currency)).transpose()?;
        let mut form = vec![
            ("payment_intent", reference.as_str()),
            ("metadata[order_id]", &order),
            ("metadata[refund_id]", &refund.refund_id),
        ];
        form.extend(amount.as_deref().map(|amount| ("amount", amount)));
        let made = self.refund_once(reference, &refund.refund_id, &form).await;
        match made {
            Ok(made) => match made.status() {
                ListedStatus::Failed => {
                    let why = made.failure_reason.unwrap_or_else(|| "no reason given".to_owned());
                    Ok(RefundStatus::Failed(why))
                }
                ListedStatus::Pending => Ok(RefundStatus::Pending),
                ListedStatus::Made => Ok(RefundStatus::Made),
            },
            // All of it was refunded by other means, such as Stripe's dashboard.
            Err(Fault::AlreadyRefunded) => Ok(RefundStatus::Made),
            Err(fault) => Err(fault.into()),
        }
    }

    async fn review(&self, charge: &Charge) -> Result<Listing, ProviderError> {
        let Some(reference) = &charge.reference else {
            return Err(ProviderError::Refused("Stripe's id of the payment is not known".to_owned()));
        };
        let refunds = self.refunds(reference).await?;
        let path = format!("/v1/disputes?payment_intent={reference}&limit=100");
        let List { data: disputes, .. } = self.client.get::<List<Disputed>>(&path).await?;
        Ok(Listing {
            refunds: refunds.into_iter().filter_map(|made| made.listed(&charge.currency)).collect(),
            disputes: disputes.into_iter().filter_map(|dispute| dispute.listed(&charge.currency)).collect(),
        })
    }
}
