//! `GET /orders/{id}/invoice`: the invoice as JSON, or as PDF if `Accept` prefers it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use common::http::{PathId, Problem};
use common::service::Context;

use super::lookup;
use crate::invoice::document::Document;
use crate::invoice::pdf;
use crate::settings::Settings;

const PDF: &str = "application/pdf";

/// The invoice of an order, as PDF with `Accept: application/pdf`.
///
/// It is open until the order is paid, and void if the order is not fulfilled.
#[utoipa::path(get, path = "/orders/{id}/invoice",
    params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    responses((status = 200, description = "The invoice.",
            content((Document = "application/json"), (String = "application/pdf"))),
        (status = 404, description = "There is no such order, or it has no invoice.")))]
pub(super) async fn invoice(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = lookup::get(&context, id).await?;
    let Some(invoice) = Document::of(&order) else {
        let status = order.status;
        return Err(Problem::not_found(format!("Order {id} is {status} and has no invoice.")));
    };
    if !wants_pdf(&headers) {
        return Ok(([(header::VARY, "accept")], Json(invoice)).into_response());
    }
    let name = format!("inline; filename=\"{}.pdf\"", invoice.number);
    let headers = [
        (header::CONTENT_TYPE, PDF.to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::VARY, "accept".to_owned()),
    ];
    Ok((headers, pdf::render(&invoice)).into_response())
}

/// Returns true if `Accept` names PDF, with at least the weight of JSON (RFC 9110, section 12.5.1).
fn wants_pdf(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut pdf = 0.0_f32;
    let mut json = 0.0_f32;
    for range in accepted.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if kind.eq_ignore_ascii_case(PDF) {
            pdf = weight;
        } else if kind.eq_ignore_ascii_case("application/json") || kind == "*/*" {
            json = f32::max(json, weight);
        }
    }
    pdf > 0.0 && pdf >= json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pdf_is_sent_only_if_accept_names_it() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            wants_pdf(&headers)
        };
        assert!(wants("application/pdf") && wants("text/html, application/pdf;q=0.9, */*;q=0.1"));
        assert!(!wants("*/*") && !wants("application/json, application/pdf;q=0.5") && !wants("application/pdf;q=0"));
        assert!(!wants_pdf(&HeaderMap::new()));
    }
}
