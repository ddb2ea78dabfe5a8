//! The settings that only the payment service has, and the providers made from them.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::provider::registry::Switchboard;
use crate::provider::settings::ProviderSettings;

/// The settings that only this service has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// `[provider]`
    pub provider: ProviderSettings,
    /// The providers at work: made once from the settings, for whoever asks them and whoever shows how they do.
    #[serde(skip)]
    pub(crate) at_work: Arc<OnceLock<Arc<Switchboard>>>,
}

impl Settings {
    /// The providers at work.
    pub fn providers(&self) -> Option<&Arc<Switchboard>> {
        self.at_work.get()
    }
}
