//! A worker on a bench: its inputs, and its outputs as text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocabulary::messages::{Headers, Message, Outgoing, Unreadable};
use vocabulary::time::Timestamp;
use vocabulary::topics::INPUT_MAX_BYTES;

use crate::core::Core;
use crate::entity::{Entity, Intent, Key};
use crate::error::StepDown;
use crate::handler::{Handler, Trigger};
use crate::interface::{Env, Input, Output, Snapshot, Ticket};
use crate::limits::Limits;
use crate::record::{Entry, Head, Positions, Record};
use crate::transaction::Transaction;

/// An account that messages write to: `a+`, `a close`, `a want X`, `a drop X`, `a wake 9`, `a see`,
/// `a nothing`, `a inputs`; `?` is unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub(super) struct Account {
    pub(super) entries: usize,
    pub(super) closed: bool,
    pub(super) wake: Option<Timestamp>,
    pub(super) wants: Vec<String>,
}

impl Entity for Account {
    fn is_open(&self) -> bool {
        !self.closed
    }
    fn wake_at(&self) -> Option<Timestamp> {
        self.wake
    }
    fn has_intents(&self) -> bool {
        !self.wants.is_empty()
    }
}

/// The rules: an account counts its messages. The account of this name is counted at the claim.
#[derive(Default)]
pub(super) struct Accounts(Option<&'static str>);

impl Handler for Accounts {
    type Entity = Account;
    type SideEffect = u8;

    fn decide(
        &self,
        tx: &mut Transaction<'_, Account>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let (key, what) = match trigger {
            Trigger::Claimed => match self.0 {
                Some(name) => (name.to_owned(), "+".to_owned()),
                None => return Ok(()),
            },
            Trigger::Timer(key) => (key.clone(), "fired".to_owned()),
            Trigger::Message(message) => {
                let text = String::from_utf8_lossy(message.value.as_deref().unwrap_or_default()).into_owned();
                let (key, what) = text.split_once(' ').ok_or(Unreadable::Empty)?;
                (key.to_owned(), what.to_owned())
            }
        };
        assert_ne!(what, "panic", "the handler can't cope with {key}");
        assert_ne!((&*key, &*what), ("broken", "fired"), "the handler can't wake it");
        if (&*key, &*what) == ("wide", "fired") {
            tx.send(Outgoing::event("done", &key, "done", "1", "s", now, &"x".repeat(INPUT_MAX_BYTES)));
        }
        if what == "nothing" || (&*key, &*what) == ("calm", "fired") {
            return Ok(());
        }
        if what == "refuse" {
            tx.refuse(format!("{key} is not as it was"));
            return Ok(());
        }
        if what == "inputs" {
            tx.change_inputs();
        }
        if what != "see" {
            let mut account = tx.take(&key).unwrap_or_default();
            account.entries += 1;
            match what.split_once(' ') {
                Some(("want", id)) => account.wants.push(id.to_owned()),
                Some(("drop", id)) => account.wants.retain(|wanted| wanted != id),
                Some(("wake", at)) => account.wake = Some(Timestamp(at.parse().unwrap())),
                Some(_) | None => account.closed = what == "close",
            }
            if what == "fired" {
                account.wake = None;
            }
            tx.put(key.clone(), account);
        }
        let entries = tx.get(&key).map_or(0, |account| account.entries);
        let copies = if what.starts_with("thrice ") { 3 } else { 1 };
        for _ in 0..copies {
            tx.send(Outgoing::event("done", &key, "done", "1", "s", now, &format!("{key} {what} {entries}")));
        }
        Ok(())
    }

    /// Another service is in charge of the dead letters of the topic `shared`.
    fn unreadable(&self, message: &Message, reason: &Unreadable) -> Option<Outgoing> {
        (&*message.topic != "shared").then(|| Outgoing::dead_letter(message, reason))
    }

    fn intents(&self, _: &Key, account: &Account) -> Vec<Intent<u8>> {
        account.wants.iter().map(|id| Intent { id: id.clone(), due: Timestamp(0), what: 7 }).collect()
    }
}

