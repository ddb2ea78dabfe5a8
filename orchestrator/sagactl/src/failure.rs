//! Failures of a command: what is printed, and the exit code.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::Format;
use crate::render::clean;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command did what it should.
    Ok,
    /// The service refused the command, or a check failed.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// A service was not reached.
    Unreachable,
    /// The login is missing, wrong, or not permitted to do this.
    NotPermitted,
    /// The service did not report the outcome in time; sent again with the same key the command takes effect once.
    Unknown,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::NotPermitted => 4,
            Self::Unknown => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The problem in a few words.
    pub title: String,
    /// What went wrong.
    pub detail: String,
    /// Wrong values, as JSON pointers with their problems.
    pub errors: Vec<(String, String)>,
    /// What to do.
    pub advice: String,
    /// The problem of the service (RFC 9457), if it sent one.
    pub problem: Option<Box<Value>>,
}

impl Failure {
    /// A failure that no service reported.
    pub fn new(exit: Exit, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        let title = match exit {
            Exit::Ok | Exit::Failed => "Failed",
            Exit::Usage => "Wrong usage",
            Exit::Unreachable => "Not reachable",
            Exit::NotPermitted => "Not logged in",
            Exit::Unknown => "Outcome unknown",
        };
        Self {
            exit,
            title: title.to_owned(),
            detail: detail.into(),
            errors: Vec::new(),
            advice: advice.into(),
            problem: None,
        }
    }

    /// A response of a service with an error status. `key` is the request's `Idempotency-Key`, if it changes anything.
    pub fn of_response(status: u16, body: &str, key: Option<&str>) -> Self {
        let problem: Option<Value> = serde_json::from_str(body).ok().filter(Value::is_object);
        let text = |name: &str| problem.as_ref().and_then(|problem| problem[name].as_str()).map(str::to_owned);
        let errors = problem.as_ref().and_then(|problem| problem["errors"].as_array()).cloned().unwrap_or_default();
        let word = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let (exit, advice) = verdict(status, key);
        Self {
            exit,
            title: text("title").unwrap_or_else(|| format!("HTTP status {status}")),
            detail: text("detail").unwrap_or_else(|| body.chars().take(300).collect()),
            errors: errors.iter().map(|error| (word(error, "pointer"), word(error, "detail"))).collect(),
            advice,
            problem: problem.map(Box::new),
        }
    }

    /// The text for standard error: lines, or JSON.
    pub fn text(&self, format: Format) -> String {
        match format {
            Format::Json => {
                let errors: Vec<Value> =
                    self.errors.iter().map(|(pointer, detail)| json!({"pointer": pointer, "detail": detail})).collect();
                let body = json!({
                    "title": self.title, "detail": self.detail, "errors": errors, "advice": self.advice,
                    "exitCode": self.exit.code(), "problem": self.problem,
                });
                format!("{body:#}\n")
            }
            Format::Table => {
                let mut text = format!("error: {}\n", clean(&self.title));
                let mut add = |line: String| text.push_str(&format!("  {line}\n"));
                if !self.detail.is_empty() {
                    add(clean(&self.detail));
                }
                for (pointer, detail) in &self.errors {
                    add(format!("{}: {}", clean(pointer.trim_start_matches('#')), clean(detail)));
                }
                add(format!("To do: {}", self.advice));
                text
            }
        }
    }
}

/// The exit code of an HTTP status, and what to do.
fn verdict(status: u16, key: Option<&str>) -> (Exit, String) {
    let repeat = |key: &str| format!("repeat the command with --idempotency-key {key}: it takes effect once");
    match (status, key) {
        (401, _) => (
            Exit::NotPermitted,
            "run sagactl login, or set SAGACTL_USER and SAGACTL_PASSWORD, or SAGACTL_KEY; for orders \
             SAGACTL_ORDERS_KEY"
                .to_owned(),
        ),
        (403, _) => (Exit::NotPermitted, "log in as an operator who may do this".to_owned()),
        (404, _) => (Exit::Failed, "look for the right name or id with the list command".to_owned()),
        (409, _) => (Exit::Failed, "show the current state, and choose another action".to_owned()),
        (400 | 422, _) => (Exit::Failed, "correct the values that are named".to_owned()),
        (421, _) => (Exit::Failed, "add the host's name to http.hosts of the service".to_owned()),
        (429, _) => (Exit::Failed, "wait, and try again".to_owned()),
        (502..=504, Some(key)) => (Exit::Unknown, repeat(key)),
        (502..=504, None) => (Exit::Unreachable, "try again, and look at sagactl health".to_owned()),
        _ => (Exit::Failed, "look at the log of the service".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_with_its_title_detail_values_and_what_to_do() {
        let body = r##"{"status":422,"title":"Unprocessable Entity","detail":"A reason is required: see errors.",
            "errors":[{"pointer":"#/why","detail":"must not be empty"}]}"##;
        let failure = Failure::of_response(422, body, Some("k"));
        assert_eq!(failure.exit, Exit::Failed);
        let text = "error: Unprocessable Entity\n  A reason is required: see errors.\n  /why: must not be empty\n  \
                    To do: correct the values that are named\n";
        assert_eq!(failure.text(Format::Table), text);
        let json: Value = serde_json::from_str(&failure.text(Format::Json)).unwrap();
        assert_eq!((&json["exitCode"], &json["errors"][0]["pointer"]), (&json!(1), &json!("#/why")));
        assert_eq!(json["problem"]["status"], 422);
    }

    #[test]
    fn the_exit_code_follows_the_status() {
        for (status, key, exit) in [
            (401, None, Exit::NotPermitted),
            (403, Some("k"), Exit::NotPermitted),
            (404, None, Exit::Failed),
            (409, Some("k"), Exit::Failed),
            (503, Some("k"), Exit::Unknown),
            (503, None, Exit::Unreachable),
            (500, Some("k"), Exit::Failed),
        ] {
            assert_eq!(Failure::of_response(status, "", key).exit, exit, "{status}");
        }
        assert!(Failure::of_response(503, "{}", Some("k-1")).advice.contains("--idempotency-key k-1"));
    }

    #[test]
    fn a_response_that_is_no_problem_is_shown_as_it_is() {
        let failure = Failure::of_response(502, "<html>Bad\u{1b}[2J gateway</html>", None);
        assert_eq!(failure.title, "HTTP status 502");
        assert!(failure.text(Format::Table).contains("<html>Bad\\u{1b}[2J gateway</html>"));
    }
}
