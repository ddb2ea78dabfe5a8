//! `GET /orders/{id}/credit-notes`: the credit notes of an order; `GET /orders/{id}/credit-notes/{number}`: one of them
//! as JSON, or as PDF or XML if `Accept` prefers them.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use common::bounds::first_chars;
use common::http::{PathId, PathParams, Problem};
use common::service::Context;

use super::format::{self, Format};
use super::lookup;
use crate::invoice::document::{CreditDocument, CreditSummary};
use crate::invoice::fonts::LazyFonts;
use crate::invoice::{pdf, ubl};
use crate::settings::Settings;

/// The credit notes of an order, oldest first: one for each completed return, or one for an order that was refunded
/// after its invoice was issued.
#[utoipa::path(get, path = "/orders/{id}/credit-notes",
    params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    responses((status = 200, body = [CreditSummary]), (status = 404, description = "There is no such order.")))]
pub(super) async fn credit_notes(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
) -> Result<Json<Vec<CreditSummary>>, Problem> {
    let order = lookup::get(&context, id).await?;
    Ok(Json(CreditSummary::all_of(&order)))
}

/// A credit note, as PDF with `Accept: application/pdf`, as XML (UBL 2.1) with `Accept: application/xml`.
#[utoipa::path(get, path = "/orders/{id}/credit-notes/{number}",
    params(("id" = uuid::Uuid, Path, description = "The order's id."),
        ("number" = String, Path, description = "The credit note's number, such as `C0-000007`."),
        ("Accept-Language" = Option<String>, Header,
            description = "The language of a PDF, `en` or `pt`, of an order whose customer has none.")),
    responses((status = 200, description = "The credit note.",
            content((CreditDocument = "application/json"), (String = "application/pdf"),
                (String = "application/xml"))),
        (status = 404, description = "There is no such order, or it has no credit note with that number."),
        (status = 409, description = "XML only: the amounts are too large for it.")))]
pub(super) async fn credit_note(
    State(context): State<Context<Settings>>,
    Extension(fonts): Extension<LazyFonts>,
    PathId(id): PathId,
    PathParams(params): PathParams<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (_, number) = params;
    let order = lookup::get(&context, id).await?;
    let Some(document) = CreditDocument::of(&order, &number) else {
        let shown = first_chars(&number, 40);
        return Err(Problem::not_found(format!("Order {id} has no credit note {shown}.")));
    };
    match Format::of(&headers) {
        Format::Json => Ok(([format::vary()], Json(document)).into_response()),
        Format::Xml => format::xml(&number, ubl::credit_note(&document)),
        Format::Pdf => {
            let language = format::language(&order, &headers, context.settings.notices.language);
            format::pdf(&number, language, move || pdf::credit_note(&document, language, fonts.get())).await
        }
    }
}