/// A worker, and the journal it writes to.
pub(super) struct Bench {
    pub(super) core: Core<Account, u8>,
    handler: Accounts,
    pub(super) store: BTreeMap<Key, Account>,
    pub(super) now: Timestamp,
    pub(super) view_applied: i64,
    pub(super) next: BTreeMap<&'static str, i64>,
    /// Offset of the next journal record.
    pub(super) end: i64,
    /// Appended, not yet landed.
    pub(super) in_flight: Vec<Record>,
}

impl Bench {
    /// A worker that has claimed at offset 0 and loaded `snapshot`.
    pub(super) fn owner_of(snapshot: Snapshot<Account>, limits: Limits) -> (Self, Vec<String>) {
        Self::claimed(Accounts::default(), snapshot, limits)
    }

    /// A worker whose claim counts the account `name`.
    pub(super) fn seeding(name: &'static str) -> Self {
        Self::claimed(Accounts(Some(name)), Snapshot::default(), Limits::default()).0
    }

    fn claimed(handler: Accounts, snapshot: Snapshot<Account>, limits: Limits) -> (Self, Vec<String>) {
        let core = Core::new(0, 1, limits);
        let store = BTreeMap::new();
        let next = BTreeMap::new();
        let in_flight = Vec::new();
        let mut bench = Self { core, handler, store, now: Timestamp(1), view_applied: 0, next, end: 0, in_flight };
        bench.input(Input::Assigned { nonce: Uuid::nil(), instance: "me".into() });
        assert_eq!(bench.land(), ["load 0"]);
        let outputs = bench.input(Input::Loaded(snapshot));
        (bench, outputs)
    }

    pub(super) fn owner() -> Self {
        Self::owner_of(Snapshot::default(), Limits { gather: 1, ..Limits::default() }).0
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self::owner_of(Snapshot::default(), limits).0
    }

    /// Claims again after a step-down; the view has applied the inputs before offset `next`.
    pub(super) fn claim_again(&mut self, next: i64) {
        let positions = Positions::from([("in".to_owned(), next)]);
        self.claim_with(Snapshot { positions, ..Snapshot::default() });
        self.next.insert("in", next);
    }

    /// Claims again after a step-down, and loads this snapshot.
    pub(super) fn claim_with(&mut self, snapshot: Snapshot<Account>) -> Vec<String> {
        self.in_flight.clear();
        self.input(Input::Assigned { nonce: Uuid::max(), instance: "me".into() });
        let head = self.in_flight.remove(0).head();
        let end = self.end;
        assert_eq!(self.read_back(head), [format!("load {end}")]);
        self.input(Input::Loaded(snapshot))
    }

    /// Gives an input, lets the worker decide, and describes its outputs.
    pub(super) fn input(&mut self, input: Input<Account>) -> Vec<String> {
        let mut out = Vec::new();
        self.core.handle(input, &mut out);
        self.pump(out)
    }

    pub(super) fn pump(&mut self, mut out: Vec<Output<u8>>) -> Vec<String> {
        let env = Env { handler: &self.handler, store: &self.store, now: self.now, view_applied: self.view_applied };
        self.core.pump(&env, &mut out);
        out.retain(|output| !matches!(output, Output::Decided { .. }));
        out.into_iter().map(|output| self.describe(output)).collect()
    }

    pub(super) fn advance_to(&mut self, now: i64) -> Vec<String> {
        self.now = Timestamp(now);
        self.pump(Vec::new())
    }

