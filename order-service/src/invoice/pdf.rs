//! An invoice as PDF 1.7 (ISO 32000-1). It uses the standard fonts, so that no font is part of the file. Characters
//! outside Latin-1 are shown as question marks; the JSON has them all.

use pdf_writer::{Content, Name, Pdf, Rect, Ref, Str, TextStr};

use super::document::{Document, Line};
use crate::order::parts::InvoiceStatus;

/// A4, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const LEFT: f32 = 56.0;
const RIGHT: f32 = WIDTH - 56.0;
const TOP: f32 = HEIGHT - 72.0;
const BOTTOM: f32 = 72.0;
const LEADING: f32 = 15.0;
/// The right edges of the number columns.
const QUANTITY: f32 = 350.0;
const UNIT: f32 = 440.0;

const TEXT: Name<'static> = Name(b"Text");
const BOLD: Name<'static> = Name(b"Bold");
const NUMBERS: Name<'static> = Name(b"Numbers");

/// The characters of an item's name that fit before the numbers.
const NAME_LENGTH: usize = 44;

/// Renders the file.
pub(crate) fn render(invoice: &Document) -> Vec<u8> {
    let mut paper = Paper::default();
    head(&mut paper, invoice);
    table_head(&mut paper);
    for line in &invoice.lines {
        if paper.y < BOTTOM + 5.0 * LEADING {
            paper.next_page();
            table_head(&mut paper);
        }
        row(&mut paper, line);
    }
    totals(&mut paper, invoice);
    paper.finish(&format!("Invoice {}", invoice.number))
}

fn head(paper: &mut Paper, invoice: &Document) {
    paper.text(BOLD, 20.0, LEFT, &format!("Invoice {}", invoice.number));
    paper.down(2.0);
    let state = match (invoice.status, invoice.voided_at) {
        (InvoiceStatus::Open, _) => "due".to_owned(),
        (InvoiceStatus::Paid, _) => "paid".to_owned(),
        (InvoiceStatus::Void, Some(at)) => format!("void since {}", day(&at.to_string())),
        (InvoiceStatus::Void, None) => "void".to_owned(),
    };
    for (label, value) in [
        ("Date", day(&invoice.issued_at.to_string())),
        ("Order", invoice.order_id.clone()),
        ("Customer", invoice.customer_id.clone()),
        ("Status", state),
    ] {
        paper.text(BOLD, 10.0, LEFT, label);
        paper.text(TEXT, 10.0, LEFT + 70.0, &value);
        paper.down(1.0);
    }
    paper.down(0.5);
    let mut to = Vec::new();
    if let Some(customer) = &invoice.customer {
        to.extend([customer.name.clone(), customer.email.clone()]);
    }
    if let Some(address) = &invoice.address {
        to.extend([address.name.clone(), address.line1.clone()]);
        to.extend(address.line2.clone());
        to.push(format!("{} {}, {}", address.postal_code, address.city, address.country));
    }
    to.dedup();
    for line in to {
        paper.text(TEXT, 10.0, LEFT, &shortened(&line, 90));
        paper.down(1.0);
    }
    paper.down(1.0);
}

fn table_head(paper: &mut Paper) {
    paper.text(BOLD, 10.0, LEFT, "Item");
    paper.right(QUANTITY, "Quantity");
    paper.right(UNIT, "Each");
    paper.right(RIGHT, "Amount");
    paper.rule();
}

fn row(paper: &mut Paper, line: &Line) {
    paper.text(TEXT, 10.0, LEFT, &shortened(&line.name, NAME_LENGTH));
    paper.right(QUANTITY, &line.quantity.to_string());
    paper.right(UNIT, &line.unit_amount.to_string());
    paper.right(RIGHT, &line.amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string()));
    paper.down(1.0);
}

