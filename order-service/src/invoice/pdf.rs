//! Invoices and credit notes as PDF, in English or Portuguese. The same document has the same bytes.

use super::bill::{Bill, Line};
use super::document::{CreditDocument, Document, day};
use super::fonts::Fonts;
use super::labels::Labels;
use super::paper::{BOLD, LEFT, Paper, PdfError, RIGHT, SMALL, Style, TEXT, TITLE};
use crate::order::delivery::Language;
use crate::order::parts::InvoiceStatus;

/// Where the second column of the head begins, and its values.
const HEAD_LABEL: f32 = 280.0;
const HEAD_VALUE: f32 = 372.0;
/// The right edges of the number columns.
const QUANTITY: f32 = 360.0;
const EACH: f32 = 450.0;
/// The width of an item's name.
const NAME: f32 = 240.0;
const MOST_NAME_LINES: usize = 4;
/// The width of a line of an address.
const ADDRESS: f32 = 210.0;
const MOST_ADDRESS_LINES: usize = 3;
const MOST_NOTE_LINES: usize = 12;
/// Where the labels of the totals begin.
const TOTALS: f32 = 230.0;

/// The invoice.
///
/// # Errors
/// A font that cannot be embedded.
pub(crate) fn invoice(document: &Document, language: Language, fonts: &Fonts) -> Result<Vec<u8>, PdfError> {
    let labels = Labels::of(language);
    let bill = &document.bill;
    let status = match (document.status, document.voided_at) {
        (InvoiceStatus::Open, _) => labels.due.to_owned(),
        (InvoiceStatus::Paid, _) => labels.paid.to_owned(),
        (InvoiceStatus::Void, Some(at)) => format!("{} {}", labels.void_since, day(at)),
        (InvoiceStatus::Void, None) => labels.void.to_owned(),
    };
    let mut facts = vec![(labels.date, day(bill.issued_at))];
    facts.extend(document.due_date.clone().map(|due| (labels.due_date, due)));
    facts.push((labels.status, status));
    let total = if document.status == InvoiceStatus::Open { labels.total_due } else { labels.total };
    let refunded = (!document.refunded.is_zero()).then(|| (labels.refunded, document.refunded.to_string()));
    let title = format!("{} {}", labels.invoice, document.number);
    write(&Sheet { labels, title, facts, bill, total, after: refunded }, fonts)
}

/// The credit note.
///
/// # Errors
/// A font that cannot be embedded.
pub(crate) fn credit_note(document: &CreditDocument, language: Language, fonts: &Fonts) -> Result<Vec<u8>, PdfError> {
    let labels = Labels::of(language);
    let bill = &document.bill;
    let invoice = format!("{} ({})", document.invoice_number, day(document.invoice_issued_at));
    let mut facts = vec![(labels.date, day(bill.issued_at)), (labels.for_invoice, invoice)];
    facts.extend(document.return_id.map(|id| (labels.for_return, id.to_string())));
    let title = format!("{} {}", labels.credit_note, document.number);
    write(&Sheet { labels, title, facts, bill, total: labels.total_credited, after: None }, fonts)
}

