//! The bounds of texts and lists that the service keeps: longer ones of messages are rejected, those of other services
//! and of the rules are cut.

use common::bounds::{CUSTOMER_TEXT_BYTES, Check, ID_BYTES, MOST_LINES};

use crate::messages::{Address, ItemQuantity, ShipmentEvent};

/// The most bytes of a text of an operator: of an item's name, of who changed it and why.
pub(crate) const OPERATOR_TEXT: usize = 1_200;
/// The items of a reply have no names if it would be longer: a saga keeps at most 64 KiB of a reply.
pub(crate) const REPLY_BYTES: usize = 48 * 1024;

/// Checks the items of a command.
pub(crate) fn items(check: &mut Check, items: &[ItemQuantity]) {
    check.list("items", items.len(), MOST_LINES);
    for item in items {
        check.text("items.id", &item.id, ID_BYTES);
    }
}

/// Checks the address of a delivery.
pub(crate) fn address(check: &mut Check, address: Option<&Address>) {
    let Some(Address { name, line1, line2, city, postal_code, country }) = address else { return };
    for text in [name, line1, city, postal_code, country] {
        check.text("delivery.address", text, CUSTOMER_TEXT_BYTES);
    }
    check.any_text("delivery.address.line2", line2.as_deref(), CUSTOMER_TEXT_BYTES);
}

/// Checks the texts of the report of a stage.
pub(crate) fn stage(check: &mut Check, event: &ShipmentEvent) {
    check.any_text("note", event.note.as_deref(), OPERATOR_TEXT);
    check.any_text("eventId", event.event_id.as_deref(), ID_BYTES);
    check.any_text("trackingNumber", event.tracking_number.as_deref(), ID_BYTES);
}

/// Checks the texts of an operator.
pub(crate) fn operator(check: &mut Check, by: &str, why: &str) {
    check.text("by", by, OPERATOR_TEXT);
    check.text("why", why, OPERATOR_TEXT);
}

/// Checks the names of a change of the stock, and the texts of its operator.
pub(crate) fn stock(check: &mut Check, warehouse: &str, item: &str, texts: &[&str]) {
    check.text("warehouse", warehouse, ID_BYTES);
    check.text("itemId", item, ID_BYTES);
    for text in texts {
        check.text("name, by or why", text, OPERATOR_TEXT);
    }
}

#[cfg(test)]
mod tests;
