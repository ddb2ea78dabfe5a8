//! Invoices and credit notes as XML: UBL 2.1 (ISO/IEC 19845), with the codes of EN 16931. Amounts are without taxes, as
//! UBL requires, and the adjustment is an allowance or a charge. An invoice is written as it was issued: a payment does
//! not change its XML. A void one says so in a note.

use std::fmt::Display;

use xml::Xml;

use super::bill::{Bill, Line, Nets, TaxLine};
use super::document::{CreditDocument, Document, day};
use crate::order::delivery::{Address, Customer};
use crate::order::terms::Seller;

const NAMESPACE: &str = "urn:oasis:names:specification:ubl:schema:xsd:";
const EN_16931: &str = "urn:cen.eu:en16931:2017";
/// Of UNTDID 1001.
const COMMERCIAL_INVOICE: &str = "380";
const CREDIT_NOTE: &str = "381";
/// Pieces (UN/ECE Recommendation 20).
const PIECES: &str = "C62";
const VAT: &str = "VAT";
const NOT_SUBJECT_TO_TAX: &str = "Not subject to tax";
const ADJUSTMENT: &str = "Adjustment to the agreed amount";

/// What an invoice and a credit note write differently.
struct Names {
    root: &'static str,
    kind: &'static str,
    kind_code: &'static str,
    line: &'static str,
    quantity: &'static str,
}

const OF_INVOICE: Names = Names {
    root: "Invoice",
    kind: "cbc:InvoiceTypeCode",
    kind_code: COMMERCIAL_INVOICE,
    line: "cac:InvoiceLine",
    quantity: "cbc:InvoicedQuantity",
};
const OF_CREDIT_NOTE: Names = Names {
    root: "CreditNote",
    kind: "cbc:CreditNoteTypeCode",
    kind_code: CREDIT_NOTE,
    line: "cac:CreditNoteLine",
    quantity: "cbc:CreditedQuantity",
};

/// The invoice; `None` if its amounts are too large to be added up.
pub(crate) fn invoice(document: &Document) -> Option<String> {
    let bill = &document.bill;
    let head = Head {
        number: &document.number,
        due: document.due_date.as_deref(),
        notes: document.voided_at.map(|at| format!("Void since {}.", day(at))).into_iter().collect(),
        credited: None,
    };
    write(&OF_INVOICE, &head, bill)
}

/// The credit note; `None` if its amounts are too large to be added up.
pub(crate) fn credit_note(document: &CreditDocument) -> Option<String> {
    let credited = (document.invoice_number.as_str(), day(document.invoice_issued_at));
    let head = Head { number: &document.number, due: None, notes: Vec::new(), credited: Some(credited) };
    write(&OF_CREDIT_NOTE, &head, &document.bill)
}

/// What is not in the bill.
struct Head<'a> {
    number: &'a str,
    due: Option<&'a str>,
    notes: Vec<String>,
    /// The invoice's number and day.
    credited: Option<(&'a str, String)>,
}

fn write(names: &Names, head: &Head<'_>, bill: &Bill) -> Option<String> {
    let nets = bill.nets.as_ref()?;
    let own = format!("{NAMESPACE}{}-2", names.root);
    let aggregate = format!("{NAMESPACE}CommonAggregateComponents-2");
    let basic = format!("{NAMESPACE}CommonBasicComponents-2");
    let attributes = [("xmlns", &own as &dyn Display), ("xmlns:cac", &aggregate), ("xmlns:cbc", &basic)];
    let mut xml = Xml::new();
    xml.element(names.root, &attributes, |xml| {
        write_head(xml, names, head, bill);
        write_seller(xml, bill.seller.as_deref());
        write_customer(xml, bill);
        write_adjustment(xml, bill, nets);
        write_taxes(xml, bill, nets);
        write_totals(xml, bill, nets);
        for (index, (line, net)) in bill.lines.iter().zip(&nets.lines).enumerate() {
            write_line(xml, names, bill, (index, line), &net.to_string());
        }
    });
    Some(xml.finish())
}

