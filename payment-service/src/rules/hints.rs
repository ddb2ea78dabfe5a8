//! Hints at a result: the provider is asked, and only its answer counts. A flood of hints causes one query at a time,
//! with pauses; none is lost, since the time of the next query is part of the state.

use std::time::Duration;

use common::time::Timestamp;

use crate::entity::status::Status;
use crate::entity::{Payment, RETENTION};
use crate::messages::ProviderEvent;
use crate::text::cut;

/// The shortest pause between two queries because of hints.
const PAUSE: Duration = Duration::from_secs(2);

impl Payment {
    /// A message reports a result that only the provider can confirm. `source` is a short noun phrase for the history.
    pub fn hinted(&mut self, source: &str, now: Timestamp) {
        match self.status {
            Status::Pending { .. } | Status::Authorized => {
                self.ask_provider(now);
                self.history.note_unchanged(now, format!("{source}: the provider is asked"));
            }
            Status::Cancelled | Status::Declined if self.provider.reference.is_some() => {
                self.ask_provider(now);
                self.cancellation.until = Some(now.plus(RETENTION));
                self.history.note_unchanged(now, format!("{source}: the provider is asked"));
            }
            Status::Capturing { .. } => {
                self.hints.again = true;
                self.history.note_unchanged(now, format!("{source}: the provider is asked if the capture fails"));
            }
            Status::Requested { .. } | Status::Failed => {
                self.history
                    .note_unchanged(now, format!("{source}: the provider is asked once it has accepted the request"));
            }
            Status::New
            | Status::Unrequested { .. }
            | Status::Approved
            | Status::Declined
            | Status::Cancelled
            | Status::Refunding { .. }
            | Status::Refunded => {
                self.note_without_effect(source, now);
            }
        }
    }

    /// An event that the provider sent by itself. It is a hint if it fits the payment.
    pub fn provider_event(&mut self, event: &ProviderEvent, now: Timestamp) {
        let name = format!("event {} ({})", event.event, event.kind);
        let name = cut(&name);
        match self.misfit(event) {
            Some(why) => {
                tracing::warn!(order_id = %self.order, "{name} does not fit the payment and is not used: {why}");
                self.history.note_unchanged(now, format!("{name} does not fit and is not used: {why}"));
            }
            None if event.review => {
                self.review_soon(now);
                self.history.note_unchanged(now, format!("{name}: the provider is asked for refunds and disputes"));
            }
            None => self.hinted(name, now),
        }
    }

    /// Why an event is not about this payment; `None` if it is.
    fn misfit(&self, event: &ProviderEvent) -> Option<String> {
        if !self.provider.kind.is_authority() {
            return Some(format!("the payment is with the provider {}", self.provider.kind.name()));
        }
        if event.payment_id != self.id() {
            return Some(format!("its payment id is {}", cut(&event.payment_id)));
        }
        if self.provider.reference.as_ref().is_some_and(|known| *known != event.reference) {
            return Some(format!("it is about {}", cut(&event.reference)));
        }
        // An event about a refund or a dispute has the amount of that.
        if event.review {
            return self
                .provider
                .reference
                .is_none()
                .then(|| "the provider's id of the payment is not known".to_owned());
        }
        let Some(price) = self.price() else { return Some("the payment was never requested".to_owned()) };
        if event.amount_minor != Some(price.amount_minor) {
            let amount = event.amount_minor.map_or_else(|| "missing".to_owned(), |amount| amount.to_string());
            return Some(format!("its amount in minor units is {amount}, not {}", price.amount_minor));
        }
        let currency = event.currency.as_deref().unwrap_or("missing");
        if !currency.eq_ignore_ascii_case(&price.currency) {
            return Some(format!("its currency is {}, not {}", cut(currency), price.currency));
        }
        None
    }

    /// Requests the status from the provider soon. A query under way may have read an older state: it is repeated.
    fn ask_provider(&mut self, now: Timestamp) {
        let earliest = self.hints.asked.map_or(now, |asked| asked.plus(PAUSE).max(now));
        match self.result_due() {
            Some(due) if due <= now => self.hints.again = true,
            Some(due) if due <= earliest => {}
            Some(_) | None => self.ask_at(earliest),
        }
    }

    /// After a query: requests the status again if a hint arrived meanwhile. Returns false if none did.
    pub(super) fn ask_again(&mut self, not_before: Duration, now: Timestamp) -> bool {
        let again = std::mem::take(&mut self.hints.again);
        if again {
            self.ask_at(now.plus(PAUSE.max(not_before)));
        }
        again
    }

    fn ask_at(&mut self, due: Timestamp) {
        self.provider.queries += 1;
        self.hints.queries += 1;
        self.hints.asked = Some(due);
        self.set_result_due(Some(due));
    }
}
