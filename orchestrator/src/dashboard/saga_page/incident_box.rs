//! The box of an incident: the command, the answer, the time, and the effect of each action that ends it.

use maud::{Markup, html};
use saga::{Action, Definition, Saga};

use super::super::components::{ago, fact, moment};
use super::super::context::PageRequest;
use crate::i18n::{Lang, step_label};
use crate::inspect::incident::OpenIncident;

/// The box.
pub(super) fn incident_box(
    incident: &OpenIncident<'_>,
    saga: &Saga,
    definition: Option<&Definition>,
    request: &PageRequest,
    now: i64,
) -> Markup {
    let lang = request.lang;
    let name = &incident.step.name;
    let label = step_label(definition, name, lang);
    let (title, wanted) = match incident.action {
        Action::Execute => (
            lang.text("This step could not be done:", "Este passo não pôde ser feito:"),
            lang.text("To be done", "A fazer"),
        ),
        Action::Compensate => (
            lang.text("This step could not be undone:", "Este passo não pôde ser desfeito:"),
            lang.text("To be undone", "A desfazer"),
        ),
    };
    html! { section.incident id={ "incident-" (name) } aria-label=(lang.text("Incident", "Incidente")) {
        h2 { (title) " " a href={ "#step-" (name) } { (label) } }
        dl.facts {
            (fact(wanted, &html! { (label) @if let Some(command) = incident.command {
                ": " code { (command) }
                @if let Some(participant) = incident.participant { " → " (participant) }
            } }))
            (fact(lang.text("Answer", "Resposta"), &html! { strong { (lang.reason(incident.answer)) } }))
            (fact(lang.text("Attempts", "Tentativas"), &html! { (lang.number(incident.attempts.into())) }))
            (fact(lang.text("Since", "Desde"), &html! {
                (moment(incident.since.0)) " (" (ago(lang, incident.since.0, now)) ")"
            }))
        }
        @if request.identity.may_act() {
            ul {
                @if incident.can_retry { li {
                    a href="#act-retry" { (lang.text("Retry", "Tentar novamente")) } ": " (retry(incident, lang))
                } }
                li { a href="#act-resolve" { (lang.text("Resolve", "Resolver")) } ": " (resolve(incident, saga, lang)) }
            }
        }
    } }
}

/// The effect of a retry.
fn retry(incident: &OpenIncident<'_>, lang: Lang) -> Markup {
    html! { @match incident.command {
        Some(command) => {
            (lang.text("sends", "envia")) " " code { (command) } " "
            (lang.text("again now, with all retries; use it when the cause is gone.",
                "de novo agora, com todas as tentativas; use quando a causa foi resolvida."))
        }
        None => (lang.text("waits for the message again.", "aguarda a mensagem de novo.")),
    } }
}

/// The effect of a resolution.
fn resolve(incident: &OpenIncident<'_>, saga: &Saga, lang: Lang) -> Markup {
    let ending = saga.ending.as_ref().map(|ending| lang.status(&ending.status));
    html! {
        @match incident.action {
            Action::Execute => (lang.text(
                "nothing is sent; the step counts as done, by hand, and the saga continues with the next one.",
                "nada é enviado; o passo conta como feito, manualmente, e a saga continua com o próximo.")),
            Action::Compensate => (lang.text(
                "nothing is sent; the step counts as undone, by hand, and the saga undoes the rest.",
                "nada é enviado; o passo conta como desfeito, manualmente, e a saga desfaz o restante.")),
        }
        @if let Some(ending) = ending {
            " " (lang.text("It then ends as:", "Ela então termina como:")) " " (ending) "."
        }
        @if incident.can_deny { " " (lang.text(
            "Resolved as not done, the saga undoes all steps instead.",
            "Resolvido como não feito, a saga desfaz todos os passos.")) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inspect::incident::open_incidents;
    use crate::sessions::Role;

    #[test]
    fn the_box_has_the_command_the_answer_the_time_and_the_effects() {
        let definition = Definition::parse("order.toml", include_str!("../../../sagas/order.toml")).unwrap();
        let saga: Saga = serde_json::from_value(json!({
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "definition": "order", "version": 5, "status": "incident",
            "started": 0, "updated": 0, "data": {}, "ending": {"status": "payment_not_completed"},
            "steps": [{"name": "request-payment", "status": "stuck", "attempts": 1, "undos": 100, "ended": 60_000,
                "reason": "out of retries: <b>503"}],
            "conclude": {"name": "conclude", "status": "waiting"},
        }))
        .unwrap();
        let incidents = open_incidents(&saga, Some(&definition));
        let text = |role, lang| {
            let request = PageRequest::of_test(role, lang);
            incident_box(&incidents[0], &saga, Some(&definition), &request, 3_660_000).into_string()
        };
        let english = text(Role::Operator, Lang::En);
        let parts = [
            "could not be undone",
            "Request the payment",
            "payment.refund",
            "→ payment",
            "&lt;b&gt;503",
            "100",
            "1970-01-01 00:01:00",
            "1 h ago",
            "again now",
            "counts as undone",
            "ends as: not paid",
        ];
        for part in parts {
            assert!(english.contains(part), "{part} in {english}");
        }
        let portuguese = text(Role::Viewer, Lang::Pt);
        assert!(portuguese.contains("tentativas esgotadas") && !portuguese.contains("#act-"), "{portuguese}");
    }
}
