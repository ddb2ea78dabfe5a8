//! Stripe: PaymentIntents and Refunds. An intent is made first, which moves no money, and its name is kept in the
//! journal; it is confirmed only after looking how it stands, so that nobody is charged twice, whatever answer was
//! lost. The HTTP is in `client`, what Stripe tells by itself in `webhook`.

mod client;
#[cfg(test)]
mod tests;
pub mod webhook;

use std::collections::HashMap;
use std::time::Duration;

use common::money::Amount;
use serde::Deserialize;

use super::settings::StripeSettings;
use super::{Accepted, Capture, Charge, PaymentProvider, ProviderError, Refund, Standing};
use client::{Client, Fault, keys};

/// When to look for the first time how an intent stands that the customer confirms.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// The provider.
pub struct Stripe {
    client: Client,
    /// What is paid with where the request doesn't say it.
    method: Option<String>,
}

/// As much of a PaymentIntent as matters here.
#[derive(Debug, Deserialize)]
struct Intent {
    id: String,
    status: String,
    #[serde(default)]
    last_payment_error: Option<LastError>,
    #[serde(default)]
    cancellation_reason: Option<String>,
}

/// Why a payment was declined.
#[derive(Clone, Debug, Default, Deserialize)]
struct LastError {
    #[serde(default)]
    decline_code: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl LastError {
    /// The most telling of what it says.
    fn reason(self) -> Option<String> {
        self.decline_code.or(self.code).or(self.message)
    }
}

/// As much of a refund as matters here.
#[derive(Debug, Deserialize)]
struct Refunded {
    status: Option<String>,
    #[serde(default)]
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

/// A page of refunds.
#[derive(Debug, Deserialize)]
struct RefundList {
    data: Vec<Refunded>,
}

impl Intent {
    /// How it stands; none where it is still to be confirmed.
    fn standing(self) -> Result<Option<Standing>, ProviderError> {
        let standing = match self.status.as_str() {
            "succeeded" => Standing::Approved,
            "requires_capture" => Standing::Authorized,
            "canceled" => Standing::Declined(Some(self.cancellation_reason.unwrap_or_else(|| "cancelled".to_owned()))),
            "requires_payment_method" => match self.last_payment_error {
                Some(error) => Standing::Declined(error.reason()),
                None => return Ok(None),
            },
            "requires_confirmation" => return Ok(None),
            "requires_action" | "processing" => Standing::Open,
            other => return Err(ProviderError::Failed(format!("Stripe says the payment is '{other}'"))),
        };
        Ok(Some(standing))
    }
}

impl Stripe {
    /// A client for these settings.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn new(settings: &StripeSettings) -> Result<Self, reqwest::Error> {
        let method = Some(settings.payment_method.clone()).filter(|method| !method.is_empty());
        Ok(Self { client: Client::new(settings)?, method })
    }

    /// Makes the intent, or finds the one that was made: the same key and the same words each time.
    async fn create(&self, charge: &Charge) -> Result<Intent, Fault> {
        let order = charge.order.to_string();
        let amount = charge.amount.0.to_string();
        let form = [
            ("amount", amount.as_str()),
            ("currency", &charge.currency.to_ascii_lowercase()),
            ("capture_method", if charge.capture == Capture::Manual { "manual" } else { "automatic" }),
            ("automatic_payment_methods[enabled]", "true"),
            ("automatic_payment_methods[allow_redirects]", "never"),
            ("description", &format!("Order {order}")),
            ("metadata[order_id]", &order),
            ("metadata[payment_id]", &charge.payment_id),
        ];
        self.client.post("/v1/payment_intents", &charge.payment_id, &form).await
    }

    /// The intent's name. One whose making was never heard of is made now.
    async fn reference(&self, charge: &Charge) -> Result<String, Fault> {
        match &charge.reference {
            Some(known) => Ok(known.clone()),
            None => Ok(self.create(charge).await?.id),
        }
    }

    async fn look(&self, reference: &str) -> Result<Intent, Fault> {
        self.client.get(&format!("/v1/payment_intents/{reference}")).await
    }

