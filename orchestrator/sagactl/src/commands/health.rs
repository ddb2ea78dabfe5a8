//! `health`

use serde_json::{Value, json};

use crate::client::{Call, Response, Service};
use crate::failure::{Exit, Failure};
use crate::render::{clean, table_of};
use crate::session::Session;

/// Shows the readiness of each service.
pub async fn run(session: &Session) -> Result<Exit, Failure> {
    let mut services = Vec::new();
    for service in Service::ALL {
        let answer = session.client.send(Call::get(service, &["health", "ready"])).await;
        services.push((service, report(answer)?));
    }
    let all: Vec<Value> = services
        .iter()
        .map(|(service, report)| {
            let Report { status, checks, problem } = report;
            json!({ "service": service.name(), "status": status, "checks": checks, "problem": problem })
        })
        .collect();
    session.print(&json!({ "items": all }), || table(&services, session.width))?;
    let has = |status: &str| services.iter().any(|(_, report)| report.status == status);
    Ok(if has("unreachable") {
        Exit::Unreachable
    } else if has("down") {
        Exit::Failed
    } else {
        Exit::Ok
    })
}

/// The readiness of a service.
#[derive(Debug)]
struct Report {
    status: &'static str,
    checks: Value,
    problem: Option<String>,
}

/// # Errors
/// The address is not valid.
fn report(answer: Result<Response, Failure>) -> Result<Report, Failure> {
    match answer {
        Ok(Response { status, body }) => {
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            let known = body["checks"].is_object();
            let problem = (!known).then(|| format!("HTTP status {status}, and no health report"));
            let status = if status == 200 && known { "up" } else { "down" };
            Ok(Report { status, checks: body["checks"].clone(), problem })
        }
        Err(failure) if failure.exit == Exit::Usage => Err(failure),
        Err(failure) => Ok(Report { status: "unreachable", checks: Value::Null, problem: Some(failure.detail) }),
    }
}

fn table(services: &[(Service, Report)], width: Option<u16>) -> String {
    let mut rows = Vec::new();
    for (service, report) in services {
        let checks = report.checks.as_object().into_iter().flatten();
        let checks = checks.map(|(name, seen)| format!("{name}: {}", seen.as_str().unwrap_or_default()));
        let details: Vec<String> = checks.chain(report.problem.clone()).map(|text| clean(&text)).collect();
        rows.push(vec![service.name().to_owned(), report.status.to_owned(), details.join("; ")]);
    }
    table_of(&["SERVICE", "STATUS", "CHECKS"], &rows, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Report {
        report(Ok(Response { status, body: body.to_owned() })).unwrap()
    }

    #[test]
    fn a_service_is_up_down_or_unreachable() {
        let up = answered(200, r#"{"status":"up","checks":{"kafka":"reached"}}"#);
        let down = answered(503, r#"{"status":"down","checks":{"kafka":"not reached"}}"#);
        let other = answered(200, "<html>");
        assert_eq!((up.status, down.status, other.status), ("up", "down", "down"));
        let gone = report(Err(Failure::new(Exit::Unreachable, "refused", "")));
        let services = [(Service::Orders, up), (Service::Orchestrator, gone.unwrap())];
        let text = "SERVICE        STATUS       CHECKS\norder-service  up           kafka: reached\n\
                    orchestrator   unreachable  refused\n";
        assert_eq!(table(&services, None), text);
    }
}
