//! `orders`

use serde_json::Value;

use super::pages;
use crate::cli::Orders;
use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{Column, items, properties, table};
use crate::session::Session;

const LIST: [Column; 7] = [
    ("ID", "/id"),
    ("STATUS", "/status"),
    ("REASON", "/reason"),
    ("AMOUNT", "/amount"),
    ("CURRENCY", "/currency"),
    ("CUSTOMER", "/customerId"),
    ("CREATED", "/createdAt"),
];
const ORDER: [Column; 13] = [
    ("order", "/id"),
    ("status", "/status"),
    ("reason", "/reason"),
    ("customer", "/customerId"),
    ("amount", "/amount"),
    ("currency", "/currency"),
    ("warehouse", "/warehouse"),
    ("created", "/createdAt"),
    ("updated", "/updatedAt"),
    ("payment", "/payment"),
    ("invoice", "/invoice/number"),
    ("shipment", "/shipment"),
    ("notes", "/notes"),
];
const ITEMS: [Column; 4] = [("ITEM", "/id"), ("NAME", "/name"), ("QUANTITY", "/quantity"), ("AMOUNT", "/amount")];

/// Runs a command.
pub async fn run(session: &Session, command: Orders) -> Result<Exit, Failure> {
    match command {
        Orders::List { status, customer, page } => {
            let customer = customer.map(|id| ("customerId", id.to_string()));
            let query: Vec<_> = status.map(|status| ("status", status)).into_iter().chain(customer).collect();
            let orders = pages::all(session, Service::Orders, &["orders"], &query, page.limit).await?;
            session.print(&orders, || {
                let more = if orders["next"].is_null() { "" } else { "there are more: raise --limit\n" };
                table(&LIST, items(&orders, "/items"), session.width) + more
            })?;
        }
        Orders::Show { id } => {
            let id = id.to_string();
            let order = session.client.json(Call::get(Service::Orders, &["orders", &id])).await?;
            session.print(&order, || text(&order, session.width))?;
        }
    }
    Ok(Exit::Ok)
}

fn text(order: &Value, width: Option<u16>) -> String {
    let lines = table(&ITEMS, items(order, "/items"), width);
    format!("{}\n{lines}", properties(&ORDER, order))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_is_shown_with_its_items() {
        let order = json!({"id": "o1", "status": "confirmed", "amount": 99.9, "notes": [],
            "items": [{"id": "a", "name": "Day one", "quantity": 2, "amount": 49.95}]});
        let shown = "order   o1\nstatus  confirmed\namount  99.9\n\n\
                     ITEM  NAME     QUANTITY  AMOUNT\na     Day one  2         49.95\n";
        assert_eq!(text(&order, None), shown);
    }
}
