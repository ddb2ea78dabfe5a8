//! `GET /api/sagas/export`: the sagas of a list as CSV or JSON, streamed page by page.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use common::http::{Params, Problem};
use common::time::Timestamp;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::known::KnownDefinitions;
use super::representation;
use super::sagas::{Format, ListQuery};
use super::state::{Api, SagaPage};
use crate::error::ApiError;
use crate::filter::{Filter, Sort, TEXT_SEARCH_LIMIT};
use crate::view::{self, Listed};

/// Sagas read at once.
const PAGE: usize = 1_000;
/// The most sagas of an export.
const MAX_EXPORT: usize = 100_000;

const HEADS: [&str; 18] = [
    "id",
    "definition",
    "version",
    "status",
    "ending",
    "reason",
    "currentSteps",
    "retrying",
    "attempt",
    "maxAttempts",
    "lastError",
    "waitingSince",
    "customer",
    "amountMinor",
    "currency",
    "startedAt",
    "updatedAt",
    "note",
];

/// An export in progress.
struct Export {
    api: Api,
    known: KnownDefinitions,
    filter: Filter,
    sort: Sort,
    format: Format,
    /// The cursor of the next page.
    cursor: Option<String>,
    /// The sagas written so far.
    written: usize,
    is_over: bool,
}

/// `GET /api/sagas/export?format=csv&status=incident`
pub(super) async fn export(State(api): State<Api>, Params(query): Params<ListQuery>) -> Result<Response, ApiError> {
    if query.limit.is_some() || query.cursor.is_some() {
        return Err(ApiError::bad_request(
            "limit and cursor are parameters of GET /api/sagas",
            "limit e cursor são parâmetros de GET /api/sagas",
        ));
    }
    let Some(format) = query.format else {
        return Err(ApiError::bad_request("format: it must be csv or json", "format: deve ser csv ou json"));
    };
    let sort = query.sort;
    let filter = query.filter().checked(Timestamp::now())?;
    let known = api.known().await?;
    let export = Export { api, known, filter, sort, format, cursor: None, written: 0, is_over: false };
    // An error of the first page is a response; a later one closes the connection, so that the client detects an
    // incomplete file.
    let (first, export) = export.next().await?;
    let rest = stream::try_unfold(export, |export| async move {
        if export.is_over {
            return Ok::<_, ApiError>(None);
        }
        Ok(Some(export.next().await?))
    });
    let first = stream::once(async { Ok(first) });
    let body = Body::from_stream(first.chain(rest).map_err(|error| error.detail().to_owned()));
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"sagas.csv\""),
        Format::Json => ("application/json", "attachment; filename=\"sagas.json\""),
    };
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

impl Export {
    /// The next part of the text.
    async fn next(mut self) -> Result<(Bytes, Self), ApiError> {
        let SagaPage { sagas, next } = self.page().await?;
        let before = self.written;
        self.written += sagas.len();
        self.is_over = next.is_none() || self.written >= MAX_EXPORT;
        let is_cut = self.is_over && (next.is_some() || self.is_search_cut().await?);
        self.cursor = next;
        let text = match self.format {
            Format::Csv => self.csv(&sagas, before, is_cut)?,
            Format::Json => self.json(&sagas, before, is_cut),
        };
        Ok((Bytes::from(text), self))
    }

    async fn page(&self) -> Result<SagaPage, ApiError> {
        // A text is searched once, in the newest sagas only.
        let limit = if self.filter.text.is_some() { TEXT_SEARCH_LIMIT } else { PAGE.min(MAX_EXPORT - self.written) };
        self.api.page(self.filter.clone(), self.sort, self.cursor.as_deref(), limit).await
    }

    /// Returns true if a text was not searched in all sagas of the list.
    async fn is_search_cut(&self) -> Result<bool, ApiError> {
        let filter = self.filter.clone();
        let sort = self.sort;
        let is_cut = move |connection: &rusqlite::Connection| view::is_text_search_cut(connection, &filter, sort);
        Ok(self.api.context.view.read(is_cut).await.map_err(Problem::from)?)
    }

