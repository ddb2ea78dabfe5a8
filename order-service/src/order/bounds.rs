//! The bounds of an order's parts: those of customers are refused when they are longer, those of other services are
//! cut.

use common::bounds::{CUSTOMER_TEXT_BYTES, Check, ID_BYTES, KIB, MOST_LINES, TEXT_BYTES, shorten, shorten_any};

use super::limits::{forbidden_character, forbids};
use super::parts::{Payment, Return, ReturnStatus, Shipment, Step};
use super::{Order, Placed};

/// The most bytes of a code, an email address or a name that another service reports.
pub(crate) const NAME: usize = 400;
/// The most returns of an order that start a saga. Each is at most one partial refund of the payment, which takes as
/// many from sagas (`payment-service/src/rules/partial.rs`).
pub const MOST_RETURNS: usize = 100;
/// The most credit notes of an order: one for each return that starts a saga, and one for the whole order.
pub const MOST_CREDIT_NOTES: usize = MOST_RETURNS + 1;
/// The most returns kept that were refused as soon as they were requested: the oldest is dropped.
pub const KEPT_REFUSED: usize = 20;
/// An order with more bytes of returns takes no further one.
pub const RETURNS_BYTES: usize = 1024 * KIB;
/// The most steps of a saga.
pub(crate) const MOST_STEPS: usize = 64;

/// Checks the texts and the items of a new order.
///
/// # Errors
/// The first that is too long, and its bound.
pub(crate) fn check_placed(placed: &Placed) -> Result<(), String> {
    let Placed { customer, currency, items, delivery, warehouse, payment, .. } = placed;
    let mut check = Check::default();
    if let Some(customer) = customer {
        check.text("customer.name", &customer.name, CUSTOMER_TEXT_BYTES);
        check.text("customer.email", &customer.email, NAME);
    }
    if let Some(payment) = payment {
        payment.check(&mut check);
    }
    check.text("currency", currency, NAME);
    check.any_text("warehouse", warehouse.as_deref(), ID_BYTES);
    check.list("items", items.len(), MOST_LINES);
    for item in items {
        check.text("items.id", &item.id, ID_BYTES);
        check.text("items.name", &item.name, CUSTOMER_TEXT_BYTES);
    }
    if let Some(address) = delivery.as_ref().and_then(|delivery| delivery.address.as_ref()) {
        for text in [&address.name, &address.line1, &address.city] {
            check.text("delivery.address", text, CUSTOMER_TEXT_BYTES);
        }
        check.any_text("delivery.address.line2", address.line2.as_deref(), CUSTOMER_TEXT_BYTES);
        check.text("delivery.address.postalCode", &address.postal_code, NAME);
        check.text("delivery.address.country", &address.country, NAME);
    }
    check.done()?;
    let mut texts = customer_texts(placed);
    let forbidden = texts.find_map(|(field, text)| Some((field, forbidden_character(text)?)));
    forbidden.map_or(Ok(()), |(field, character)| Err(format!("{field}: {}", forbids(character))))
}

/// What a customer has written, for mails, invoices and labels.
fn customer_texts(placed: &Placed) -> impl Iterator<Item = (&'static str, &str)> {
    let customer = placed.customer.iter();
    let customer =
        customer.flat_map(|customer| [("customer.name", &customer.name), ("customer.email", &customer.email)]);
    let items = placed.items.iter().map(|item| ("items.name", &item.name));
    let address = placed.delivery.iter().filter_map(|delivery| delivery.address.as_ref());
    let address = address.flat_map(|address| {
        let line2 = address.line2.iter();
        let texts = [&address.name, &address.line1, &address.city, &address.postal_code, &address.country];
        texts.into_iter().chain(line2).map(|text| ("delivery.address", text))
    });
    customer.chain(items).chain(address).map(|(field, text)| (field, text.as_str()))
}

/// Cuts the steps that a saga reports.
pub(crate) fn cut_steps(mut steps: Vec<Step>) -> Vec<Step> {
    steps.truncate(MOST_STEPS);
    for step in &mut steps {
        shorten(&mut step.step, NAME);
        shorten(&mut step.status, NAME);
        shorten_any(&mut step.label, NAME);
        shorten_any(&mut step.reason, TEXT_BYTES);
    }
    steps
}

/// Cuts a reported payment.
pub(crate) fn cut_payment(mut payment: Payment) -> Payment {
    shorten(&mut payment.status, NAME);
    shorten_any(&mut payment.payment_id, TEXT_BYTES);
    shorten_any(&mut payment.reference, TEXT_BYTES);
    payment
}

/// Cuts a reported shipment.
pub(crate) fn cut_shipment(mut shipment: Shipment) -> Shipment {
    let Shipment { shipment_id, carrier, method, tracking_number, estimated_date, tracked: _ } = &mut shipment;
    for text in [shipment_id, carrier, method, tracking_number, estimated_date] {
        shorten_any(text, NAME);
    }
    shipment
}

/// Adds a return. Of those that were refused at once, the last ones are kept.
pub(crate) fn add_return(order: &mut Order, new: Return) {
    let refused = order.returns.iter().filter(|known| is_refused_at_once(known)).count();
    if is_refused_at_once(&new)
        && refused >= KEPT_REFUSED
        && let Some(oldest) = order.returns.iter().position(is_refused_at_once)
    {
        order.returns.remove(oldest);
    }
    order.returns.push(new);
}

/// Returns true for a return that was refused when it was requested: it has no saga.
pub(crate) fn is_refused_at_once(known: &Return) -> bool {
    known.status == ReturnStatus::Refused && known.ended_at == Some(known.requested_at)
}

#[cfg(test)]
mod tests;
