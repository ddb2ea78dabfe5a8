//! The common parts of write requests: their checks, the message that is sent, and waiting for its effect.

use axum::http::HeaderMap;
use common::http::{Caller, Problem, idempotency_key, parameter, trace_of};
use common::ids;
use common::messages::Outgoing;
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use serde::Serialize;
use uuid::Uuid;

use crate::entity::Inventory;
use crate::settings::{LONGEST_NAME, Settings, is_valid_name};
use crate::view;

/// The default and the largest number of items on a page.
const DEFAULT_LIMIT: usize = 50;
const LARGEST_LIMIT: usize = 200;

/// Parses the `limit` of a page.
pub(super) fn parse_limit(value: Option<&str>) -> Result<usize, Problem> {
    let number = |text: &str| text.parse().ok().filter(|n| (1..=LARGEST_LIMIT).contains(n));
    let limit = parameter("limit", value, number, &format!("a number from 1 to {LARGEST_LIMIT}"))?;
    Ok(limit.unwrap_or(DEFAULT_LIMIT))
}

/// The identity of a request.
pub(super) struct RequestId {
    /// Its `Idempotency-Key`, or a new one.
    pub key: String,
    /// The id of its message, derived from the key.
    pub id: String,
}

/// Reads the identity of a request, or makes one.
pub(super) fn request_id(headers: &HeaderMap) -> Result<RequestId, Problem> {
    let key = idempotency_key(headers)?.unwrap_or_else(|| Uuid::new_v4().to_string());
    let id = ids::derive(&["inventory request", &key]).to_string();
    Ok(RequestId { key, id })
}

/// The author of a request: the authenticated caller, or the one that the body names.
pub(super) fn author(caller: &Caller, given: Option<String>) -> String {
    caller.author().or(given).unwrap_or_default()
}

/// The problem with invalid texts, given as pairs of JSON pointer and text; `None` if all are valid.
pub(super) fn check_texts(texts: &[(&str, &str)]) -> Option<Problem> {
    let allowed = || format!("must have 1 to {LONGEST_NAME} characters, none of them a control character");
    let mut problem = None;
    for (pointer, text) in texts {
        if !is_valid_name(text, LONGEST_NAME) {
            problem = Some(or_invalid(problem).at(pointer, allowed()));
        }
    }
    problem
}

/// The given problem, or a new one to which errors can be added.
pub(super) fn or_invalid(problem: Option<Problem>) -> Problem {
    problem.unwrap_or_else(|| Problem::unprocessable("The request is invalid: see errors."))
}

/// A message to a warehouse.
pub(super) struct Request<'r, T> {
    /// Its `ce_type`.
    pub kind: &'r str,
    pub warehouse: &'r str,
    /// The item or the order that it is about.
    pub subject: &'r str,
    pub id: &'r str,
    pub value: &'r T,
}

/// Sends a message to a warehouse, in the trace of the HTTP request.
pub(super) async fn send<T: Serialize>(
    context: &Context<Settings>,
    headers: &HeaderMap,
    request: Request<'_, T>,
) -> Result<(), Problem> {
    let Request { kind, warehouse, subject, id, value } = request;
    tracing::info!(kind, subject, request_id = id, "sending a request");
    let now = Timestamp::now();
    let message = Outgoing::event(topics::INVENTORY_COMMANDS, warehouse, kind, id, subject, now, value);
    Ok(context.commands.send(&message.caused_by(Some(&trace_of(headers)))).await?)
}

/// Waits until `effect` returns a value for the entity in the view.
pub(super) async fn wait_for<T: Send + 'static>(
    context: &Context<Settings>,
    key: &str,
    effect: impl Fn(&Inventory) -> Option<T> + Send + 'static,
) -> Result<T, Problem> {
    let entity_key = key.to_owned();
    let query = move |db: &rusqlite::Connection| Ok(view::entity(db, &entity_key)?.as_ref().and_then(&effect));
    context.view.until(key, context.effect_timeout, query).await?.ok_or_else(|| {
        let seconds = context.effect_timeout.as_secs_f64();
        Problem::unavailable(format!(
            "The request was sent, and has no visible effect after {seconds} s. Query it later, or repeat the request."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_author_is_the_authenticated_caller() {
        let given = || Some("rui".to_owned());
        assert_eq!(author(&Caller::operator("ana"), given()), "ana");
        assert_eq!(author(&Caller::operator("ana"), None), "ana");
        let long = author(&Caller::operator(&"\n".repeat(300).replacen('\n', "a", 1)), None);
        assert!(check_texts(&[("/by", &long)]).is_none(), "an authenticated name is never refused");
        assert_eq!(author(&Caller::anyone(), given()), "rui");
        assert!(check_texts(&[("/by", &author(&Caller::anyone(), None))]).is_some(), "a name is required");
    }

    #[test]
    fn a_request_without_a_key_gets_one_with_which_it_can_be_repeated() {
        let made = request_id(&HeaderMap::new()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", made.key.parse().unwrap());
        assert_eq!(request_id(&headers).unwrap().id, made.id);
    }

    #[test]
    fn all_invalid_texts_are_listed() {
        let problem = check_texts(&[("/by", ""), ("/why", "because"), ("/note", "a\u{7}")]).unwrap();
        let problem = serde_json::to_value(problem).unwrap();
        let pointers: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
        assert_eq!(pointers, ["#/by", "#/note"]);
        assert!(check_texts(&[("/by", "ana")]).is_none());
    }
}