    fn csv(&self, sagas: &[Listed], before: usize, is_cut: bool) -> Result<Vec<u8>, ApiError> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let mut write = |record: &[String]| writer.write_record(record).map_err(Problem::internal);
        if before == 0 {
            write(&HEADS.map(str::to_owned))?;
        }
        for saga in sagas {
            write(&record(saga, self.known.attempt_limit(saga)))?;
        }
        if is_cut {
            let mut last = vec![String::new(); HEADS.len()];
            if let Some(note) = last.last_mut() {
                *note = format!("CUT after {} sagas: more match", self.written);
            }
            write(&last)?;
        }
        writer.into_inner().map_err(|error| Problem::internal(error.into_error()).into())
    }

    /// `{"items":[…,…],"cut":false,"count":2}`, in parts.
    fn json(&self, sagas: &[Listed], before: usize, is_cut: bool) -> Vec<u8> {
        let items: Vec<String> =
            sagas.iter().map(|saga| representation::listed(saga, &self.known).to_string()).collect();
        let begin = match (before, items.is_empty()) {
            (0, _) => "{\"items\":[",
            (_, true) => "",
            (_, false) => ",",
        };
        let end = if self.is_over { format!("],\"cut\":{is_cut},\"count\":{}}}", self.written) } else { String::new() };
        format!("{begin}{}{end}", items.join(",")).into_bytes()
    }
}

fn record(saga: &Listed, limit: Option<u32>) -> [String; HEADS.len()] {
    let text = |text: &Option<String>| guarded(text.as_deref().unwrap_or_default());
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
    let time = |ms: i64| saga::Timestamp(ms).to_string();
    [
        guarded(&saga.id),
        guarded(&saga.definition),
        saga.version.to_string(),
        guarded(&saga.status),
        text(&saga.ending),
        text(&saga.ending_reason),
        guarded(&saga.step),
        saga.retrying.to_string(),
        number(saga.attempt.as_ref().map(|attempt| attempt.number.into())),
        number(limit.map(i64::from)),
        text(&saga.error),
        saga.waiting.map_or_else(String::new, time),
        text(&saga.customer),
        number(saga.money.as_ref().map(|money| money.minor)),
        saga.money.as_ref().map_or_else(String::new, |money| guarded(&money.currency)),
        time(saga.started),
        time(saga.updated),
        String::new(),
    ]
}

/// Characters with which a formula begins, some of them full-width.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// Characters that begin another cell where a spreadsheet does not separate cells by commas, or ignores the quotes.
const SEPARATORS: [char; 5] = [';', '|', '\t', '\r', '\n'];

/// A text that a spreadsheet does not evaluate: an apostrophe precedes what it would take for a formula, also after a
/// character that begins another cell in some spreadsheets (OWASP, CSV injection).
fn guarded(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len());
    if text.starts_with(['\t', '\r', '\n']) {
        guarded.push('\'');
    }
    let mut begins_cell = true;
    for c in text.chars() {
        if begins_cell && FORMULA.contains(&c) {
            guarded.push('\'');
        }
        begins_cell = SEPARATORS.contains(&c) || begins_cell && (c.is_whitespace() || c == '"');
        guarded.push(c);
    }
    guarded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_never_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\ta", "\ra", "\na", "＝1", "＋1", "－1", "＠A1"] {
            assert_eq!(guarded(text), format!("'{text}"));
        }
        for (text, safe) in [
            ("\t=1", "'\t'=1"),
            ("a;=1;b;-c", "a;'=1;b;'-c"),
            ("a; \"=1\"", "a; \"'=1\""),
            ("a\n@b\r\n+c\t＝d", "a\n'@b\r\n'+c\t'＝d"),
            (" =1", " '=1"),
            ("a|=1", "a|'=1"),
        ] {
            assert_eq!(guarded(text), safe);
        }
        for text in ["", "a=1", "out of retries: 503", "ação", "a; b-c", "Ana (a@b.example); 2 + 3"] {
            assert_eq!(guarded(text), text);
        }
    }

    #[test]
    fn a_record_has_a_value_for_each_head() {
        let saga = Listed {
            id: "7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned(),
            definition: "order".to_owned(),
            version: 5,
            status: "incident".to_owned(),
            step: "reserve".to_owned(),
            customer: Some("=HYPERLINK(\"http://evil\")".to_owned()),
            waiting: Some(0),
            error: Some("a, \"b\"\nc".to_owned()),
            ..Listed::default()
        };
        let record = record(&saga, Some(10));
        let value = |head: &str| HEADS.iter().position(|known| *known == head).map(|index| record[index].as_str());
        assert_eq!(value("customer"), Some("'=HYPERLINK(\"http://evil\")"));
        assert_eq!(value("maxAttempts"), Some("10"));
        assert_eq!(value("waitingSince"), Some("1970-01-01T00:00:00.000Z"));
        assert_eq!(value("attempt"), Some(""));
    }
}
