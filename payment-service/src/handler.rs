//! Dispatches messages and timers to the rules.

use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::{Message, MessageMac, Unreadable};
use common::time::Timestamp;

use crate::entity::{Payment, key};
use crate::messages::Command;
use crate::provider::call::{ProviderCall, ProviderKind};
use crate::rules::cases::follow_cases;
use crate::rules::context::RuleContext;
use crate::rules::events::Milestones;
use crate::rules::transitions::wake;
use crate::rules::{commands, request, results};

/// The payment service's handler.
pub struct Payments {
    /// The provider of new payments.
    pub provider: ProviderKind,
    /// Recognizes the results that this service wrote; `None` if results are not marked.
    pub mac: Option<MessageMac>,
    /// Whether changes are published as events.
    pub events: bool,
}

/// The payment that a decision changes, and the id of the message or the timer that causes it.
struct EventSubject {
    key: Key,
    cause: String,
}

impl Handler for Payments {
    type Entity = Payment;
    type SideEffect = ProviderCall;

    fn decide(
        &self,
        tx: &mut Transaction<'_, Payment>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        match trigger {
            Trigger::Claimed => Ok(()),
            Trigger::Timer(key) => {
                let subject = |_: &Transaction<'_, Payment>| {
                    Some(EventSubject { key: key.clone(), cause: format!("{key}/{now}") })
                };
                self.publish(tx, subject, now, |tx| {
                    wake(tx, key, now);
                    follow_cases(tx, key, now);
                    Ok(())
                })
            }
            Trigger::Message(message) => {
                let command = Command::parse(message)?;
                let order = command.order_id();
                let is_result = matches!(command, Command::Result(_));
                let subject = |tx: &Transaction<'_, Payment>| {
                    // A result on another partition is only moved.
                    let is_moved = is_result && tx.home_of(&order.to_string()) != tx.partition();
                    (!is_moved).then(|| EventSubject { key: key(order), cause: message.id() })
                };
                self.publish(tx, subject, now, |tx| {
                    self.apply_command(tx, message, command, now)?;
                    follow_cases(tx, &key(order), now);
                    Ok(())
                })
            }
        }
    }

    fn intents(&self, _key: &Key, payment: &Payment) -> Vec<Intent<ProviderCall>> {
        payment.intents()
    }
}

impl Payments {
    /// Applies a rule, and sends the events of its changes of the subject. Without events the subject is not computed.
    fn publish(
        &self,
        tx: &mut Transaction<'_, Payment>,
        subject: impl FnOnce(&Transaction<'_, Payment>) -> Option<EventSubject>,
        now: Timestamp,
        rule: impl FnOnce(&mut Transaction<'_, Payment>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        if !self.events {
            return rule(tx);
        }
        let Some(EventSubject { key, cause }) = subject(tx) else { return rule(tx) };
        let before = Milestones::of(tx.get(&key));
        rule(tx)?;
        let changes = tx.get(&key).map(|payment| before.changes(payment, &cause, now));
        changes.into_iter().flatten().for_each(|event| tx.send(event));
        Ok(())
    }

    fn apply_command(
        &self,
        tx: &mut Transaction<'_, Payment>,
        message: &Message,
        command: Command,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let ctx = &mut RuleContext { tx, message, provider: self.provider, mac: self.mac.as_ref(), now };
        match command {
            Command::Result(result) => return results::result(ctx, result),
            Command::RefundPart(part) => return commands::refund_part(ctx, part),
            Command::ResolveCase(command) => return commands::resolve_case(ctx, &command),
            Command::ConcludeCase(command) => return commands::conclude_case(ctx, &command),
            Command::ProviderAnswered(answer) => return commands::provider_answered(ctx, &answer),
            Command::Request(command) => request::request(ctx, command),
            Command::Capture(capture) => commands::capture(ctx, &capture),
            Command::Refund(refund) => commands::refund(ctx, refund),
            Command::Operator(command) => commands::operator(ctx, command),
            Command::ProviderEvent(event) => commands::provider_event(ctx, &event),
        }
        Ok(())
    }
}
