//! The nodes and arrows of a drawing, without positions. Joins, forks, conditions and failures become gateways and
//! events here, so that every format shows the same ones.
//!
//! A **cell** is a step with the gateways before and after it:
//!
//! ```text
//!   [join] ─ [choice] ─ STEP ─ [merge] ─ [fork]       join, fork: several steps precede, follow it
//!                └── otherwise ──┘                    choice, merge: the step has a condition
//! ```

use super::labels::{clean, conclude_label, duration};
use crate::definition::{AttemptLimit, Call, Definition, EndingSpec, Receive, Rule, Step, Work, mask, ones};
use crate::status::StepStatus;

/// The nodes and arrows. The cells are numbered: the steps in order, then the start, then the end.
pub(super) struct Flow<'a> {
    pub definition: &'a Definition,
    pub language: &'a str,
    pub nodes: Vec<Node<'a>>,
    pub arrows: Vec<Arrow>,
    /// The pairs of consecutive cells.
    pub edges: Vec<(usize, usize)>,
}

/// A node of the drawing.
pub(super) struct Node<'a> {
    /// Unique: the kind of node, an underscore and the name of the step. Names have no underscore.
    pub id: String,
    pub cell: usize,
    pub kind: NodeKind<'a>,
    /// The text of the node.
    pub title: String,
    /// A description in a sentence.
    pub about: String,
}

