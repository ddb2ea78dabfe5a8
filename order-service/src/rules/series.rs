//! Numbers without gaps, of invoices and of credit notes. The decision that takes a number also assigns it.

use super::context::RuleContext;
use crate::order::entity::{self, OrderEntity, Series};

/// Takes the next number of a series, such as `A0-000042`. Each partition has a series of its own, because each has its
/// own writer.
pub(super) fn next_number(ctx: &mut RuleContext<'_, '_>, series: &str) -> String {
    let partition = ctx.tx.partition();
    let key = entity::series_key(series, partition);
    let last = match ctx.tx.get(&key) {
        Some(OrderEntity::Series(series)) => series.last,
        Some(OrderEntity::Order(_) | OrderEntity::Mailing(_)) | None => 0,
    };
    let number = last.saturating_add(1);
    ctx.tx.put(key, OrderEntity::Series(Series { last: number }));
    format!("{series}{partition}-{number:06}")
}
