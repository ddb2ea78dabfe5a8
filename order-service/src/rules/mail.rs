//! Attempts to mail a notice. An accepted or refused mail is done; a failed attempt is repeated for two days.

use std::time::Duration;

use common::bounds::{TEXT_BYTES, shorten_any};
use common::messages::Unreadable;
use common::time::Timestamp;

use super::context::RuleContext;
use crate::messages::Mailed;
use crate::order::entity::OrderEntity;
use crate::order::mailing::{Mailing, Outcome};

/// The pause before the second attempt; each further pause is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The age of a notice at which attempts end. RFC 5321, section 4.5.4.1, recommends 4-5 days; a notice is
/// of no use that late.
const GIVE_UP_AFTER: Duration = Duration::from_secs(2 * 24 * 3600);

/// Records the outcome of an attempt.
pub(crate) fn record_attempt(ctx: &mut RuleContext<'_, '_>, report: &Mailed) -> Result<(), Unreadable> {
    ctx.tx.check_home("order", &report.order_id.to_string())?;
    let key = Mailing::key(&report.notice_id.to_string());
    let is_expected = match ctx.tx.get(&key) {
        Some(OrderEntity::Mailing(mailing)) => mailing.is_open() && report.attempt == mailing.next_attempt(),
        Some(OrderEntity::Order(_) | OrderEntity::Series(_)) | None => false,
    };
    if is_expected && let Some(OrderEntity::Mailing(mailing)) = ctx.tx.update(&key) {
        record(mailing, report, ctx.now);
    }
    Ok(())
}

fn record(mailing: &mut Mailing, report: &Mailed, now: Timestamp) {
    mailing.tries = report.attempt;
    mailing.error.clone_from(&report.error);
    shorten_any(&mut mailing.error, TEXT_BYTES);
    let is_too_old = now.since(mailing.notice.created_at) > GIVE_UP_AFTER;
    if report.outcome == Outcome::Failed && !is_too_old {
        let doublings = report.attempt.saturating_sub(1).min(10);
        let latest = now.plus(LONGEST_PAUSE);
        let usual = now.plus(FIRST_PAUSE.saturating_mul(1 << doublings)).min(latest);
        mailing.due = report.not_before.map_or(usual, |at| at.clamp(now, latest));
    } else {
        mailing.outcome = Some(report.outcome);
    }
}

#[cfg(test)]
mod tests;
