//! Lookups and query parameters shared by several operations.

use common::http::{Problem, parameter};
use common::ids::OrderId;
use common::service::Context;

use crate::entity::{Payment, key};
use crate::settings::Settings;

/// The default size of a page.
const PAGE: usize = 50;
/// The largest size of a page.
const LARGEST_PAGE: usize = 200;

pub(super) async fn find(context: &Context<Settings>, order: OrderId) -> Result<Payment, Problem> {
    let found = context.view.entity::<Payment>(&key(order)).await?;
    found.ok_or_else(|| Problem::not_found(format!("There is no payment for order {order}.")))
}

pub(super) fn read_limit(value: Option<&str>) -> Result<usize, Problem> {
    let number = |text: &str| text.parse().ok().filter(|n| (1..=LARGEST_PAGE).contains(n));
    Ok(parameter("limit", value, number, &format!("a number from 1 to {LARGEST_PAGE}"))?.unwrap_or(PAGE))
}
