//! The forms of an operator's actions on a saga, with the effect of each, and its result.

use maud::{Markup, html};
use saga::{CONCLUDE, Definition, Operate, Saga, Status, Step, StepState, StepStatus, TimerKind};
use serde_json::Value;

use super::components;
use super::context::PageRequest;
use crate::i18n::Lang;
use crate::messages::{SAGA_ACTION, request_message_id};

/// An action of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActionKind {
    Pause,
    Resume,
    Cancel,
    Retry,
    Skip,
    Resolve,
}

impl ActionKind {
    /// All actions.
    pub(super) const ALL: [Self; 6] = [Self::Pause, Self::Resume, Self::Cancel, Self::Retry, Self::Skip, Self::Resolve];
    /// The actions on many sagas at once.
    pub(super) const BULK: [Self; 5] = [Self::Retry, Self::Resolve, Self::Cancel, Self::Pause, Self::Resume];

    /// The action of this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// Its name in forms and in the API.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Resolve => "resolve",
        }
    }

    /// The operation without a step and an answer; `None` if it needs a step.
    pub(super) const fn plain(self) -> Option<Operate> {
        match self {
            Self::Pause => Some(Operate::Pause),
            Self::Resume => Some(Operate::Resume),
            Self::Cancel => Some(Operate::Cancel { reason: None }),
            Self::Retry => Some(Operate::Retry { step: None }),
            Self::Skip => None,
            Self::Resolve => Some(Operate::Resolve { step: None, happened: true, answer: Value::Null }),
        }
    }

    /// Its label.
    pub(super) const fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Pause => lang.text("Pause", "Pausar"),
            Self::Resume => lang.text("Resume", "Retomar"),
            Self::Cancel => lang.text("Cancel", "Cancelar"),
            Self::Retry => lang.text("Retry now", "Tentar novamente agora"),
            Self::Skip => lang.text("Skip with an answer", "Ignorar com uma resposta"),
            Self::Resolve => lang.text("Resolve", "Resolver"),
        }
    }

    /// Its effect.
    pub(super) const fn effect(self, lang: Lang) -> &'static str {
        match self {
            Self::Pause => lang.text(
                "Replies are still accepted, but no step starts and all timers stop until the saga is resumed.",
                "As respostas continuam sendo aceitas, mas nenhum passo começa e os prazos param até a retomada da \
                 saga.",
            ),
            Self::Resume => {
                lang.text("The saga continues from where it was paused.", "A saga continua de onde foi pausada.")
            }
            Self::Cancel => lang.text(
                "The saga starts to compensate: every completed step is undone.",
                "A saga inicia a compensação: todos os passos concluídos são desfeitos.",
            ),
            Self::Retry => lang.text(
                "The next attempt is sent immediately, with the full number of retries again.",
                "A próxima tentativa é enviada imediatamente, com o número total de novas tentativas.",
            ),
            Self::Skip => lang.text(
                "The step counts as done, with this answer. No command is sent.",
                "O passo é considerado concluído, com esta resposta. Nenhum comando é enviado.",
            ),
            Self::Resolve => lang.text(
                "The blocked step was done or undone by hand, and the saga continues.",
                "O passo bloqueado foi feito ou desfeito manualmente, e a saga continua.",
            ),
        }
    }
}

/// An action that is possible now, and the steps it can be applied to.
struct PossibleAction {
    kind: ActionKind,
    steps: Vec<String>,
}