fn write_head(xml: &mut Xml, names: &Names, head: &Head<'_>, bill: &Bill) {
    // EN 16931 has one tax on each line, and requires the seller's country.
    let is_european = bill.taxes.len() <= 1 && bill.seller.as_ref().is_some_and(|seller| seller.country.is_some());
    xml.text("cbc:UBLVersionID", "2.1");
    xml.any_text("cbc:CustomizationID", is_european.then_some(EN_16931));
    xml.text("cbc:ID", head.number);
    xml.text("cbc:IssueDate", &day(bill.issued_at));
    xml.any_text("cbc:DueDate", head.due);
    xml.text(names.kind, names.kind_code);
    for note in head.notes.iter().map(String::as_str).chain(bill.note.as_deref()) {
        xml.text("cbc:Note", note);
    }
    xml.text("cbc:DocumentCurrencyCode", &bill.currency);
    xml.group("cac:OrderReference", |xml| xml.text("cbc:ID", &bill.order_id));
    if let Some((number, day)) = &head.credited {
        xml.group("cac:BillingReference", |xml| {
            xml.group("cac:InvoiceDocumentReference", |xml| {
                xml.text("cbc:ID", number);
                xml.text("cbc:IssueDate", day);
            });
        });
    }
}

fn write_seller(xml: &mut Xml, seller: Option<&Seller>) {
    xml.group("cac:AccountingSupplierParty", |xml| {
        let Some(seller) = seller else { return };
        xml.group("cac:Party", |xml| {
            xml.group("cac:PartyName", |xml| xml.text("cbc:Name", &seller.name));
            let lines = AddressLines {
                line1: seller.line1.as_deref(),
                line2: seller.line2.as_deref(),
                city: seller.city.as_deref(),
                postal_code: seller.postal_code.as_deref(),
                country: seller.country.as_deref(),
            };
            write_address(xml, &lines);
            if let Some(id) = &seller.tax_id {
                xml.group("cac:PartyTaxScheme", |xml| {
                    xml.text("cbc:CompanyID", id);
                    write_scheme(xml, VAT, None);
                });
            }
            xml.group("cac:PartyLegalEntity", |xml| xml.text("cbc:RegistrationName", &seller.name));
            write_contact(xml, seller.email.as_deref());
        });
    });
}

fn write_customer(xml: &mut Xml, bill: &Bill) {
    let name = bill.customer.as_ref().map(|customer: &Customer| customer.name.as_str());
    let name = name.or_else(|| bill.address.as_ref().map(|address: &Address| address.name.as_str()));
    xml.group("cac:AccountingCustomerParty", |xml| {
        xml.group("cac:Party", |xml| {
            xml.group("cac:PartyIdentification", |xml| xml.text("cbc:ID", &bill.customer_id));
            if let Some(address) = &bill.address {
                let lines = AddressLines {
                    line1: Some(&address.line1),
                    line2: address.line2.as_deref(),
                    city: Some(&address.city),
                    postal_code: Some(&address.postal_code),
                    country: Some(&address.country),
                };
                write_address(xml, &lines);
            }
            xml.group("cac:PartyLegalEntity", |xml| {
                xml.text("cbc:RegistrationName", name.unwrap_or(&bill.customer_id));
            });
            write_contact(xml, bill.customer.as_ref().map(|customer| customer.email.as_str()));
        });
    });
}

fn write_contact(xml: &mut Xml, email: Option<&str>) {
    if let Some(email) = email {
        xml.group("cac:Contact", |xml| xml.text("cbc:ElectronicMail", email));
    }
}

/// The parts of an address.
struct AddressLines<'a> {
    line1: Option<&'a str>,
    line2: Option<&'a str>,
    city: Option<&'a str>,
    postal_code: Option<&'a str>,
    country: Option<&'a str>,
}

fn write_address(xml: &mut Xml, lines: &AddressLines<'_>) {
    let AddressLines { line1, line2, city, postal_code, country } = *lines;
    if [line1, line2, city, postal_code, country].iter().all(Option::is_none) {
        return;
    }
    xml.group("cac:PostalAddress", |xml| {
        xml.any_text("cbc:StreetName", line1);
        xml.any_text("cbc:AdditionalStreetName", line2);
        xml.any_text("cbc:CityName", city);
        xml.any_text("cbc:PostalZone", postal_code);
        if let Some(country) = country {
            xml.group("cac:Country", |xml| xml.text("cbc:IdentificationCode", country));
        }
    });
}

/// The adjustment: an allowance if it lowers the amount, a charge if it raises it.
fn write_adjustment(xml: &mut Xml, bill: &Bill, nets: &Nets) {
    if nets.adjustment.is_zero() {
        return;
    }
    xml.group("cac:AllowanceCharge", |xml| {
        xml.text("cbc:ChargeIndicator", if nets.adjustment.is_positive() { "true" } else { "false" });
        xml.text("cbc:AllowanceChargeReason", ADJUSTMENT);
        amount(xml, bill, "cbc:Amount", &nets.adjustment_size.to_string());
        write_categories(xml, "cac:TaxCategory", bill, false);
    });
}

