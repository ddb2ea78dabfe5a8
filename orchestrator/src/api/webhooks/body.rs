//! The body of a request to create a subscription. Separate, so that its secret is displayed nowhere.

use std::fmt;

use serde::Deserialize;

/// `{"url":"https://shop.example/hooks","events":["order.*"],"why":"the shop's CRM"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Create {
    pub(super) url: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) events: Vec<String>,
    #[serde(default)]
    pub(super) secret: Option<String>,
    pub(super) why: String,
}

impl fmt::Debug for Create {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Create").field("url", &self.url).field("events", &self.events).finish_non_exhaustive()
    }
}
