//! What an operator may do here: the forms, each with what it means and a reason to give, and what became of them. They
//! go the way the API's acts go.

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Redirect, Response};
use common::http::{InPath, Problem};
use maud::{Markup, html};
use saga::{Definition, Operate, Saga, Status, Step, StepState, StepStatus, TimerKind};
use serde_json::Value;
use uuid::Uuid;

use super::query::{Query, encoded};
use super::{Pages, Seen, layout, wrong};
use crate::api::{RolloutAsked, saga_id};
use crate::words::Lang;

/// A form that was sent by an operator from one of this session's own pages.
pub(super) struct Sent {
    /// Who sent it. Its query is not looked at: what is meant stands in the form.
    pub seen: Seen,
    /// The form.
    pub form: Query,
    /// The request's headers, with the form's id as the act's: sent twice, it is done once.
    pub headers: HeaderMap,
}

impl FromRequest<Pages> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Response> {
        let (uri, mut headers) = (request.uri().clone(), request.headers().clone());
        let body = String::from_request(request, pages).await.map_err(|rejection| rejection.into_response())?;
        let Some(mut seen) = pages.seen(&uri, &headers) else { return Err(Redirect::to("/login").into_response()) };
        let form = Query::read(&body);
        seen.query = Query::default();
        if !seen.who.may_act() || !seen.who.sent(form.get("csrf").unwrap_or_default()) {
            let why = seen.lang.say(
                "This needs an operator, and a form of this session: reload the page and try again.",
                "Isso requer um operador, e um formulário desta sessão: recarregue a página e tente de novo.",
            );
            let problem = Problem::of(axum::http::StatusCode::FORBIDDEN, why);
            return Err(wrong(pages, &seen, "/", &problem));
        }
        if let Some(id) = form.get("request").and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert("idempotency-key", id);
        }
        Ok(Self { seen, form, headers })
    }
}

/// What a form asks for.
pub(super) fn operate(form: &Query) -> Result<Operate, Problem> {
    let step = || form.get("step").map(str::to_owned);
    let answer = match form.get("answer") {
        None => Value::Null,
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Problem::unprocessable(format!("The answer is not JSON: {error}.")))?,
    };
    let needed = || Problem::unprocessable("Which step?");
    Ok(match form.get("action") {
        Some("pause") => Operate::Pause,
        Some("resume") => Operate::Resume,
        Some("cancel") => Operate::Cancel { reason: None },
        Some("retry") => Operate::Retry { step: step() },
        Some("skip") => Operate::Skip { step: step().ok_or_else(needed)?, answer },
        Some("resolve") => Operate::Resolve { step: step(), happened: form.get("happened") != Some("no"), answer },
        Some(other) => return Err(Problem::unprocessable(format!("{other} is nothing that can be done to a saga."))),
        None => return Err(Problem::unprocessable("What is to be done?")),
    })
}

/// `POST /sagas/{id}/act`
pub(super) async fn on_one(
    State(pages): State<Pages>,
    InPath(id): InPath<String>,
    Sent { seen, form, headers }: Sent,
) -> Response {
    let back = format!("/sagas/{}", encoded(&id));
    let act = async {
        let (id, what) = (saga_id(&id)?, operate(&form)?);
        let why = form.get("why").unwrap_or_default().to_owned();
        pages.api.act_on_one(id, &seen.who, why, what, &headers).await
    };
    match act.await {
        Ok(()) => {
            Redirect::to(&format!("{back}?told={}", encoded(form.get("request").unwrap_or_default()))).into_response()
        }
        Err(problem) => wrong(&pages, &seen, &back, &problem),
    }
}

/// `POST /definitions/{name}/rollout`
pub(super) async fn rollout(
    State(pages): State<Pages>,
    InPath(name): InPath<String>,
    Sent { seen, form, headers }: Sent,
) -> Response {
    let act = async {
        let number = |name| {
            form.number(name)?.ok_or_else(|| Problem::unprocessable(format!("{name}: a whole number is needed")))
        };
        let percent = u8::try_from(number("percent")?).unwrap_or(u8::MAX);
        let why = form.get("why").unwrap_or_default().to_owned();
        let asked = RolloutAsked { version: number("version")?, percent, why };
        pages.api.set_rollout(&name, &seen.who, asked, &headers).await
    };
    match act.await {
        Ok(()) => Redirect::to(&format!("/definitions?told={}", encoded(&name))).into_response(),
        Err(problem) => wrong(&pages, &seen, "/definitions", &problem),
    }
}

/// `POST /dead-letters/{topic}/put-back`
pub(super) async fn put_back(
    State(pages): State<Pages>,
    InPath(topic): InPath<String>,
    Sent { seen, form, .. }: Sent,
) -> Response {
    let back = format!("/dead-letters/{}", encoded(&topic));
    let act = async {
        let place = |name: &str| form.get(name).and_then(|text| text.parse::<i64>().ok());
        let (Some(partition), Some(offset)) = (place("partition"), place("offset")) else {
            return Err(Problem::unprocessable("Which message?"));
        };
        let place = (i32::try_from(partition).unwrap_or(-1), offset);
        let (why, again) = (form.get("why").unwrap_or_default().to_owned(), form.get("again").is_some());
        let done = pages.api.put_back(&topic, place, &seen.who, why, again).await;
        pages.cluster.forget(&topic).await;
        done
    };
    match act.await {
        Ok(done) => Redirect::to(&format!("{back}?told={}-{}", done.partition, done.offset)).into_response(),
        Err(problem) => wrong(&pages, &seen, &back, &problem),
    }
}

