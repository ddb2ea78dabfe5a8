//! What is on the picture of a definition, and what leads where; where it stands is decided elsewhere. The definition's
//! rules become gateways and events here, so that every format shows the same ones.
//!
//! A step stands in a row with what its way in and its way out need. This is a **cell**:
//!
//! ```text
//!   [join] ─ [choice] ─ STEP ─ [merge] ─ [fork]       join, fork: there are several steps before, after it
//!                └── otherwise ──┘                    choice, merge: it has a condition
//! ```

use super::labels::{clean, duration};
use crate::definition::{Call, Definition, Receive, Rule, Step, Verdict, Work, mask, ones};
use crate::status::StepStatus;

/// The picture without places. Its cells are numbered: the steps as they are, then the start, then the end.
pub(super) struct Flow<'a> {
    pub definition: &'a Definition,
    pub language: &'a str,
    pub nodes: Vec<Node<'a>>,
    pub arrows: Vec<Arrow>,
    /// The cells that follow each other.
    pub edges: Vec<(usize, usize)>,
}

/// Something on the picture.
pub(super) struct Node<'a> {
    /// Unique: names have no underscore, and before a name stands what it is.
    pub id: String,
    pub cell: usize,
    pub kind: Kind<'a>,
    /// What it is called.
    pub title: String,
    /// A sentence on it.
    pub about: String,
}

