//! The state of the pages, and the request of a page.

use std::sync::Arc;

use axum::http::{HeaderMap, Uri};
use common::time::Timestamp;
use maud::Markup;

use super::cluster::ClusterCache;
use super::columns::Columns;
use super::query::Query;
use crate::api::Api;
use crate::i18n::Lang;
use crate::oidc::Provider;
use crate::sessions::Identity;
#[cfg(test)]
use crate::sessions::{Role, TaskRoles};

/// The state of the pages.
#[derive(Clone)]
pub(super) struct Pages {
    pub(super) api: Api,
    pub(super) cluster: Arc<ClusterCache>,
    /// The identity provider with which users may log in.
    pub(super) provider: Option<Arc<Provider>>,
}

/// The request of a page by a logged-in user.
#[derive(Debug, Clone)]
pub(super) struct PageRequest {
    pub(super) lang: Lang,
    pub(super) identity: Identity,
    pub(super) query: Query,
    /// The columns that the user chose for lists of sagas.
    pub(super) columns: Columns,
}

impl PageRequest {
    /// A request, with the preferences in its headers.
    pub(super) fn new(headers: &HeaderMap, identity: Identity, query: Query) -> Self {
        Self { lang: Lang::of(headers), identity, query, columns: Columns::of(headers) }
    }

    /// A request of a user with this role.
    #[cfg(test)]
    pub(super) fn of_test(role: Role, lang: Lang) -> Self {
        let task_roles = TaskRoles::All;
        let identity = Identity { name: "ana".to_owned(), role, task_roles, csrf: String::new(), address: None };
        Self { lang, identity, query: Query::default(), columns: Columns::default() }
    }
}

/// The content of a page, without its frame.
pub(super) struct Content {
    pub(super) title: String,
    pub(super) main: Markup,
}

impl Pages {
    /// The request of a logged-in user; `None` without a session.
    pub(super) fn request(&self, uri: &Uri, headers: &HeaderMap) -> Option<PageRequest> {
        let identity = self.api.sessions.peek(headers)?;
        Some(PageRequest::new(headers, identity, Query::of(uri)))
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().0
}