fn totals(paper: &mut Paper, invoice: &Document) {
    paper.rule();
    let mut lines = vec![("Sum of the items", invoice.sum), ("Adjustment to the agreed amount", invoice.adjustment)];
    let total = if invoice.status == InvoiceStatus::Open { "Total due" } else { "Total" };
    lines.push((total, Some(invoice.total)));
    lines.push(("Refunded for returns", Some(invoice.refunded).filter(|amount| !amount.is_zero())));
    for (label, amount) in lines {
        let Some(amount) = amount else { continue };
        let font = if label == total { BOLD } else { TEXT };
        paper.text(font, 10.0, LEFT, label);
        paper.right(RIGHT, &format!("{} {}", invoice.currency, amount));
        paper.down(1.0);
    }
}

/// The day of an RFC 3339 time.
fn day(text: &str) -> String {
    text.chars().take(10).collect()
}

fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let start: String = text.chars().take(length.saturating_sub(3)).collect();
    format!("{start}...")
}

/// Text in WinAnsi encoding, of which only Latin-1 is used.
fn encoded(text: &str) -> Vec<u8> {
    let byte = |letter: char| {
        let latin = u8::try_from(u32::from(letter)).ok();
        latin.filter(|byte| matches!(byte, 0x20..=0x7e | 0xa0..=0xff)).unwrap_or(b'?')
    };
    text.chars().map(byte).collect()
}

/// The pages, written from top to bottom.
struct Paper {
    pages: Vec<Vec<u8>>,
    content: Content,
    y: f32,
}

impl Default for Paper {
    fn default() -> Self {
        Self { pages: Vec::new(), content: Content::new(), y: TOP }
    }
}

impl Paper {
    fn down(&mut self, lines: f32) {
        self.y -= lines * LEADING;
    }

    fn text(&mut self, font: Name<'_>, size: f32, x: f32, text: &str) {
        self.content.begin_text().set_font(font, size).next_line(x, self.y).show(Str(&encoded(text))).end_text();
    }

    /// Text that ends at `x`, in a monospaced font whose width is 0.6 of its size.
    fn right(&mut self, x: f32, text: &str) {
        let text = encoded(text);
        let letters = u16::try_from(text.len()).unwrap_or(u16::MAX);
        let from = x - f32::from(letters) * 6.0;
        self.content.begin_text().set_font(NUMBERS, 10.0).next_line(from, self.y).show(Str(&text)).end_text();
    }

    fn rule(&mut self) {
        self.down(0.5);
        self.content.set_line_width(0.5).move_to(LEFT, self.y).line_to(RIGHT, self.y).stroke();
        self.down(1.0);
    }

    fn next_page(&mut self) {
        self.pages.push(std::mem::replace(&mut self.content, Content::new()).finish().to_vec());
        self.y = TOP;
    }

    fn finish(mut self, title: &str) -> Vec<u8> {
        self.next_page();
        let mut last = 0;
        let mut next = || {
            last += 1;
            Ref::new(last)
        };
        let catalog = next();
        let tree = next();
        let info = next();
        let fonts = [(TEXT, "Helvetica"), (BOLD, "Helvetica-Bold"), (NUMBERS, "Courier")].map(|font| (font, next()));
        let pages: Vec<_> = self.pages.iter().map(|content| (next(), next(), content)).collect();
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree);
        pdf.document_info(info).title(TextStr(title));
        let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
        pdf.pages(tree).kids(pages.iter().map(|(page, _, _)| *page)).count(count);
        for (id, content_id, content) in &pages {
            let mut page = pdf.page(*id);
            page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(*content_id);
            let mut resources = page.resources();
            let mut used = resources.fonts();
            for ((name, _), font) in &fonts {
                used.pair(*name, *font);
            }
            drop(used);
            drop(resources);
            drop(page);
            pdf.stream(*content_id, content);
        }
        for ((_, base), font) in &fonts {
            pdf.type1_font(*font).base_font(Name(base.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        pdf.finish()
    }
}

#[cfg(test)]
mod tests;
