//! All providers. A payment stays with its provider, even if new payments now go to another one.

use std::fmt;
use std::sync::Arc;

use common::money::Amount;

use super::call::{Charge, ProviderKind, Refund};
use super::guard::{Guarded, ProviderHealth};
use super::manual::Manual;
use super::port::{Accepted, ChargeStatus, Listing, PaymentProvider, ProviderError, RefundStatus};
use super::settings::ProviderSettings;
use super::simulated::Simulated;
use super::stripe::{Owner, Stripe};

/// A provider's health, and its role.
#[derive(Clone, Debug)]
pub struct ProviderReport {
    /// The provider.
    pub kind: ProviderKind,
    /// True for the provider of new payments.
    pub chosen: bool,
    /// Its health.
    pub health: ProviderHealth,
}

/// All providers.
pub struct ProviderRegistry {
    chosen: ProviderKind,
    simulated: Guarded<Simulated>,
    manual: Guarded<Manual>,
    stripe: Option<Guarded<Stripe>>,
}

impl fmt::Debug for ProviderRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderRegistry({})", self.chosen.name())
    }
}

impl ProviderRegistry {
    /// Makes the providers. Stripe is available if the settings have its API key.
    ///
    /// # Errors
    /// The HTTP client can't be made.
    pub fn new(settings: &ProviderSettings) -> Result<Arc<Self>, reqwest::Error> {
        let policy = settings.call_policy();
        let stripe = if settings.stripe.api_key.is_empty() {
            None
        } else {
            Some(Guarded::new(Stripe::new(&settings.stripe)?, policy))
        };
        Ok(Arc::new(Self {
            chosen: settings.kind,
            simulated: Guarded::new(Simulated::new(settings.delay, settings.failure_rate), policy),
            manual: Guarded::new(Manual, policy),
            stripe,
        }))
    }

    /// The health of each available provider.
    pub fn reports(&self) -> Vec<ProviderReport> {
        let health = |kind| match kind {
            ProviderKind::Simulated => Some(self.simulated.health()),
            ProviderKind::Manual => Some(self.manual.health()),
            ProviderKind::Stripe => self.stripe.as_ref().map(Guarded::health),
        };
        let report = |kind| Some(ProviderReport { kind, chosen: kind == self.chosen, health: health(kind)? });
        ProviderKind::ALL.into_iter().filter_map(report).collect()
    }

    /// The owner of the payment that Stripe has this id for; `None` if it is not this service's.
    ///
    /// # Errors
    /// [`ProviderError`]
    pub async fn stripe_owner(&self, reference: &str) -> Result<Option<Owner>, ProviderError> {
        let stripe = self.stripe()?;
        stripe.call("owner", || stripe.provider().owner(reference)).await
    }

    fn stripe(&self) -> Result<&Guarded<Stripe>, ProviderError> {
        let missing =
            || ProviderError::Failed("this payment is with Stripe, but provider.stripe.api_key is empty".to_owned());
        self.stripe.as_ref().ok_or_else(missing)
    }
}

impl PaymentProvider for Arc<ProviderRegistry> {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        match charge.provider {
            ProviderKind::Simulated => self.simulated.request(charge).await,
            ProviderKind::Manual => self.manual.request(charge).await,
            ProviderKind::Stripe => self.stripe()?.request(charge).await,
        }
    }

    async fn result(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        match charge.provider {
            ProviderKind::Simulated => self.simulated.result(charge).await,
            ProviderKind::Manual => self.manual.result(charge).await,
            ProviderKind::Stripe => self.stripe()?.result(charge).await,
        }
    }

    async fn capture(&self, charge: &Charge, amount: Amount) -> Result<(), ProviderError> {
        match charge.provider {
            ProviderKind::Simulated => self.simulated.capture(charge, amount).await,
            ProviderKind::Manual => self.manual.capture(charge, amount).await,
            ProviderKind::Stripe => self.stripe()?.capture(charge, amount).await,
        }
    }

    async fn cancel(&self, charge: &Charge) -> Result<ChargeStatus, ProviderError> {
        match charge.provider {
            ProviderKind::Simulated => self.simulated.cancel(charge).await,
            ProviderKind::Manual => self.manual.cancel(charge).await,
            ProviderKind::Stripe => self.stripe()?.cancel(charge).await,
        }
    }

    async fn refund(&self, refund: &Refund) -> Result<RefundStatus, ProviderError> {
        match refund.provider {
            ProviderKind::Simulated => self.simulated.refund(refund).await,
            ProviderKind::Manual => self.manual.refund(refund).await,
            ProviderKind::Stripe => self.stripe()?.refund(refund).await,
        }
    }

    async fn review(&self, charge: &Charge) -> Result<Listing, ProviderError> {
        match charge.provider {
            ProviderKind::Simulated => self.simulated.review(charge).await,
            ProviderKind::Manual => self.manual.review(charge).await,
            ProviderKind::Stripe => self.stripe()?.review(charge).await,
        }
    }
}
