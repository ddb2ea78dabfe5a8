//! `GET /orders/{id}/invoice`: the invoice as JSON, or as PDF or XML if `Accept` prefers them.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use common::http::{PathId, Problem};
use common::service::Context;

use super::format::{self, Format};
use super::lookup;
use crate::invoice::document::Document;
use crate::invoice::fonts::LazyFonts;
use crate::invoice::{pdf, ubl};
use crate::settings::Settings;

/// The invoice of an order, as PDF with `Accept: application/pdf`, as XML (UBL 2.1) with `Accept: application/xml`.
///
/// It is open until the order is paid, and void if the order is not fulfilled. What it showed when it was issued does
/// not change.
#[utoipa::path(get, path = "/orders/{id}/invoice",
    params(("id" = uuid::Uuid, Path, description = "The order's id."),
        ("Accept-Language" = Option<String>, Header,
            description = "The language of a PDF, `en` or `pt`, of an order whose customer has none.")),
    responses((status = 200, description = "The invoice.",
            content((Document = "application/json"), (String = "application/pdf"), (String = "application/xml"))),
        (status = 404, description = "There is no such order, or it has no invoice."),
        (status = 409, description = "XML only: the amounts are too large for it.")))]
pub(super) async fn invoice(
    State(context): State<Context<Settings>>,
    Extension(fonts): Extension<LazyFonts>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = lookup::get(&context, id).await?;
    let Some(document) = Document::of(&order) else {
        let status = order.status;
        return Err(Problem::not_found(format!("Order {id} is {status} and has no invoice.")));
    };
    match Format::of(&headers) {
        Format::Json => Ok(([format::vary()], Json(document)).into_response()),
        Format::Xml => format::xml(&document.number, ubl::invoice(&document)),
        Format::Pdf => {
            let language = format::language(&order, &headers, context.settings.notices.language);
            let number = document.number.clone();
            format::pdf(&number, language, move || pdf::invoice(&document, language, fonts.get())).await
        }
    }
}
