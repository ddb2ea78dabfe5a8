//! The errors of the API and the pages: a [`Problem`] in English for programs, and its detail in both languages for the
//! pages.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::http::Problem;

use crate::i18n::Lang;

/// An error of the API or a page.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    problem: Problem,
    portuguese: String,
}

impl ApiError {
    /// An error with its detail in English and in Portuguese.
    pub fn new(status: StatusCode, english: impl Into<String>, portuguese: impl Into<String>) -> Self {
        Self { problem: Problem::of(status, english.into()), portuguese: portuguese.into() }
    }

    /// 400: the request is malformed.
    pub fn bad_request(english: impl Into<String>, portuguese: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, english, portuguese)
    }

    /// 404: not found.
    pub fn not_found(english: impl Into<String>, portuguese: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, english, portuguese)
    }

    /// 409: not possible in the current state.
    pub fn conflict(english: impl Into<String>, portuguese: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, english, portuguese)
    }

    /// 422: a value is invalid.
    pub fn unprocessable(english: impl Into<String>, portuguese: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, english, portuguese)
    }

    /// 503: not now, or the outcome is unknown.
    pub fn unavailable(english: impl Into<String>, portuguese: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, english, portuguese)
    }

    /// Adds an entry to `errors` of the problem; see [`Problem::at`].
    #[must_use]
    pub fn at(mut self, pointer: &str, english: impl Into<String>) -> Self {
        self.problem = self.problem.at(pointer, english);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.problem.status()
    }

    /// The detail in English.
    pub fn detail(&self) -> &str {
        self.problem.detail()
    }

    /// The detail in a language.
    pub fn text(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => self.problem.detail(),
            Lang::Pt => &self.portuguese,
        }
    }
}

/// The problems of `common` are in English: in Portuguese, only their status is explained.
impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        let portuguese = match problem.status() {
            StatusCode::SERVICE_UNAVAILABLE => "O serviço não está disponível no momento. Tente novamente.",
            status if status.is_server_error() => "Erro interno do serviço; os detalhes estão no log.",
            _ => "A requisição é inválida.",
        };
        Self { problem, portuguese: portuguese.to_owned() }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        error.problem
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.problem.into_response()
    }
}
