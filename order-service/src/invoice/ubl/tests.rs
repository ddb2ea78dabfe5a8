//! Tests of XML, among them against the schema of UBL 2.1 (`./dev ubl`, which needs Java and, on its first run, Maven).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use common::ids::OrderId;
use common::money::Decimal;
use roxmltree::Document as Tree;
use serde_json::{Value, json};

use super::{credit_note, invoice};
use crate::fixture::Shop;
use crate::invoice::document::{CreditDocument, Document};
use crate::messages::CONCLUDE_RETURN;
use crate::order::terms::{Seller, Tax, Terms};

fn terms(rates: &[&str], prices_exclude_tax: bool) -> Terms {
    let text = |text: &str| Some(text.to_owned());
    let seller = Seller {
        name: "Loja & Filhos".to_owned(),
        line1: text("Rua Augusta 1"),
        line2: text("2.º andar"),
        city: text("Lisboa"),
        postal_code: text("1100-048"),
        country: text("PT"),
        tax_id: text("PT123456789"),
        email: text("contas@example.com"),
    };
    let tax = |rate: &&str| Tax { name: format!("T{rate}"), rate: Decimal::parse(rate).unwrap() };
    Terms {
        seller: Some(Arc::new(seller)),
        taxes: rates.iter().map(tax).collect(),
        prices_exclude_tax,
        due_days: 14,
        note: Some("IBAN PT50".into()),
    }
}

/// An order with everything, fulfilled and paid.
fn order(shop: &mut Shop, currency: &str, amount: i64) -> OrderId {
    let items = json!([{"id": "day", "name": "Entrada <dia> \u{ffff}", "amountMinor": 1_000, "quantity": 3},
        {"id": "tent", "name": "帐篷 خيمة", "amountMinor": 7_000, "quantity": 1}]);
    let address = json!({"name": "Ана", "line1": "ул. Мира 1", "line2": "кв. 2", "city": "Москва",
        "postalCode": "101000", "country": "RU"});
    let order = shop.place(&json!({"items": items, "amountMinor": amount, "currency": currency,
        "customer": {"name": "Ана", "email": "ana@example.com"},
        "delivery": {"method": "standard", "address": address}}));
    shop.conclude(order, &json!({"status": "confirmed", "payment": {"status": "approved"}}));
    order
}

fn return_of(shop: &mut Shop, order: OrderId, items: &[(&str, u32)]) {
    let id = shop.request_return(order, items).id;
    shop.request(CONCLUDE_RETURN, order, &json!({"returnId": id, "orderId": order, "status": "returned"}));
}

/// The XML of an order's invoice and of its credit notes.
fn all(shop: &Shop, order: OrderId) -> Vec<String> {
    let order = shop.order(order);
    let notes = order.credit_notes.iter().map(|note| credit_note(&CreditDocument::of(&order, &note.number).unwrap()));
    [invoice(&Document::of(&order).unwrap())].into_iter().chain(notes).map(Option::unwrap).collect()
}

/// Documents of orders with and without customers, taxes, adjustments and returns.
fn documents() -> Vec<String> {
    let mut documents = Vec::new();
    for (rates, exclude, currency, amount) in [
        (&[][..], false, "BRL", 1_050),
        (&["23"], false, "EUR", 10_000),
        (&["23"], true, "KWD", 12_345),
        (&["5", "9.975"], true, "JPY", 20_000),
        (&["0"], false, "USD", 0),
    ] {
        let mut shop = Shop::default();
        shop.handler.policy.terms = terms(rates, exclude);
        let order = order(&mut shop, currency, amount);
        return_of(&mut shop, order, &[("day", 1)]);
        return_of(&mut shop, order, &[("day", 2), ("tent", 1)]);
        documents.extend(all(&shop, order));
    }
    let (mut shop, plain) = Shop::with_order();
    shop.report(plain, "paid", &json!({"status": "approved"}));
    shop.conclude(plain, &json!({"status": "cancelled", "payment": {"status": "approved"}}));
    documents.extend(all(&shop, plain));
    documents
}

