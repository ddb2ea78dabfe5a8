//! Payment results, as the provider or an operator writes them to `payment-results`: early, twice or late.

use common::ids;
use common::messages::{MessageMac, Origin, Outgoing, Unreadable, header};
use common::time::Timestamp;

use super::context::RuleContext;
use crate::entity::approval::{Approval, MOST_APPROVALS};
use crate::entity::{Payment, key};
use crate::messages::{PaymentResult, Verdict};
use crate::provider::call::ProviderKind;

/// How a message on `payment-results` is treated.
enum Standing<'m> {
    /// As the result.
    Result,
    /// As a hint: the provider is asked.
    Hint,
    /// It is sent again with this service's mark, and is the result then.
    ToBeMarked(&'m MessageMac),
}

/// Decides how a result of a payment with this provider is treated.
fn standing<'r>(ctx: &RuleContext<'r, '_>, provider: ProviderKind) -> Standing<'r> {
    match ctx.mac {
        Some(mac) if mac.verify(ctx.message) == Origin::Verified => Standing::Result,
        Some(_) | None if provider.is_authority() => Standing::Hint,
        Some(mac) => Standing::ToBeMarked(mac),
        None => Standing::Result,
    }
}

/// Applies a result, puts it back on the partition of its order, or requests the status from the provider.
///
/// # Errors
/// [`Unreadable::Malformed`] for a result of a payment that has too many approvals.
pub(crate) fn result(ctx: &mut RuleContext<'_, '_>, result: PaymentResult) -> Result<(), Unreadable> {
    let order = result.order_id.to_string();
    let home = ctx.tx.home_of(&order);
    if home != ctx.tx.partition() {
        ctx.tx.send(Outgoing::put_back(ctx.message, &order, home));
        return Ok(());
    }
    let key = key(result.order_id);
    let provider = ctx.tx.get(&key).map_or(ctx.provider, |payment| payment.provider.kind);
    let id = ctx.message.id();
    match standing(ctx, provider) {
        Standing::Result => {
            if ctx.tx.get(&key).is_some_and(|payment| payment.exceeds_approvals(&result, &id)) {
                let limit = format!("has {MOST_APPROVALS} approvals: none is taken before they are refunded");
                return Err(Unreadable::Malformed(format!("payment of {order} {limit}")));
            }
            let mut payment = ctx.tx.take(&key).unwrap_or_else(|| ctx.new_payment(result.order_id));
            let reply = payment.result(result, id, ctx.now);
            ctx.tx.put(key, payment);
            reply.into_iter().for_each(|reply| ctx.tx.send(reply));
        }
        // A payment that is not known yet is queried once it is requested.
        Standing::Hint => {
            if let Some(payment) = ctx.tx.update(&key) {
                payment.hinted(&format!("a message reports it {}", result.status.name()), ctx.now);
            }
        }
        Standing::ToBeMarked(mac) => {
            let mut marked = Outgoing::put_back(ctx.message, &order, home);
            marked.headers.set(header::ID, ids::derive(&[&id, "marked"]).to_string());
            ctx.tx.send(mac.mark(marked));
        }
    }
    Ok(())
}

impl Payment {
    /// Returns true if the result is another approval, and too many are not refunded yet. A repetition is none.
    pub fn exceeds_approvals(&self, result: &PaymentResult, message: &str) -> bool {
        if result.status != Verdict::Approved || !self.approvals.is_full() {
            return false;
        }
        !self.is_known(&Approval::new(message.to_owned(), result.payment_id.clone(), None))
    }

    /// Applies the result in the message with this id.
    pub fn result(&mut self, result: PaymentResult, message: String, now: Timestamp) -> Option<Outgoing> {
        match result.status {
            Verdict::Approved => {
                // A reference is taken from the provider's own answers only.
                let PaymentResult { payment_id, .. } = result;
                self.approved(Approval::new(message, payment_id, Some(now)), now)
            }
            Verdict::Authorized => self.authorized(now),
            Verdict::Declined => self.declined(result.reason.as_deref(), now),
        }
    }
}