/// What became of the act that this page comes from.
pub(super) fn told(saga: &Saga, seen: &Seen) -> Markup {
    let done = seen.query.get("told").and_then(|id| saga.operations.iter().find(|done| done.id == id));
    html! { @if let Some(done) = done { p.banner.fine id="told" role="status" {
        (action(seen.lang, &done.action)) ": " (seen.lang.say("done", "feito")) ", " (layout::moment(done.at.0, false))
        " (" (done.by) ": " (done.why) ")"
    } } }
}

/// The name of an act.
pub(super) fn action(lang: Lang, action: &str) -> &'static str {
    match action {
        "pause" => lang.say("Pause", "Pausar"),
        "resume" => lang.say("Resume", "Retomar"),
        "cancel" => lang.say("Cancel", "Cancelar"),
        "retry" => lang.say("Retry now", "Tentar agora"),
        "skip" => lang.say("Skip with an answer", "Pular com uma resposta"),
        _ => lang.say("Resolve", "Resolver"),
    }
}

/// What an act means, before it is done.
pub(super) fn meaning(lang: Lang, action: &str) -> &'static str {
    match action {
        "pause" => lang.say(
            "Answers are taken, nothing new is begun, and timers stand still until it is resumed.",
            "Respostas são aceitas, nada novo começa, e os prazos param até ser retomada.",
        ),
        "resume" => lang.say("It goes on where it was.", "Segue de onde estava."),
        "cancel" => lang.say(
            "The saga turns back from here, and everything that was done is undone.",
            "A saga volta daqui, e tudo que foi feito é desfeito.",
        ),
        "retry" => lang.say(
            "The next attempt is sent at once, with all retries before it again.",
            "A próxima tentativa é enviada já, com todas as repetições de novo.",
        ),
        "skip" => lang.say(
            "The step counts as done, with this answer. Nobody is asked again.",
            "O passo conta como feito, com esta resposta. Ninguém mais é consultado.",
        ),
        _ => lang.say(
            "What stands in the way was done, or undone, by hand; the saga goes on.",
            "O que estava no caminho foi feito, ou desfeito, à mão; a saga segue.",
        ),
    }
}

/// Which acts make sense now, and for which steps.
fn possible(saga: &Saga, definition: Option<&Definition>) -> Vec<(&'static str, Vec<String>)> {
    let names = |fit: &dyn Fn(&StepState) -> bool| {
        saga.all_steps().filter(|step| fit(step)).map(|step| step.name.clone()).collect::<Vec<_>>()
    };
    let stuck = names(&|step| step.status == StepStatus::Stuck);
    let rules = |step: &StepState| definition.and_then(|known| known.step(&step.name)).is_some_and(Step::is_check);
    let again = names(&|step| {
        step.status == StepStatus::Stuck && !rules(step) || step.timer.is_some_and(|(kind, _)| kind == TimerKind::Retry)
    });
    let doing =
        names(&|step| step.name != "conclude" && matches!(step.status, StepStatus::Running | StepStatus::Retrying));
    let paused = saga.status == Status::Paused;
    let runs = matches!(saga.status, Status::Running | Status::Compensating);
    let may_turn = saga.ending.is_none() && matches!(saga.status, Status::Running | Status::Paused | Status::Incident);
    let mut all = Vec::new();
    let mut add = |fits: bool, what, steps| {
        if fits {
            all.push((what, steps))
        }
    };
    add(!again.is_empty() && !paused, "retry", again);
    add(!stuck.is_empty(), "resolve", stuck);
    add(!doing.is_empty(), "skip", doing);
    add(paused, "resume", Vec::new());
    add(runs, "pause", Vec::new());
    add(may_turn, "cancel", Vec::new());
    all
}

/// The forms of the acts that make sense now.
pub(super) fn forms(saga: &Saga, definition: Option<&Definition>, seen: &Seen) -> Markup {
    let (lang, all) = (seen.lang, possible(saga, definition));
    html! { @if !all.is_empty() { section.acts id="acts" aria-label=(lang.say("Actions", "Ações")) {
        @for (what, steps) in &all {
            details.act id={ "act-" (what) } data-keep=(format!("{what} {}", steps.join(","))) data-act=(what) {
                summary { (action(lang, what)) " …" }
                form method="post" action={ "/sagas/" (saga.id) "/act" } {
                    (layout::csrf(seen))
                    input type="hidden" name="request" value=(Uuid::new_v4());
                    input type="hidden" name="action" value=(what);
                    p { (meaning(lang, what)) }
                    @match steps.as_slice() {
                        [] => {}
                        [step] => input type="hidden" name="step" value=(step);,
                        several => label { span { (lang.say("Step", "Passo")) } select name="step" {
                            @for step in several { option value=(step) { (step) } }
                        } },
                    }
                    @if *what == "resolve" { label { span { (lang.say("Did it happen?", "Aconteceu?")) } select name="happened" {
                        option value="yes" { (lang.say("yes, by hand", "sim, à mão")) }
                        option value="no" { (lang.say("no, it did not happen", "não, não aconteceu")) }
                    } } }
                    @if matches!(*what, "skip" | "resolve") { label {
                        span { (lang.say("Answer (JSON, may be empty)", "Resposta (JSON, pode ficar vazia)")) }
                        textarea name="answer" rows="2" placeholder="{\"status\": \"approved\"}" spellcheck="false" {}
                    } }
                    (why(lang))
                    button.main type="submit" { (lang.say("Yes: ", "Sim: ")) (action(lang, what).to_lowercase()) }
                }
            }
        }
    } } }
}

/// Where one says why.
pub(super) fn why(lang: Lang) -> Markup {
    html! { label { span { (lang.say("Why", "Por quê")) } input name="why" required maxlength="300" autocomplete="off"; } }
}
