//! The settings that only this service has, and the providers made from them.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::provider::registry::ProviderRegistry;
use crate::provider::settings::ProviderSettings;

/// The settings that only this service has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// `[provider]`
    pub provider: ProviderSettings,
    /// The providers, made once from the settings and shared by the executor and the API.
    #[serde(skip)]
    pub(crate) registry: Arc<OnceLock<Arc<ProviderRegistry>>>,
}

impl Settings {
    /// The providers, once the service is built.
    pub fn providers(&self) -> Option<&Arc<ProviderRegistry>> {
        self.registry.get()
    }
}
