//! Lists that the API returns page by page.

use serde_json::{Value, json};

use crate::client::{Call, Service};
use crate::failure::Failure;
use crate::session::Session;

/// The most items of a page of the API.
const PAGE: u32 = 200;

/// The first `limit` items of a list, as `{"items": [...], "next": CURSOR}`; the cursor is null at the end.
///
/// # Errors
/// A request fails.
pub async fn all(
    session: &Session,
    service: Service,
    path: &[&str],
    query: &[(&'static str, String)],
    limit: u32,
) -> Result<Value, Failure> {
    let mut items: Vec<Value> = Vec::new();
    let mut next = Value::Null;
    loop {
        let rest = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        if rest == 0 {
            break;
        }
        let mut call = Call::get(service, path);
        call.query = query.to_vec();
        call.query.push(("limit", rest.min(PAGE).to_string()));
        if let Some(cursor) = next.as_str() {
            call.query.push(("cursor", cursor.to_owned()));
        }
        let page = session.client.json(call).await?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        next = page["next"].clone();
        if next.is_null() {
            break;
        }
    }
    Ok(json!({ "items": items, "next": next }))
}
