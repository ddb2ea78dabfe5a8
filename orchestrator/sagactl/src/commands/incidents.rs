//! `incidents`

use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{Column, items, table};
use crate::session::Session;

const COLUMNS: [Column; 7] = [
    ("DEFINITION", "/definition"),
    ("VERSION", "/version"),
    ("STEP", "/step"),
    ("COUNT", "/count"),
    ("FIRST", "/waitingSince/first"),
    ("LAST", "/waitingSince/last"),
    ("REASON", "/reason"),
];

/// Lists the open incidents.
pub async fn run(session: &Session) -> Result<Exit, Failure> {
    let incidents = session.client.json(Call::get(Service::Orchestrator, &["api", "incidents"])).await?;
    session.print(&incidents, || table(&COLUMNS, items(&incidents, "/items"), session.width))?;
    Ok(Exit::Ok)
}
