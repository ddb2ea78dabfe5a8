//! The POST requests of the forms: they do what the API's actions do, and lead back to the page.

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use common::http::{ClientAddress, PathParams};
use saga::Operate;
use serde_json::Value;

use super::context::{PageRequest, Pages};
use super::forms::ActionKind;
use super::layout::error_page;
use super::query::{Query, encoded};
use crate::api::{RolloutRequest, saga_id};
use crate::dead_letters::Position;
use crate::error::ApiError;

/// A form sent by an operator from a page of the same session.
pub(super) struct SubmittedForm {
    /// The request; its query is empty, since the form has all values.
    pub request: PageRequest,
    /// The form.
    pub form: Query,
    /// The headers, with the form's id as idempotency key: a form that is sent twice is applied once.
    pub headers: HeaderMap,
}

impl FromRequest<Pages> for SubmittedForm {
    type Rejection = Response;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Response> {
        let uri = request.uri().clone();
        let mut headers = request.headers().clone();
        let address = request.extensions().get::<ClientAddress>().map(|client| client.0);
        let body = String::from_request(request, pages).await.map_err(|rejection| rejection.into_response())?;
        let Some(mut request) = pages.request(&uri, &headers) else {
            return Err(Redirect::to("/login").into_response());
        };
        let form = Query::parse(&body);
        request.query = Query::default();
        request.identity.address = address;
        let identity = &request.identity;
        if !identity.may_act() || !identity.owns_form(form.get("csrf").unwrap_or_default()) {
            let error = ApiError::new(
                StatusCode::FORBIDDEN,
                "Only an operator can do this, from a page of the current session: reload the page and try again.",
                "Só um operador pode fazer isso, a partir de uma página da sessão atual: recarregue a página e tente \
                 novamente.",
            );
            return Err(error_page(pages, &request, "/", &error).await);
        }
        if let Some(id) = form.get("request").and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert("idempotency-key", id);
        }
        Ok(Self { request, form, headers })
    }
}

/// The action in a form.
pub(super) fn action(form: &Query) -> Result<ActionKind, ApiError> {
    let Some(name) = form.get("action") else {
        return Err(ApiError::unprocessable("Choose an action.", "Escolha uma ação."));
    };
    let unknown = || ApiError::unprocessable(format!("{name} is not an action."), format!("{name} não é uma ação."));
    ActionKind::parse(name).ok_or_else(unknown)
}

/// The operation in a form: its action with the step and the answer.
pub(super) fn operation(form: &Query) -> Result<Operate, ApiError> {
    let step = form.get("step").map(str::to_owned);
    let answer = match form.get("answer") {
        None => Value::Null,
        Some(text) => serde_json::from_str(text).map_err(|error| {
            ApiError::unprocessable(
                format!("The answer is not JSON: {error}."),
                format!("A resposta não é um JSON válido (linha {}, coluna {}).", error.line(), error.column()),
            )
        })?,
    };
    Ok(match action(form)? {
        ActionKind::Pause => Operate::Pause,
        ActionKind::Resume => Operate::Resume,
        ActionKind::Cancel => Operate::Cancel { reason: None },
        ActionKind::Retry => Operate::Retry { step },
        ActionKind::Skip => {
            let step = step.ok_or_else(|| ApiError::unprocessable("Choose a step.", "Escolha um passo."))?;
            Operate::Skip { step, answer }
        }
        ActionKind::Resolve => Operate::Resolve { step, happened: form.get("happened") != Some("no"), answer },
    })
}

fn reason(form: &Query) -> String {
    form.get("why").unwrap_or_default().to_owned()
}

/// `POST /sagas/{id}/act`
pub(super) async fn on_saga(
    State(pages): State<Pages>,
    PathParams(id): PathParams<String>,
    SubmittedForm { request, form, headers }: SubmittedForm,
) -> Response {
    let back = format!("/sagas/{}", encoded(&id));
    let act = async {
        let id = saga_id(&id)?;
        let operation = operation(&form)?;
        pages.api.act_on_one(id, &request.identity, reason(&form), operation, &headers).await
    };
    match act.await {
        Ok(()) => {
            Redirect::to(&format!("{back}?done={}", encoded(form.get("request").unwrap_or_default()))).into_response()
        }
        Err(error) => error_page(&pages, &request, &back, &error).await,
    }
}

/// `POST /definitions/{name}/rollout`
pub(super) async fn rollout(
    State(pages): State<Pages>,
    PathParams(name): PathParams<String>,
    SubmittedForm { request, form, headers }: SubmittedForm,
) -> Response {
    let set = async {
        let number = |name| {
            form.number(name)?.ok_or_else(|| {
                ApiError::unprocessable(
                    format!("{name}: a whole number is required"),
                    format!("{name}: informe um número inteiro"),
                )
            })
        };
        let percent = u8::try_from(number("percent")?).unwrap_or(u8::MAX);
        let rollout = RolloutRequest { version: number("version")?, percent, why: reason(&form) };
        pages.api.set_rollout(&name, &request.identity, rollout, &headers).await
    };
    match set.await {
        Ok(()) => Redirect::to(&format!("/definitions?done={}", encoded(&name))).into_response(),
        Err(error) => error_page(&pages, &request, "/definitions", &error).await,
    }
}

/// `POST /dead-letters/{topic}/put-back`
pub(super) async fn put_back(
    State(pages): State<Pages>,
    PathParams(topic): PathParams<String>,
    SubmittedForm { request, form, .. }: SubmittedForm,
) -> Response {
    let back = format!("/dead-letters/{}", encoded(&topic));
    let put_back = async {
        let position = position(&topic, &form)?;
        let again = form.get("again").is_some();
        let done = pages.api.put_back(&position, &request.identity, reason(&form), again).await;
        pages.cluster.invalidate(&topic).await;
        done
    };
    match put_back.await {
        Ok(done) => Redirect::to(&format!("{back}?done={}-{}", done.partition, done.offset)).into_response(),
        Err(error) => error_page(&pages, &request, &back, &error).await,
    }
}

fn position(topic: &str, form: &Query) -> Result<Position, ApiError> {
    let partition = form.get("partition").and_then(|text| text.parse().ok());
    let offset = form.get("offset").and_then(|text| text.parse().ok());
    match (partition, offset) {
        (Some(partition), Some(offset)) => Ok(Position { topic: topic.to_owned(), partition, offset }),
        _ => Err(ApiError::unprocessable("Choose a message.", "Escolha uma mensagem.")),
    }
}