fn possible(saga: &Saga, definition: Option<&Definition>) -> Vec<PossibleAction> {
    let names = |fits: &dyn Fn(&StepState) -> bool| {
        saga.all_steps().filter(|step| fits(step)).map(|step| step.name.clone()).collect::<Vec<_>>()
    };
    let stuck = names(&|step| step.status == StepStatus::Stuck);
    let has_rules = |step: &StepState| definition.and_then(|known| known.step(&step.name)).is_some_and(Step::is_check);
    let retryable = names(&|step| {
        step.status == StepStatus::Stuck && !has_rules(step)
            || step.timer.is_some_and(|(kind, _)| kind == TimerKind::Retry)
    });
    let active =
        names(&|step| step.name != CONCLUDE && matches!(step.status, StepStatus::Running | StepStatus::Retrying));
    let is_paused = saga.status == Status::Paused;
    let is_active = matches!(saga.status, Status::Running | Status::Compensating);
    let can_cancel =
        saga.ending.is_none() && matches!(saga.status, Status::Running | Status::Paused | Status::Incident);
    let mut all = Vec::new();
    let mut add = |is_possible: bool, kind, steps| {
        if is_possible {
            all.push(PossibleAction { kind, steps });
        }
    };
    add(!retryable.is_empty() && !is_paused, ActionKind::Retry, retryable);
    add(!stuck.is_empty(), ActionKind::Resolve, stuck);
    add(!active.is_empty(), ActionKind::Skip, active);
    add(is_paused, ActionKind::Resume, Vec::new());
    add(is_active, ActionKind::Pause, Vec::new());
    add(can_cancel, ActionKind::Cancel, Vec::new());
    all
}

/// The forms of the actions that are possible now.
pub(super) fn forms(saga: &Saga, definition: Option<&Definition>, request: &PageRequest) -> Markup {
    let lang = request.lang;
    let all = possible(saga, definition);
    html! { @if !all.is_empty() { section.acts id="acts" aria-label=(lang.text("Actions", "Ações")) {
        @for action in &all { (form(saga, action, request)) }
    } } }
}

fn form(saga: &Saga, action: &PossibleAction, request: &PageRequest) -> Markup {
    let lang = request.lang;
    let PossibleAction { kind, steps } = action;
    let name = kind.as_str();
    html! { details.act id={ "act-" (name) } data-keep=(format!("{name} {}", steps.join(","))) data-act=(name) {
        summary { (kind.label(lang)) " …" }
        form method="post" action={ "/sagas/" (saga.id) "/act" } {
            (components::act_fields(request, name))
            p { (kind.effect(lang)) }
            @match steps.as_slice() {
                [] => {}
                [step] => input type="hidden" name="step" value=(step);,
                several => label { span { (lang.text("Step", "Passo")) } select name="step" {
                    @for step in several { option value=(step) { (step) } }
                } },
            }
            @if *kind == ActionKind::Resolve { (happened_field(lang)) }
            @if matches!(kind, ActionKind::Skip | ActionKind::Resolve) { (answer_field(lang)) }
            (components::reason_field(lang))
            button.main type="submit" { (lang.text("Confirm: ", "Confirmar: ")) (kind.label(lang).to_lowercase()) }
        }
    } }
}

fn happened_field(lang: Lang) -> Markup {
    html! { label { span { (lang.text("Was it done?", "Foi feito?")) } select name="happened" {
        option value="yes" { (lang.text("yes, by hand", "sim, manualmente")) }
        option value="no" { (lang.text("no, it was not done", "não, não foi feito")) }
    } } }
}

fn answer_field(lang: Lang) -> Markup {
    html! { label {
        span { (lang.text("Answer (JSON, optional)", "Resposta (JSON, opcional)")) }
        textarea name="answer" rows="2" placeholder="{\"status\": \"approved\"}" spellcheck="false" {}
    } }
}

/// The result of the action whose form led to this page.
pub(super) fn result(saga: &Saga, request: &PageRequest) -> Markup {
    let lang = request.lang;
    let id = request.query.get("done").map(|id| request_message_id(SAGA_ACTION, saga.id, id));
    let done = id.and_then(|id| saga.operations.iter().find(|operated| operated.id == id));
    html! { @if let Some(done) = done { p.banner.fine id="done" role="status" {
        @match ActionKind::parse(&done.action) { Some(kind) => (kind.label(lang)), None => (done.action) }
        ": " (lang.text("done", "feito")) ", " (components::moment(done.at.0)) " (" (done.by) ": " (done.why) ")"
    } } }
}
