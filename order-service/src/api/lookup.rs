//! Orders by id, from the view.

use common::http::Problem;
use common::ids::OrderId;
use common::service::Context;

use crate::order::entity::OrderEntity;
use crate::order::{self, Order};
use crate::settings::Settings;

/// The order with that id, if it is known.
pub(super) async fn find(context: &Context<Settings>, id: OrderId) -> Result<Option<Order>, Problem> {
    let entity: Option<OrderEntity> = context.view.entity(&order::key(id)).await?;
    Ok(entity.and_then(|entity| match entity {
        OrderEntity::Order(order) => Some(*order),
        OrderEntity::Series(_) | OrderEntity::Mailing(_) => None,
    }))
}

/// The order with that id.
///
/// # Errors
/// 404 for an unknown order.
pub(super) async fn get(context: &Context<Settings>, id: OrderId) -> Result<Order, Problem> {
    find(context, id).await?.ok_or_else(|| unknown(id))
}

/// The response for an unknown order, or an order of another customer.
pub(super) fn unknown(id: OrderId) -> Problem {
    Problem::not_found(format!("There is no order {id}."))
}
