//! The format and the language of an invoice or a credit note, as a request prefers them: JSON, PDF or XML.

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use common::http::Problem;

use crate::invoice::paper::PdfError;
use crate::order::Order;
use crate::order::delivery::Language;

const JSON: &str = "application/json";
const PDF: &str = "application/pdf";
const XML: &str = "application/xml";

/// A format of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Pdf,
    Xml,
}

impl Format {
    /// The preferred format (RFC 9110, section 12.5.1). PDF and XML are sent only if `Accept` names them: PDF with at
    /// least the weight of JSON; XML also with at least that of every other type, since browsers name it after HTML.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut pdf = 0.0_f32;
        let mut xml = 0.0_f32;
        let mut json = 0.0_f32;
        let mut other = 0.0_f32;
        for range in accepted.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            if kind.eq_ignore_ascii_case(PDF) {
                pdf = weight;
            } else if kind.eq_ignore_ascii_case(XML) {
                xml = weight;
            } else if kind.eq_ignore_ascii_case(JSON) || kind == "*/*" {
                json = json.max(weight);
            } else {
                other = other.max(weight);
            }
        }
        if xml > 0.0 && xml >= json.max(pdf).max(other) {
            Self::Xml
        } else if pdf > 0.0 && pdf >= json {
            Self::Pdf
        } else {
            Self::Json
        }
    }
}

/// The language of a PDF: the customer's, else that of `Accept-Language`, else the given one.
pub(super) fn language(order: &Order, headers: &HeaderMap, otherwise: Language) -> Language {
    let customer = order.placed.customer.as_ref().and_then(|customer| customer.language);
    customer.or_else(|| preferred(headers)).unwrap_or(otherwise)
}

/// The language that `Accept-Language` prefers (RFC 9110, section 12.5.4), of those that there are.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    let wanted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best = None;
    let mut best_weight = 0.0_f32;
    for part in wanted.split(',') {
        let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
        let weight: f32 = weight.trim().parse().unwrap_or(0.0);
        let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        let language = match primary.as_str() {
            "en" => Language::En,
            "pt" => Language::Pt,
            _ => continue,
        };
        if weight > best_weight {
            best = Some(language);
            best_weight = weight;
        }
    }
    best
}

/// The header `Vary` of all formats.
pub(super) fn vary() -> (header::HeaderName, &'static str) {
    (header::VARY, "accept, accept-language")
}

/// The response with XML.
///
/// # Errors
/// 409 if there is none, since the amounts are too large.
pub(super) fn xml(number: &str, text: Option<String>) -> Result<Response, Problem> {
    let too_large = || Problem::conflict(format!("The amounts of {number} are too large for XML: read it as JSON."));
    let text = text.ok_or_else(too_large)?;
    let name = format!("inline; filename=\"{number}.xml\"");
    let headers = [(header::CONTENT_TYPE, XML.to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok(([vary()], headers, text).into_response())
}

/// The response with a PDF, which is written on a thread for blocking work.
///
/// # Errors
/// 500 if it can't be written.
pub(super) async fn pdf(
    number: &str,
    language: Language,
    render: impl FnOnce() -> Result<Vec<u8>, PdfError> + Send + 'static,
) -> Result<Response, Problem> {
    let bytes = tokio::task::spawn_blocking(render).await.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let tag = match language {
        Language::En => "en",
        Language::Pt => "pt",
    };
    let headers = [
        (header::CONTENT_TYPE, PDF.to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{number}.pdf\"")),
        (header::CONTENT_LANGUAGE, tag.to_owned()),
    ];
    Ok(([vary()], headers, bytes).into_response())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::Shop;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn pdf_and_xml_are_sent_only_if_accept_names_them() {
        let format = |accept: &str| Format::of(&headers(header::ACCEPT, accept));
        for accept in ["application/pdf", "text/html, application/pdf;q=0.9, */*;q=0.1"] {
            assert_eq!(format(accept), Format::Pdf, "{accept}");
        }
        for accept in ["application/xml", "application/xml, */*;q=0.1", "application/json;q=0.5, application/xml"] {
            assert_eq!(format(accept), Format::Xml, "{accept}");
        }
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for accept in
            ["*/*", "application/json, application/pdf;q=0.5", "application/pdf;q=0", "application/xml;q=0", browser]
        {
            assert_eq!(format(accept), Format::Json, "{accept}");
        }
        assert_eq!(Format::of(&HeaderMap::new()), Format::Json);
    }

    #[test]
    fn the_language_is_the_customers_else_the_requests() {
        let wants = |accept: &str| headers(header::ACCEPT_LANGUAGE, accept);
        let (mut shop, unknown) = Shop::with_order();
        let customer = json!({"name": "Ana", "email": "ana@example.com", "language": "pt"});
        let pt = shop.place(&json!({ "customer": customer }));
        let of = |order, headers: &HeaderMap| language(&shop.order(order), headers, Language::En);
        assert_eq!(of(pt, &wants("en")), Language::Pt);
        assert_eq!(of(unknown, &wants("de, pt-BR;q=0.8, en;q=0.7")), Language::Pt);
        assert_eq!(of(unknown, &wants("de")), Language::En);
        assert_eq!(of(unknown, &HeaderMap::new()), Language::En);
    }
}