#[derive(Clone, Copy)]
pub(super) enum NodeKind<'a> {
    Start,
    Join,
    Choice(&'a str),
    Send(&'a Step, &'a Call),
    Wait(&'a Step, &'a Receive),
    Check(&'a Step, &'a [Rule]),
    Merge,
    Fork,
    /// On the border of a step: it has a compensation.
    CompensationEvent(&'a Step),
    /// On the border of a step: it may be refused or fail, and then the saga aborts.
    ErrorEvent(&'a Step),
    /// On the border of a step: its wait may time out, and then the saga aborts.
    TimeoutEvent(&'a Step, &'a Receive),
    Compensation(&'a Step),
    /// The annotation of the pivot.
    Pivot,
    /// Reports the ending of a completed saga.
    Conclude,
    End,
    /// The start of the compensation.
    Compensate,
    /// Reports the ending of a compensated saga.
    ConcludeCompensated,
    EndCompensated,
}

/// An arrow between two nodes.
pub(super) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub kind: ArrowKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArrowKind {
    /// Sequence within a cell.
    WithinCell,
    /// Sequence between cells: the index of the edge.
    Edge(usize),
    /// From a choice to its step.
    IfTrue,
    /// From a choice around its step.
    Otherwise,
    /// To the start of the compensation.
    Abort,
    /// Association of a step with its compensation or annotation.
    Association,
}

/// The nodes at which arrows enter and leave a cell.
#[derive(Clone, Copy)]
struct Ends {
    entry: usize,
    exit: usize,
}

impl NodeKind<'_> {
    /// Returns true for a step.
    pub(super) const fn is_step(self) -> bool {
        matches!(self, Self::Send(..) | Self::Wait(..) | Self::Check(..))
    }

    /// Returns true for a node on the border of a step.
    pub(super) const fn is_on_border(self) -> bool {
        matches!(self, Self::CompensationEvent(_) | Self::ErrorEvent(_) | Self::TimeoutEvent(..))
    }
}

impl<'a> Flow<'a> {
    pub(super) fn of(definition: &'a Definition, language: &'a str) -> Self {
        let edges = edges(definition);
        let mut flow = Self { definition, language, nodes: Vec::new(), arrows: Vec::new(), edges };
        let mut cells: Vec<Ends> =
            definition.steps.iter().enumerate().map(|(cell, step)| flow.step(cell, step)).collect();
        cells.push(flow.start());
        cells.push(flow.endings());
        for (cell, ends) in cells.iter_mut().enumerate() {
            *ends = flow.gateways(cell, *ends);
        }
        for (edge, (from, to)) in flow.edges.clone().into_iter().enumerate() {
            if let (Some(from), Some(to)) = (cells.get(from), cells.get(to)) {
                flow.arrow(from.exit, to.entry, ArrowKind::Edge(edge));
            }
        }
        flow
    }

    fn node(&mut self, id: String, cell: usize, kind: NodeKind<'a>, title: String, about: String) -> usize {
        self.nodes.push(Node { id, cell, kind, title: clean(&title), about: clean(&about) });
        self.nodes.len() - 1
    }

    fn arrow(&mut self, from: usize, to: usize, kind: ArrowKind) {
        self.arrows.push(Arrow { from, to, kind });
    }

    fn start(&mut self) -> Ends {
        let start = &self.definition.start;
        let about = format!("The saga starts with {} on {}.", start.event, start.topic);
        let start =
            self.node("start".to_owned(), self.definition.steps.len(), NodeKind::Start, start.event.clone(), about);
        Ends { entry: start, exit: start }
    }

    /// Adds a step with its border nodes, and returns its entry and exit.
    fn step(&mut self, cell: usize, step: &'a Step) -> Ends {
        let name = &step.name;
        let (kind, mut about) = match &step.work {
            Work::Execute(call) => (NodeKind::Send(step, call), describe_call(call)),
            Work::Receive(receive) => (NodeKind::Wait(step, receive), describe_wait(receive)),
            Work::Check(rules) => (NodeKind::Check(step, rules), describe_rules(rules)),
        };
        if let Some(status) = &step.status {
            about = format!("{about} Once it is done, the progress of the saga is {status}.");
        }
        let title = self.title(step);
        let task = self.node(format!("step_{name}"), cell, kind, title, about);
        if let Some(undo) = &step.compensate {
            let about = format!("{name} can be compensated.");
            let can =
                self.node(format!("undoable_{name}"), cell, NodeKind::CompensationEvent(step), String::new(), about);
            let about = format!("Compensates {name}. {}", describe_call(undo));
            let undo =
                self.node(format!("undo_{name}"), cell, NodeKind::Compensation(step), undo.command.clone(), about);
            self.arrow(can, undo, ArrowKind::Association);
        }
        self.failures(cell, step);
        if step.pivot {
            let about = "Once this step is done, nothing is compensated any more.".to_owned();
            let annotation =
                self.node(format!("pivot_{name}"), cell, NodeKind::Pivot, "Point of no return".to_owned(), about);
            self.arrow(task, annotation, ArrowKind::Association);
        }
        let Some(when) = &step.when else { return Ends { entry: task, exit: task } };
        let about = format!("{name} is done only if this holds: {when}");
        let choice =
            self.node(format!("choice_{name}"), cell, NodeKind::Choice(when.as_str()), when.as_str().to_owned(), about);
        let merge = self.node(format!("merge_{name}"), cell, NodeKind::Merge, String::new(), String::new());
        self.arrow(choice, task, ArrowKind::IfTrue);
        self.arrow(task, merge, ArrowKind::WithinCell);
        self.arrow(choice, merge, ArrowKind::Otherwise);
        Ends { entry: choice, exit: merge }
    }

    /// Adds the failures of a step at which the saga aborts. After the pivot there are none: a failure is an incident.
    fn failures(&mut self, cell: usize, step: &'a Step) {
        let definition = self.definition;
        if !may_abort_at(definition, cell) {
            return;
        }
        let name = &step.name;
        let causes = abort_causes(definition, step);
        if let (Work::Receive(receive), Some(expiry)) = (&step.work, causes.expiry) {
            let id = format!("expires_{name}");
            let timeout = duration(receive.timeout);
            self.node(id, cell, NodeKind::TimeoutEvent(step, receive), timeout, describe_causes(&[expiry]));
        }
        if !causes.failures.is_empty() {
            let about = describe_causes(&causes.failures);
            self.node(format!("fails_{name}"), cell, NodeKind::ErrorEvent(step), String::new(), about);
        }
    }

    /// Adds both endings, and the compensation before the second.
    fn endings(&mut self) -> Ends {
        let definition = self.definition;
        let cell = definition.steps.len() + 1;
        let name = conclude_label(self.language);
        let sends = describe_call(&definition.conclude);
        let done = format!("All steps are done. {sends}");
        let conclude = self.node("conclude".to_owned(), cell, NodeKind::Conclude, name.to_owned(), done);
        let status = definition.endings.completed.status.clone();
        let end = self.node("completed".to_owned(), cell, NodeKind::End, status, "All steps are done.".to_owned());
        self.arrow(conclude, end, ArrowKind::WithinCell);

        let about = match definition.deadline {
            Some(deadline) => format!(
                "The steps that were done are compensated in reverse order. This also happens if the saga is not done \
                 after {}, or if an operator cancels it.",
                duration(deadline)
            ),
            None => {
                "The steps that were done are compensated in reverse order. This also happens if an operator cancels \
                     the saga."
                    .to_owned()
            }
        };
        let compensate = if self.language == "pt" { "Compensar" } else { "Compensate" };
        let back = self.node("turn_back".to_owned(), cell, NodeKind::Compensate, compensate.to_owned(), about);
        let compensated = format!("All steps are compensated. {sends}");
        let conclude_back =
            self.node("conclude_back".to_owned(), cell, NodeKind::ConcludeCompensated, name.to_owned(), compensated);
        let about = "All steps are compensated.".to_owned();
        let statuses = self.aborted_statuses();
        let end = self.node("turned_back".to_owned(), cell, NodeKind::EndCompensated, statuses, about);
        self.arrow(back, conclude_back, ArrowKind::WithinCell);
        self.arrow(conclude_back, end, ArrowKind::WithinCell);
        let failing = |node: &Node<'_>| matches!(node.kind, NodeKind::ErrorEvent(_) | NodeKind::TimeoutEvent(..));
        let failing: Vec<usize> = (0..).zip(&self.nodes).filter(|(_, node)| failing(node)).map(|(i, _)| i).collect();
        for from in failing {
            self.arrow(from, back, ArrowKind::Abort);
        }
        Ends { entry: conclude, exit: conclude }
    }

    /// Adds a join before a cell with several predecessors, and a fork after one with several successors.
    fn gateways(&mut self, cell: usize, mut ends: Ends) -> Ends {
        let name = self.definition.steps.get(cell).map_or_else(String::new, |step| format!("_{}", step.name));
        if self.edges.iter().filter(|(_, to)| *to == cell).count() > 1 {
            let about = "All preceding steps are done first.".to_owned();
            let join = self.node(format!("join{name}"), cell, NodeKind::Join, String::new(), about);
            self.arrow(join, ends.entry, ArrowKind::WithinCell);
            ends.entry = join;
        }
        if self.edges.iter().filter(|(from, _)| *from == cell).count() > 1 {
            let about = "The following steps run in parallel.".to_owned();
            let fork = self.node(format!("fork{name}"), cell, NodeKind::Fork, String::new(), about);
            self.arrow(ends.exit, fork, ArrowKind::WithinCell);
            ends.exit = fork;
        }
        ends
    }

    /// The label of a step, followed by its name if they differ.
    fn title(&self, step: &Step) -> String {
        let label = step.label.get(self.language);
        if label == step.name { label.to_owned() } else { format!("{label} ({})", step.name) }
    }

    /// The possible statuses of an aborted saga.
    fn aborted_statuses(&self) -> String {
        let definition = self.definition;
        let endings = &definition.endings;
        let steps = (0..).zip(&definition.steps).filter(|(cell, _)| may_abort_at(definition, *cell));
        let causes = steps.map(|(_, step)| abort_causes(definition, step));
        let failures = causes.flat_map(|causes| causes.failures.into_iter().chain(causes.expiry));
        let failures = failures.map(|cause| cause.ending);
        let cancelled = [endings.cancelled.as_ref().unwrap_or(&endings.default)];
        let late = definition.deadline.map(|_| endings.deadline.as_ref().unwrap_or(&endings.default));
        statuses(failures.chain(cancelled).chain(late))
    }
}

/// Returns true unless the step comes after the pivot.
pub(super) fn may_abort_at(definition: &Definition, step: usize) -> bool {
    definition.pivot().is_none_or(|pivot| definition.graph.descendants(pivot) & mask(step) == 0)
}

/// A cause of an abort, and the ending it leads to.
#[derive(Clone, Copy)]
pub(super) struct AbortCause<'a> {
    cause: &'static str,
    pub ending: &'a EndingSpec,
}

/// The causes of an abort at one step.
pub(super) struct AbortCauses<'a> {
    /// Refusals, failures and timeouts of commands.
    pub failures: Vec<AbortCause<'a>>,
    /// The timeout of a wait for a callback.
    pub expiry: Option<AbortCause<'a>>,
}