fn write_taxes(xml: &mut Xml, bill: &Bill, nets: &Nets) {
    let net = nets.total.to_string();
    let subtotal = |xml: &mut Xml, tax: Option<&TaxLine>| {
        let tax_amount = tax.map_or_else(|| nets.taxes_sum.to_string(), |tax| tax.amount.to_string());
        xml.group("cac:TaxSubtotal", |xml| {
            amount(xml, bill, "cbc:TaxableAmount", &net);
            amount(xml, bill, "cbc:TaxAmount", &tax_amount);
            write_category(xml, "cac:TaxCategory", bill, tax, true);
        });
    };
    xml.group("cac:TaxTotal", |xml| {
        amount(xml, bill, "cbc:TaxAmount", &nets.taxes_sum.to_string());
        if bill.taxes.is_empty() {
            subtotal(xml, None);
        }
        for tax in &bill.taxes {
            subtotal(xml, Some(tax));
        }
    });
}

fn write_categories(xml: &mut Xml, element: &str, bill: &Bill, with_reason: bool) {
    if bill.taxes.is_empty() {
        write_category(xml, element, bill, None, with_reason);
    }
    for tax in &bill.taxes {
        write_category(xml, element, bill, Some(tax), with_reason);
    }
}

/// The category of UNTDID 5305: S is a tax, Z one with the rate 0, O is none at all.
fn write_category(xml: &mut Xml, element: &str, bill: &Bill, tax: Option<&TaxLine>, with_reason: bool) {
    xml.group(element, |xml| {
        let Some(tax) = tax else {
            xml.text("cbc:ID", "O");
            xml.any_text("cbc:TaxExemptionReason", with_reason.then_some(NOT_SUBJECT_TO_TAX));
            write_scheme(xml, VAT, None);
            return;
        };
        xml.text("cbc:ID", if tax.rate.is_zero() { "Z" } else { "S" });
        xml.text("cbc:Percent", &tax.rate.to_string());
        // EN 16931 has the scheme VAT only, which every country names differently. Several taxes are several schemes.
        let id = if bill.taxes.len() == 1 { VAT } else { &tax.name };
        write_scheme(xml, id, Some(&tax.name));
    });
}

fn write_scheme(xml: &mut Xml, id: &str, name: Option<&str>) {
    xml.group("cac:TaxScheme", |xml| {
        xml.text("cbc:ID", id);
        xml.any_text("cbc:Name", name.filter(|name| *name != id));
    });
}

fn write_totals(xml: &mut Xml, bill: &Bill, nets: &Nets) {
    let size = nets.adjustment_size.to_string();
    xml.group("cac:LegalMonetaryTotal", |xml| {
        amount(xml, bill, "cbc:LineExtensionAmount", &nets.lines_sum.to_string());
        amount(xml, bill, "cbc:TaxExclusiveAmount", &nets.total.to_string());
        amount(xml, bill, "cbc:TaxInclusiveAmount", &bill.total.to_string());
        if nets.adjustment.is_negative() {
            amount(xml, bill, "cbc:AllowanceTotalAmount", &size);
        } else if nets.adjustment.is_positive() {
            amount(xml, bill, "cbc:ChargeTotalAmount", &size);
        }
        amount(xml, bill, "cbc:PayableAmount", &bill.total.to_string());
    });
}

/// The price is that of all pieces of the line together, so that no rounded unit price contradicts the line.
fn write_line(xml: &mut Xml, names: &Names, bill: &Bill, (index, line): (usize, &Line), net: &str) {
    let quantity = line.quantity.to_string();
    let unit: [(&str, &dyn Display); 1] = [("unitCode", &PIECES)];
    xml.group(names.line, |xml| {
        xml.text("cbc:ID", &(index + 1).to_string());
        xml.text_with(names.quantity, &unit, &quantity);
        amount(xml, bill, "cbc:LineExtensionAmount", net);
        xml.group("cac:Item", |xml| {
            xml.text("cbc:Name", &line.name);
            xml.group("cac:SellersItemIdentification", |xml| xml.text("cbc:ID", &line.item_id));
            write_categories(xml, "cac:ClassifiedTaxCategory", bill, false);
        });
        xml.group("cac:Price", |xml| {
            amount(xml, bill, "cbc:PriceAmount", net);
            xml.text_with("cbc:BaseQuantity", &unit, &quantity);
        });
    });
}

fn amount(xml: &mut Xml, bill: &Bill, element: &str, value: &str) {
    xml.text_with(element, &[("currencyID", &bill.currency)], value);
}

#[cfg(test)]
mod tests;