#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    Start,
    Join,
    Choice(&'a str),
    Send(&'a Step, &'a Call),
    Wait(&'a Step, &'a Receive),
    Check(&'a Step, &'a [Rule]),
    Merge,
    Fork,
    /// On the edge of a step: it can be undone.
    CanUndo(&'a Step),
    /// On the edge of a step: it may not come about, and then the saga turns back.
    CanFail(&'a Step),
    /// On the edge of a step: it may not come about in time, and then the saga turns back.
    CanExpire(&'a Step, &'a Receive),
    Undo(&'a Step),
    /// A word on the pivot.
    Pivot,
    /// All was done; now that is told.
    Conclude,
    End,
    /// What was done is undone; then that is told.
    Back,
    ConcludeBack,
    EndBack,
}

/// What leads from a node to a node.
pub(super) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On, inside a cell.
    Inside,
    /// On to another cell: which of the edges.
    Edge(usize),
    /// On, where the condition of a choice holds.
    Holds,
    /// Around a step whose condition does not hold.
    Otherwise,
    /// To the way back.
    Back,
    /// No order: a step and what undoes it, or a word on it.
    Belongs,
}

impl Kind<'_> {
    /// Whether it is a step.
    pub(super) const fn is_step(self) -> bool {
        matches!(self, Self::Send(..) | Self::Wait(..) | Self::Check(..))
    }

    /// Whether it stands on the edge of a step, and is nothing by itself.
    pub(super) const fn is_on_edge(self) -> bool {
        matches!(self, Self::CanUndo(_) | Self::CanFail(_) | Self::CanExpire(..))
    }
}

impl<'a> Flow<'a> {
    pub(super) fn of(definition: &'a Definition, language: &'a str) -> Self {
        let edges = edges(definition);
        let mut flow = Self { definition, language, nodes: Vec::new(), arrows: Vec::new(), edges };
        let mut doors: Vec<(usize, usize)> =
            definition.steps.iter().enumerate().map(|(cell, step)| flow.step(cell, step)).collect();
        doors.push(flow.beginning());
        doors.push(flow.ending());
        for (cell, door) in doors.iter_mut().enumerate() {
            *door = flow.gateways(cell, *door);
        }
        for (edge, (from, to)) in flow.edges.clone().into_iter().enumerate() {
            if let (Some((_, from)), Some((to, _))) = (doors.get(from), doors.get(to)) {
                flow.arrow(*from, *to, Way::Edge(edge));
            }
        }
        flow
    }

    fn node(&mut self, id: String, cell: usize, kind: Kind<'a>, title: String, about: String) -> usize {
        self.nodes.push(Node { id, cell, kind, title: clean(&title), about: clean(&about) });
        self.nodes.len() - 1
    }

    fn arrow(&mut self, from: usize, to: usize, way: Way) {
        self.arrows.push(Arrow { from, to, way });
    }

    fn beginning(&mut self) -> (usize, usize) {
        let start = &self.definition.start;
        let about = format!("It begins with {} on {}.", start.event, start.topic);
        let start = self.node("start".to_owned(), self.definition.steps.len(), Kind::Start, start.event.clone(), about);
        (start, start)
    }

    /// A step and all that hangs on it. Answers where one comes in and goes out.
    fn step(&mut self, cell: usize, step: &'a Step) -> (usize, usize) {
        let name = &step.name;
        let (kind, mut about) = match &step.work {
            Work::Execute(call) => (Kind::Send(step, call), sends(call)),
            Work::Receive(receive) => (Kind::Wait(step, receive), waits(receive)),
            Work::Check(rules) => (Kind::Check(step, rules), checks(rules)),
        };
        if let Some(status) = &step.status {
            about = format!("{about} Once it is done, the saga's progress is {status}.");
        }
        let title = self.title(step);
        let task = self.node(format!("step_{name}"), cell, kind, title, about);
        if let Some(undo) = &step.compensate {
            let about = format!("What {name} did can be undone.");
            let can = self.node(format!("undoable_{name}"), cell, Kind::CanUndo(step), String::new(), about);
            let about = format!("It undoes {name}. {}", sends(undo));
            let undo = self.node(format!("undo_{name}"), cell, Kind::Undo(step), undo.command.clone(), about);
            self.arrow(can, undo, Way::Belongs);
        }
        self.failures(cell, step);
        if step.pivot {
            let about = "Once this is done, nothing is undone any more.".to_owned();
            let word = self.node(format!("pivot_{name}"), cell, Kind::Pivot, "Point of no return".to_owned(), about);
            self.arrow(task, word, Way::Belongs);
        }
        let Some(when) = &step.when else { return (task, task) };
        let about = format!("{name} is done only where this holds: {when}");
        let choice =
            self.node(format!("choice_{name}"), cell, Kind::Choice(when.as_str()), when.as_str().to_owned(), about);
        let merge = self.node(format!("merge_{name}"), cell, Kind::Merge, String::new(), String::new());
        self.arrow(choice, task, Way::Holds);
        self.arrow(task, merge, Way::Inside);
        self.arrow(choice, merge, Way::Otherwise);
        (choice, merge)
    }

    /// What makes a saga turn back at this step. Behind the pivot nothing does: there it is an incident.
    fn failures(&mut self, cell: usize, step: &'a Step) {
        let definition = self.definition;
        if !turns_back(definition, cell) {
            return;
        }
        let name = &step.name;
        let (fails, late) = whys(definition, step);
        if let (Work::Receive(receive), Some(late)) = (&step.work, late) {
            let (id, patience) = (format!("expires_{name}"), duration(receive.timeout));
            self.node(id, cell, Kind::CanExpire(step, receive), patience, meaning(&[late]));
        }
        if !fails.is_empty() {
            self.node(format!("fails_{name}"), cell, Kind::CanFail(step), String::new(), meaning(&fails));
        }
    }

    /// Both endings, and the way back to the second.
    fn ending(&mut self) -> (usize, usize) {
        let (cell, definition) = (self.definition.steps.len() + 1, self.definition);
        let (command, tells) = (&definition.conclude.command, sends(&definition.conclude));
        let done = format!("All is done. {tells}");
        let conclude = self.node("conclude".to_owned(), cell, Kind::Conclude, command.clone(), done);
        let status = definition.endings.completed.status.clone();
        let end = self.node("completed".to_owned(), cell, Kind::End, status, "All is done.".to_owned());
        self.arrow(conclude, end, Way::Inside);

        let about = match definition.deadline {
            Some(deadline) => format!(
                "What was done is undone, the last first. It also comes to this when the saga is not done after {}, or \
                 when an operator cancels it.",
                duration(deadline)
            ),
            None => "What was done is undone, the last first. It also comes to this when an operator cancels the saga."
                .to_owned(),
        };
        let back = self.node("turn_back".to_owned(), cell, Kind::Back, "Undo what was done".to_owned(), about);
        let undone = format!("All is undone. {tells}");
        let told = self.node("conclude_back".to_owned(), cell, Kind::ConcludeBack, command.clone(), undone);
        let (statuses, about) = (self.statuses_back(), "All is undone.".to_owned());
        let end = self.node("turned_back".to_owned(), cell, Kind::EndBack, statuses, about);
        self.arrow(back, told, Way::Inside);
        self.arrow(told, end, Way::Inside);
        let failing = |node: &Node<'_>| matches!(node.kind, Kind::CanFail(_) | Kind::CanExpire(..));
        let failing: Vec<usize> = (0..).zip(&self.nodes).filter(|(_, node)| failing(node)).map(|(i, _)| i).collect();
        for from in failing {
            self.arrow(from, back, Way::Back);
        }
        (conclude, conclude)
    }

    /// Before a cell where several ways meet, and after it where several part.
    fn gateways(&mut self, cell: usize, (mut entry, mut exit): (usize, usize)) -> (usize, usize) {
        let name = self.definition.steps.get(cell).map_or_else(String::new, |step| format!("_{}", step.name));
        if self.edges.iter().filter(|(_, to)| *to == cell).count() > 1 {
            let about = "All the ways to here come to their end first.".to_owned();
            let join = self.node(format!("join{name}"), cell, Kind::Join, String::new(), about);
            self.arrow(join, entry, Way::Inside);
            entry = join;
        }
        if self.edges.iter().filter(|(from, _)| *from == cell).count() > 1 {
            let about = "From here all ways are gone side by side.".to_owned();
            let fork = self.node(format!("fork{name}"), cell, Kind::Fork, String::new(), about);
            self.arrow(exit, fork, Way::Inside);
            exit = fork;
        }
        (entry, exit)
    }

    /// A step's label, and its name where that is another.
    fn title(&self, step: &Step) -> String {
        let label = step.label.get(self.language);
        if label == step.name { label.to_owned() } else { format!("{label} ({})", step.name) }
    }

    /// What a saga that turned back can be called, each once.
    fn statuses_back(&self) -> String {
        let (definition, endings) = (self.definition, &self.definition.endings);
        let turning = (0..).zip(&definition.steps).filter(|(cell, _)| turns_back(definition, *cell));
        let whys = turning.map(|(_, step)| whys(definition, step));
        let failures = whys.flat_map(|(fails, late)| fails.into_iter().chain(late)).map(|(_, verdict)| verdict);
        let cancelled = [endings.cancelled.as_ref().unwrap_or(&endings.default)];
        let late = definition.deadline.map(|_| endings.deadline.as_ref().unwrap_or(&endings.default));
        statuses(failures.chain(cancelled).chain(late))
    }
}

/// Behind the pivot nothing turns back.
fn turns_back(definition: &Definition, step: usize) -> bool {
    definition.pivot().is_none_or(|pivot| definition.graph.descendants(pivot) & mask(step) == 0)
}

/// Why, and what that means.
type Why<'a> = (&'static str, &'a Verdict);

/// Why a step may not come about; apart from that, that a callback is waited for in vain.
pub(super) fn whys<'a>(definition: &'a Definition, step: &Step) -> (Vec<Why<'a>>, Option<Why<'a>>) {
    let why = |why, status| (why, definition.ending_of(&step.name, status));
    let refused = why("refused", StepStatus::Refused);
    let (failed, late) = (why("failed", StepStatus::Failed), why("timed out", StepStatus::TimedOut));
    match &step.work {
        Work::Execute(call) if call.retry.attempts.is_none() => (vec![refused], None),
        Work::Execute(_) => (vec![refused, failed, late], None),
        Work::Receive(receive) if receive.no.is_empty() => (Vec::new(), Some(late)),
        Work::Receive(_) => (vec![refused], Some(late)),
        Work::Check(_) => (vec![refused], None),
    }
}