/// The causes of an abort at a step.
pub(super) fn abort_causes<'a>(definition: &'a Definition, step: &Step) -> AbortCauses<'a> {
    let of = |cause, status| AbortCause { cause, ending: definition.ending_of(&step.name, status) };
    let refused = of("refused", StepStatus::Refused);
    let failed = of("failed", StepStatus::Failed);
    let timed_out = of("timed out", StepStatus::TimedOut);
    let (failures, expiry) = match &step.work {
        Work::Execute(call) if call.retry.attempts == AttemptLimit::Unlimited => (vec![refused], None),
        Work::Execute(_) => (vec![refused, failed, timed_out], None),
        Work::Receive(receive) if receive.no.is_empty() => (Vec::new(), Some(timed_out)),
        Work::Receive(_) => (vec![refused], Some(timed_out)),
        Work::Check(_) => (vec![refused], None),
    };
    AbortCauses { failures, expiry }
}

/// `refused: rejected; timed out: cancelled (too_slow)`
fn describe_causes(causes: &[AbortCause<'_>]) -> String {
    let one = |AbortCause { cause, ending }: &AbortCause<'_>| match &ending.reason {
        Some(reason) => format!("{cause}: {} ({reason})", ending.status),
        None => format!("{cause}: {}", ending.status),
    };
    causes.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The distinct statuses of endings, joined by commas.
pub(super) fn statuses<'a>(endings: impl Iterator<Item = &'a EndingSpec>) -> String {
    let mut statuses: Vec<&str> = endings.map(|ending| ending.status.as_str()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses.join(", ")
}

fn describe_call(call: &Call) -> String {
    let attempts = match call.retry.attempts {
        AttemptLimit::AtMost(1) => "with one attempt".to_owned(),
        AttemptLimit::AtMost(attempts) => format!("with at most {attempts} attempts"),
        AttemptLimit::Unlimited => "until it is answered".to_owned(),
    };
    let timeout = duration(call.timeout);
    format!("{} is sent to {}, {attempts}; each attempt times out after {timeout}.", call.command, call.participant)
}

fn describe_wait(receive: &Receive) -> String {
    let yes = receive.yes.join(", ");
    let no = receive.no.join(", ");
    let no = if no.is_empty() { no } else { format!("; no: {no}") };
    format!("Waits for a message on {}, for at most {}. Yes: {yes}{no}.", receive.topic, duration(receive.timeout))
}

/// `2 rules`
pub(super) fn rule_count(rules: &[Rule]) -> String {
    if rules.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", rules.len()) }
}

fn describe_rules(rules: &[Rule]) -> String {
    let one = |rule: &Rule| format!("{} (otherwise: {})", rule.must, rule.reason);
    format!("Checks at once: {}.", rules.iter().map(one).collect::<Vec<_>>().join("; "))
}

/// The pairs of consecutive cells: the transitive reduction of the order of the steps, with the start and the end.
fn edges(definition: &Definition) -> Vec<(usize, usize)> {
    let graph = &definition.graph;
    let count = definition.steps.len();
    let start = count;
    let end = count + 1;
    let mut edges = Vec::new();
    for step in 0..count {
        let before = graph.before(step);
        if before == 0 {
            edges.push((start, step));
        }
        let implied = ones(before).fold(0, |implied, other| implied | graph.ancestors(other));
        edges.extend(ones(before & !implied).map(|other| (other, step)));
        if graph.descendants(step) == 0 {
            edges.push((step, end));
        }
    }
    edges
}