/// Writes documents to files, and returns whether all are valid, and the output of the validator.
fn validate(documents: &[String]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(n, document): (usize, &String)| {
        let file = folder.path().join(format!("document-{n}"));
        fs::write(&file, document).unwrap();
        file
    };
    let files: Vec<PathBuf> = documents.iter().enumerate().map(write).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(root.join("dev")).arg("ubl").args(&files).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn invoices_and_credit_notes_are_valid_by_the_schema_of_ubl() {
    let documents = documents();
    let (is_valid, output) = validate(&documents);
    assert!(is_valid, "{output}");
    let wrong = documents[0].replace("cbc:IssueDate", "cbc:IssuedDate");
    let (is_valid, output) = validate(&[wrong]);
    assert!(!is_valid && output.contains("IssuedDate"), "{output}");
}

/// The sum of the amounts with that path below the root, in minor units of a currency with two digits or fewer.
fn sum(tree: &Tree<'_>, path: &[&str]) -> f64 {
    let mut nodes = vec![tree.root_element()];
    for name in path {
        nodes = nodes.iter().flat_map(|node| node.children().filter(|child| child.has_tag_name(*name))).collect();
    }
    nodes.iter().map(|node| node.text().unwrap().parse::<f64>().unwrap()).sum()
}

#[test]
fn the_amounts_of_a_document_add_up_as_en_16931_requires() {
    for document in documents() {
        let tree = Tree::parse(&document).unwrap();
        let total = |name: &str| sum(&tree, &["LegalMonetaryTotal", name]);
        let is_equal = |left: f64, right: f64| (left - right).abs() < 0.000_5;
        let lines = sum(&tree, &["InvoiceLine", "LineExtensionAmount"])
            + sum(&tree, &["CreditNoteLine", "LineExtensionAmount"]);
        let tax = sum(&tree, &["TaxTotal", "TaxAmount"]);
        // BR-CO-10, 13, 14, 15 and 16.
        assert!(is_equal(lines, total("LineExtensionAmount")), "{document}");
        let net = lines - total("AllowanceTotalAmount") + total("ChargeTotalAmount");
        assert!(is_equal(net, total("TaxExclusiveAmount")), "{document}");
        assert!(is_equal(tax, sum(&tree, &["TaxTotal", "TaxSubtotal", "TaxAmount"])), "{document}");
        assert!(is_equal(net + tax, total("TaxInclusiveAmount")), "{document}");
        assert!(is_equal(total("TaxInclusiveAmount"), total("PayableAmount")), "{document}");
        assert!(total("AllowanceTotalAmount") >= 0.0 && total("ChargeTotalAmount") >= 0.0, "{document}");
    }
}

#[test]
fn an_invoice_is_written_as_it_was_issued_and_a_void_one_says_so() {
    let (mut shop, order) = Shop::with_order();
    shop.report(order, "awaiting_payment", &Value::Null);
    let open = all(&shop, order);
    shop.report(order, "paid", &json!({"status": "approved"}));
    assert_eq!(all(&shop, order), open);
    shop.conclude(order, &json!({"status": "cancelled", "payment": {"status": "approved"}}));
    let void = all(&shop, order);
    assert!(void[0].contains("<cbc:Note>Void since 1970-01-01.</cbc:Note>"), "{}", void[0]);
    assert!(void[1].contains("<cbc:ID>C0-000001</cbc:ID>") && void[1].contains("<cbc:ID>A0-000001</cbc:ID>"));
}

#[test]
fn amounts_that_are_too_large_have_no_xml() {
    let mut shop = Shop::default();
    let items = json!([{"id": "a", "name": "a", "amountMinor": i64::MAX, "quantity": 2}]);
    let order = shop.place(&json!({ "items": items }));
    shop.conclude(order, &json!({"status": "confirmed"}));
    assert_eq!(invoice(&Document::of(&shop.order(order)).unwrap()), None);
}
