//! Renders the content of any page, for its first request and for its updates.

use super::context::{Content, PageRequest, Pages};
use super::page::Page;
use super::{
    audit, bulk, bulk_outcome, dead_letters, definition_diff, definitions, flow, incidents, saga_page, sagas, search,
    task_page, tasks, throughput, webhooks,
};
use crate::error::ApiError;

/// The content of a page.
pub(super) async fn content(pages: &Pages, page: &Page, request: &PageRequest) -> Result<Content, ApiError> {
    match page {
        Page::Flow => flow::content(pages, request).await,
        Page::Sagas => sagas::content(pages, request).await,
        Page::Saga(id) => saga_page::content(pages, request, *id).await,
        Page::Search => search::content(pages, request).await,
        Page::Audit => audit::content(pages, request).await,
        Page::Bulk => bulk::content(pages, request).await,
        Page::BulkOutcome(id) => bulk_outcome::content(pages, request, *id).await,
        Page::Incidents => incidents::content(pages, request).await,
        Page::Tasks => tasks::content(pages, request).await,
        Page::Task(id) => task_page::content(pages, request, id).await,
        Page::Throughput => throughput::content(pages, request).await,
        Page::DeadLetters(topic) => dead_letters::content(pages, request, topic).await,
        Page::Definitions => definitions::content(pages, request).await,
        Page::DefinitionDiff(name) => definition_diff::content(pages, request, name).await,
        Page::Definition { name, version } => definitions::detail(pages, request, name, *version).await,
        Page::Webhooks => webhooks::content(pages, request).await,
        Page::Webhook(id) => webhooks::detail(pages, request, id).await,
    }
}
