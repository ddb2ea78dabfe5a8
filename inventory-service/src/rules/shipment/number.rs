//! The tracking numbers of new parcels.

use crate::entity::Inventory;
use crate::messages::Method;
use crate::rules::context::RuleContext;
use crate::rules::tracking;

/// The entity that counts the tracking numbers of a partition.
const NUMBERS: &str = "numbers";

/// The next tracking number. The partitions take the serial numbers in turn, so that each has its own.
pub(super) fn next(ctx: &mut RuleContext<'_, '_>, method: Method) -> String {
    let issued = if let Some(Inventory::Numbers(issued)) = ctx.tx.get(NUMBERS) { *issued } else { 0 };
    ctx.tx.put(NUMBERS, Inventory::Numbers(issued.saturating_add(1)));
    let unsigned = |n: i32| u64::try_from(n).unwrap_or(0);
    let partitions = unsigned(ctx.tx.partitions());
    let serial = issued.saturating_mul(partitions).saturating_add(unsigned(ctx.tx.partition()));
    let shipping = &ctx.rules.shipping;
    tracking::number(method, shipping.serial_from.saturating_add(serial), &shipping.origin)
}
