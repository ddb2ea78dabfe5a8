//! All providers, each with what surrounds it: a payment is carried on by the one that took it, also when new payments
//! go to another by now.

use std::fmt;
use std::sync::Arc;

use common::money::Amount;

use super::guard::{Guarded, Seen};
use super::stripe::Stripe;
use super::{
    Accepted, Charge, Manual, PaymentProvider, ProviderError, ProviderKind, ProviderSettings, Refund, Simulated,
    Standing,
};

/// The providers.
pub struct Switchboard {
    chosen: ProviderKind,
    simulated: Guarded<Simulated>,
    manual: Guarded<Manual>,
    stripe: Option<Guarded<Stripe>>,
}

impl fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Switchboard({})", self.chosen.name())
    }
}

impl Switchboard {
    /// With these settings. Stripe is there when it has an API key.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: &ProviderSettings) -> Result<Arc<Self>, reqwest::Error> {
        let patience = settings.patience();
        let stripe = if settings.stripe.api_key.is_empty() {
            None
        } else {
            Some(Guarded::new(Stripe::new(&settings.stripe)?, patience))
        };
        Ok(Arc::new(Self {
            chosen: settings.kind,
            simulated: Guarded::new(Simulated::new(settings.delay, settings.failure_rate), patience),
            manual: Guarded::new(Manual, patience),
            stripe,
        }))
    }

    /// How each provider has been doing, and whether it takes new payments.
    pub fn seen(&self) -> Vec<(ProviderKind, bool, Seen)> {
        let of = |kind| match kind {
            ProviderKind::Simulated => Some(self.simulated.seen()),
            ProviderKind::Manual => Some(self.manual.seen()),
            ProviderKind::Stripe => self.stripe.as_ref().map(Guarded::seen),
        };
        ProviderKind::ALL.into_iter().filter_map(|kind| Some((kind, kind == self.chosen, of(kind)?))).collect()
    }

    fn stripe(&self) -> Result<&Guarded<Stripe>, ProviderError> {
        let missing =
            || ProviderError::Failed("Stripe took this payment, and provider.stripe.api_key is empty".to_owned());
        self.stripe.as_ref().ok_or_else(missing)
    }
}

impl PaymentProvider for Arc<Switchboard> {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        match charge.provider {
            ProviderKind::Simulated => self.simulated.request(charge).await,
            ProviderKind::Manual => self.manual.request(charge).await,
            ProviderKind::Stripe => self.stripe()?.request(charge).await,
        }
    }

    async fn result(&self, charge: &Charge) -> Result<Standing, ProviderError> {
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

    async fn cancel(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        match charge.provider {
            ProviderKind::Simulated => self.simulated.cancel(charge).await,
            ProviderKind::Manual => self.manual.cancel(charge).await,
            ProviderKind::Stripe => self.stripe()?.cancel(charge).await,
        }
    }

    async fn refund(&self, refund: &Refund) -> Result<(), ProviderError> {
        match refund.provider {
            ProviderKind::Simulated => self.simulated.refund(refund).await,
            ProviderKind::Manual => self.manual.refund(refund).await,
            ProviderKind::Stripe => self.stripe()?.refund(refund).await,
        }
    }
}