/// What is written.
struct Sheet<'a> {
    labels: &'static Labels,
    title: String,
    /// Labels and values of the head.
    facts: Vec<(&'static str, String)>,
    bill: &'a Bill,
    /// The label of the total.
    total: &'static str,
    /// A line after the total.
    after: Option<(&'static str, String)>,
}

fn write(sheet: &Sheet<'_>, fonts: &Fonts) -> Result<Vec<u8>, PdfError> {
    let mut paper = Paper::new(fonts);
    write_seller(&mut paper, sheet);
    paper.text(TITLE, LEFT, &sheet.title);
    paper.down(2.0);
    write_head(&mut paper, sheet);
    table_head(&mut paper, sheet.labels);
    for line in &sheet.bill.lines {
        row(&mut paper, sheet.labels, line);
    }
    write_totals(&mut paper, sheet);
    if let Some(note) = &sheet.bill.note {
        paper.down(1.0);
        block(&mut paper, TEXT, LEFT, note, RIGHT - LEFT, MOST_NOTE_LINES);
    }
    paper.finish(sheet.title.clone(), sheet.labels.tag, sheet.labels.page)
}

fn write_seller(paper: &mut Paper<'_>, sheet: &Sheet<'_>) {
    let Some(seller) = sheet.bill.seller.as_deref() else { return };
    block(paper, BOLD, LEFT, &seller.name, RIGHT - LEFT, 2);
    let city: Vec<&str> = [&seller.postal_code, &seller.city].into_iter().flatten().map(String::as_str).collect();
    let city = match (&seller.country, city.is_empty()) {
        (Some(country), false) => Some(format!("{}, {country}", city.join(" "))),
        (Some(country), true) => Some(country.clone()),
        (None, false) => Some(city.join(" ")),
        (None, true) => None,
    };
    let tax_id = seller.tax_id.as_ref().map(|id| format!("{}: {id}", sheet.labels.tax_id));
    for text in [seller.line1.clone(), seller.line2.clone(), city, tax_id, seller.email.clone()].into_iter().flatten() {
        block(paper, TEXT, LEFT, &text, RIGHT - LEFT, 2);
    }
    paper.down(1.5);
}

/// The customer on the left, the dates and ids on the right.
fn write_head(paper: &mut Paper<'_>, sheet: &Sheet<'_>) {
    let Sheet { labels, facts, bill, .. } = sheet;
    let top = paper.y;
    let ids = [(labels.order, bill.order_id.clone()), (labels.customer, bill.customer_id.clone())];
    for (label, value) in facts.iter().chain(&ids) {
        paper.text(BOLD, HEAD_LABEL, label);
        // An id fits into one line.
        let style = if value.len() < 36 { TEXT } else { SMALL };
        block(paper, style, HEAD_VALUE, value, RIGHT - HEAD_VALUE, 3);
    }
    let end = paper.y;
    paper.y = top;
    let mut to: Vec<String> = Vec::new();
    if let Some(customer) = &bill.customer {
        to.extend([customer.name.clone(), customer.email.clone()]);
    }
    if let Some(address) = &bill.address {
        to.extend(Some(&address.name).filter(|name| !to.contains(name)).cloned());
        to.push(address.line1.clone());
        to.extend(address.line2.clone());
        to.push(format!("{} {}, {}", address.postal_code, address.city, address.country));
    }
    if !to.is_empty() {
        paper.text(BOLD, LEFT, labels.bill_to);
        paper.down(1.0);
    }
    for text in to {
        block(paper, TEXT, LEFT, &text, ADDRESS, MOST_ADDRESS_LINES);
    }
    paper.y = paper.y.max(end);
    paper.down(1.5);
}

fn table_head(paper: &mut Paper<'_>, labels: &Labels) {
    paper.text(BOLD, LEFT, labels.item);
    paper.right(BOLD, QUANTITY, labels.quantity);
    paper.right(BOLD, EACH, labels.each);
    paper.right(BOLD, RIGHT, labels.amount);
    paper.down(1.0);
    paper.rule();
}

fn row(paper: &mut Paper<'_>, labels: &Labels, line: &Line) {
    let name = paper.wrapped(TEXT, &line.name, NAME, MOST_NAME_LINES);
    if paper.need(name.iter().fold(0.0, |lines, _| lines + 1.0)) {
        table_head(paper, labels);
    }
    paper.right(TEXT, QUANTITY, &line.quantity.to_string());
    paper.right(TEXT, EACH, &line.unit_amount.to_string());
    paper.right(TEXT, RIGHT, &line.amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string()));
    for shaped in name {
        paper.line(TEXT, LEFT, shaped);
        paper.down(1.0);
    }
}

fn write_totals(paper: &mut Paper<'_>, sheet: &Sheet<'_>) {
    let Sheet { labels, bill, total, after, .. } = sheet;
    let mut lines = Vec::new();
    lines.extend(bill.sum.map(|sum| (labels.sum.to_owned(), sum.to_string(), TEXT)));
    lines.extend(bill.adjustment.map(|amount| (labels.adjustment.to_owned(), amount.to_string(), TEXT)));
    let whole = ((*total).to_owned(), bill.total.to_string(), BOLD);
    let net = |label: &str| bill.net.map(|net| (label.to_owned(), net.to_string(), TEXT));
    let tax = |before: &str| {
        let label = |name: &str, rate: &str| format!("{before}{name} {rate} %");
        let taxes = bill.taxes.iter().map(|tax| (tax.name.as_str(), tax.rate.to_string(), tax.amount.to_string()));
        taxes.map(|(name, rate, amount)| (label(name, &rate), amount, TEXT)).collect::<Vec<_>>()
    };
    if bill.prices_exclude_tax {
        lines.extend(net(labels.net));
        lines.extend(tax(""));
        lines.push(whole);
    } else {
        lines.push(whole);
        lines.extend(net(labels.contained_net));
        lines.extend(tax(&format!("{} ", labels.contained_tax)));
    }
    lines.extend(after.as_ref().map(|(label, amount)| ((*label).to_owned(), amount.clone(), TEXT)));
    paper.need(lines.iter().fold(1.5, |needed, _| needed + 1.0));
    paper.down(0.5);
    paper.rule();
    for (label, amount, style) in lines {
        for shaped in paper.wrapped(style, &label, RIGHT - TOTALS - 110.0, 1) {
            paper.line(style, TOTALS, shaped);
        }
        paper.right(style, RIGHT, &format!("{} {amount}", bill.currency));
        paper.down(1.0);
    }
}

/// A text that may take several lines.
fn block(paper: &mut Paper<'_>, style: Style, x: f32, text: &str, width: f32, most: usize) {
    for shaped in paper.wrapped(style, text, width, most) {
        paper.need(1.0);
        paper.line(style, x, shaped);
        paper.down(1.0);
    }
}

#[cfg(test)]
mod tests;