/// `refused: rejected; timed out: cancelled (too_slow)`
fn meaning(whys: &[Why<'_>]) -> String {
    let one = |(why, verdict): &Why<'_>| match &verdict.reason {
        Some(reason) => format!("{why}: {} ({reason})", verdict.status),
        None => format!("{why}: {}", verdict.status),
    };
    whys.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Each status once.
pub(super) fn statuses<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> String {
    let mut statuses: Vec<&str> = verdicts.map(|verdict| verdict.status.as_str()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses.join(", ")
}

fn sends(call: &Call) -> String {
    let often = match call.retry.attempts {
        Some(1) => "asked once".to_owned(),
        Some(attempts) => format!("asked at most {attempts} times"),
        None => "asked until there is an answer".to_owned(),
    };
    format!("{} goes to {}, {often}, each time for {}.", call.command, call.participant, duration(call.timeout))
}

fn waits(receive: &Receive) -> String {
    let (yes, no) = (receive.yes.join(", "), receive.no.join(", "));
    let no = if no.is_empty() { no } else { format!("; no: {no}") };
    format!("A message on {} is waited for, for {}. Yes: {yes}{no}.", receive.topic, duration(receive.timeout))
}

/// `2 rules`
pub(super) fn how_many(rules: &[Rule]) -> String {
    if rules.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", rules.len()) }
}

fn checks(rules: &[Rule]) -> String {
    let one = |rule: &Rule| format!("{} (or else: {})", rule.must, rule.reason);
    format!("It is looked at once whether this holds: {}.", rules.iter().map(one).collect::<Vec<_>>().join("; "))
}

/// Which cell follows which: the start, the steps, the end. What another way says already is left out.
fn edges(definition: &Definition) -> Vec<(usize, usize)> {
    let (graph, count) = (&definition.graph, definition.steps.len());
    let (start, end) = (count, count + 1);
    let mut edges = Vec::new();
    for step in 0..count {
        let before = graph.before(step);
        if before == 0 {
            edges.push((start, step));
        }
        let said = ones(before).fold(0, |said, other| said | graph.ancestors(other));
        edges.extend(ones(before & !said).map(|other| (other, step)));
        if graph.descendants(step) == 0 {
            edges.push((step, end));
        }
    }
    edges
}