    pub(super) fn describe(&mut self, output: Output<u8>) -> String {
        match output {
            Output::Append(record) => {
                self.in_flight.push((*record).clone());
                "append".to_owned()
            }
            Output::Decided { messages, timers, .. } => format!("decided {messages} messages and {timers} timers"),
            Output::Load { claim } => format!("load {claim}"),
            Output::Claimed(positions) => format!("claimed {positions:?}"),
            Output::Send { offset, messages } => {
                let texts =
                    messages.iter().map(|m| String::from_utf8_lossy(m.value.bytes().unwrap_or_default()).into_owned());
                format!("send {offset}: {}", texts.collect::<Vec<_>>().join(", ").replace('"', ""))
            }
            Output::Execute(intent) => format!("execute {}", intent.id),
            Output::Abandon(id) => format!("abandon {id}"),
            Output::Accepted(ticket) => format!("accepted {ticket}"),
            Output::Declined(ticket) => format!("declined {ticket}"),
            Output::SetAside { topic, offset, reason } => format!("set aside {topic}/{offset}: {reason}"),
            Output::TimerHeld { key, reason } => format!("timer held {key}: {reason}"),
            Output::Drained => "drained".to_owned(),
            Output::StepDown(StepDown::ForeignClaim) => "step down: a foreign claim".to_owned(),
            Output::StepDown(StepDown::Failed(why)) => format!("step down: {why}"),
            Output::StepDown(StepDown::Refused(why)) => format!("refused: {why}"),
            Output::StepDown(StepDown::LossAccepted) => "step down: a loss was accepted".to_owned(),
            Output::StepDown(StepDown::InputsChanged) => "step down: the inputs have changed".to_owned(),
        }
    }

    pub(super) fn message_on(&mut self, topic: &'static str, text: &str) -> Message {
        let next = self.next.entry(topic).or_insert(0);
        *next += 1;
        let offset = *next - 1;
        let value = Some(text.as_bytes().to_vec());
        let headers = Headers::default();
        Message { topic: topic.into(), partition: 0, offset, timestamp: Timestamp(0), key: None, headers, value }
    }

    /// Receives a message on the topic "in".
    pub(super) fn receive(&mut self, text: &str) -> Vec<String> {
        let message = self.message_on("in", text);
        self.input(Input::Message(message))
    }

    /// Receives several messages at once.
    pub(super) fn receive_all(&mut self, texts: &[&str]) -> Vec<String> {
        let mut out = Vec::new();
        for text in texts {
            let message = self.message_on("in", text);
            self.core.handle(Input::Message(message), &mut out);
        }
        self.pump(out)
    }

    /// Receives a message without a topic.
    pub(super) fn receive_direct(&mut self, ticket: Ticket, text: &str) -> Vec<String> {
        let mut message = self.message_on("direct", text);
        message.offset = -1;
        self.input(Input::Direct { message, ticket })
    }

    /// The oldest record in flight lands and is read back.
    pub(super) fn land(&mut self) -> Vec<String> {
        let head = self.in_flight.remove(0).head();
        self.read_back(head)
    }

    /// [`Bench::land`]; returns the message that the record sets aside, and the reason.
    pub(super) fn land_set_aside(&mut self) -> Option<String> {
        let outputs = self.land();
        outputs.iter().find_map(|output| output.strip_prefix("set aside ").map(str::to_owned))
    }

    /// The oldest record in flight lands, and is acknowledged at its offset.
    pub(super) fn store(&mut self) -> Vec<String> {
        let head = self.in_flight.remove(0).head();
        self.end += 1;
        self.input(Input::Stored { offset: self.end - 1, head })
    }

    pub(super) fn read_back(&mut self, head: Head) -> Vec<String> {
        self.end += 1;
        self.input(Input::ReadBack { offset: self.end - 1, head })
    }

    /// The oldest record's outbox of `n` messages is acknowledged.
    pub(super) fn deliver(&mut self, offset: i64, n: usize) -> Vec<String> {
        (0..n).flat_map(|_| self.input(Input::Delivered { offset })).collect()
    }

    pub(super) fn entry(&self, n: usize) -> &Entry {
        match &self.in_flight[n] {
            Record::Entry(entry) => entry,
            Record::Claim(_) | Record::Acceptance(_) => panic!("no entry"),
        }
    }
}

pub(super) fn account(wants: &[&str], wake: Option<i64>) -> Account {
    let wants = wants.iter().map(|&id| id.to_owned()).collect();
    Account { wants, wake: wake.map(Timestamp), entries: 1, closed: false }
}