    /// Takes the money, or sets it aside. Only for one of which it was looked up that this is still to be done.
    ///
    /// # Errors
    /// [`ProviderError`]
    pub async fn confirm(&self, charge: &Charge, method: &str) -> Result<Standing, ProviderError> {
        match self.act(charge, "confirm", &[("payment_method", method)]).await {
            Ok(intent) => Ok(intent.standing()?.unwrap_or(Standing::Open)),
            Err(Fault::Declined(error)) => Ok(Standing::Declined(error.reason())),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Makes a refund. Where Stripe only repeats an error of its own for a key, whether it was made all the same is
    /// looked up before the next key is used: refunds, unlike an intent's moves, could be made twice.
    async fn refund_once(&self, reference: &str, refund_id: &str, form: &[(&str, &str)]) -> Result<Refunded, Fault> {
        let mut repeated = Fault::Replayed(String::new());
        for key in keys(refund_id) {
            match self.client.post_once("/v1/refunds", &key, form).await {
                Err(fault @ Fault::Replayed(_)) => repeated = fault,
                other => return other,
            }
            let path = format!("/v1/refunds?payment_intent={reference}&limit=100");
            let RefundList { data } = self.client.get(&path).await?;
            let ours = |made: &Refunded| made.metadata.get("refund_id").is_some_and(|id| id == refund_id);
            if let Some(made) = data.into_iter().find(ours) {
                return Ok(made);
            }
        }
        Err(repeated)
    }

    /// Does something to an intent. What it stands in the way of tells how it stands.
    async fn act(&self, charge: &Charge, what: &str, form: &[(&str, &str)]) -> Result<Intent, Fault> {
        let reference = self.reference(charge).await?;
        let key = format!("{}-{what}", charge.payment_id);
        match self.client.post(&format!("/v1/payment_intents/{reference}/{what}"), &key, form).await {
            Err(Fault::UnexpectedState(_)) => self.look(&reference).await,
            other => other,
        }
    }
}

impl PaymentProvider for Stripe {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        let intent = self.create(charge).await?;
        let by_us = charge.method.is_some() || self.method.is_some();
        let result_after = Some(if by_us { Duration::ZERO } else { FIRST_LOOK });
        Ok(Accepted { result_after, reference: Some(intent.id) })
    }

    async fn result(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        let reference = self.reference(charge).await?;
        if let Some(standing) = self.look(&reference).await?.standing()? {
            return Ok(standing);
        }
        let Some(method) = charge.method.as_ref().or(self.method.as_ref()) else { return Ok(Standing::Open) };
        self.confirm(charge, method).await
    }

    async fn capture(&self, charge: &Charge, amount: Amount) -> Result<(), ProviderError> {
        let intent = self.act(charge, "capture", &[("amount_to_capture", &amount.0.to_string())]).await?;
        match intent.status.as_str() {
            "succeeded" => Ok(()),
            other => Err(ProviderError::Refused(format!("Stripe can't capture it: it is '{other}'"))),
        }
    }

    async fn cancel(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        let intent = self.act(charge, "cancel", &[]).await?;
        Ok(intent.standing()?.unwrap_or(Standing::Open))
    }

    async fn refund(&self, refund: &Refund) -> Result<(), ProviderError> {
        let named = refund.reference.as_ref().or(Some(&refund.payment_id).filter(|id| id.starts_with("pi_")));
        let Some(reference) = named else {
            return Err(ProviderError::Refused("Stripe's name for the payment is not known".to_owned()));
        };
        let (order, amount) = (refund.order.to_string(), refund.amount.map(|amount| amount.0.to_string()));
        let mut form = vec![
            ("payment_intent", reference.as_str()),
            ("metadata[order_id]", &order),
            ("metadata[refund_id]", &refund.refund_id),
        ];
        form.extend(amount.as_deref().map(|amount| ("amount", amount)));
        let made = self.refund_once(reference, &refund.refund_id, &form).await;
        match made {
            Ok(Refunded { status, failure_reason, .. }) => match status.as_deref() {
                Some("failed" | "canceled") => {
                    let why = failure_reason.unwrap_or_else(|| "no reason given".to_owned());
                    Err(ProviderError::Refused(format!("Stripe did not refund: {why}")))
                }
                Some(_) | None => Ok(()),
            },
            // Somebody gave all of it back by other means.
            Err(Fault::AlreadyRefunded) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }
}
