//! `sagas`

use serde_json::{Value, json};

use super::show::{self, LIST};
use super::{act, pages, watch};
use crate::cli::{Filter, Page, Sagas};
use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{items, table};
use crate::session::Session;

/// Runs a command.
pub async fn run(session: &Session, command: Sagas) -> Result<Exit, Failure> {
    match command {
        Sagas::List { filter, page } => list(session, &filter, &page).await,
        Sagas::Show { id } => {
            let id = id.to_string();
            let saga = session.client.json(Call::get(Service::Orchestrator, &["api", "sagas", &id])).await?;
            session.print(&saga, || show::saga(&saga, session.width))?;
            Ok(Exit::Ok)
        }
        Sagas::Watch { id, every, within } => watch::run(session, id, every, within).await,
        Sagas::Start { definition, data, id, act } => {
            let body = json!({ "definition": definition, "data": data, "id": id, "why": act.why });
            let key = act::key_of(act.idempotency_key.as_ref());
            let saga = session.client.json(act::post(&["api", "sagas"], body, &key)).await?;
            session.print(&saga, || show::saga(&saga, session.width))?;
            Ok(Exit::Ok)
        }
        Sagas::Retry { .. }
        | Sagas::Skip { .. }
        | Sagas::Cancel { .. }
        | Sagas::Pause { .. }
        | Sagas::Resume { .. }
        | Sagas::Resolve { .. } => act::run(session, command).await,
    }
}

async fn list(session: &Session, filter: &Filter, page: &Page) -> Result<Exit, Failure> {
    let fields = act::filter(filter);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let query: Vec<_> = fields.iter().map(|(name, value)| (*name, text(value))).collect();
    let sagas = pages::all(session, Service::Orchestrator, &["api", "sagas"], &query, page.limit).await?;
    session.print(&sagas, || {
        let more = if sagas["next"].is_null() { "" } else { "there are more: raise --limit\n" };
        table(&LIST, items(&sagas, "/items"), session.width) + more
    })?;
    Ok(Exit::Ok)
}
