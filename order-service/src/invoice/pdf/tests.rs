//! Tests of invoices and credit notes as PDF.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{credit_note, invoice};
use crate::fixture::Shop;
use crate::invoice::document::{CreditDocument, Document};
use crate::invoice::fonts::Fonts;
use crate::messages::CONCLUDE_RETURN;
use crate::order::delivery::Language;
use crate::order::terms::{Seller, Tax, Terms};

fn count(bytes: &[u8], part: &str) -> usize {
    bytes.windows(part.len()).filter(|window| *window == part.as_bytes()).count()
}

/// The streams of a file, decompressed.
fn streams(bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = bytes;
    let find = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|window| window == part);
    while let Some(start) = find(rest, b"\nstream\n") {
        rest = &rest[start + 8..];
        let end = find(rest, b"endstream").unwrap();
        let mut text = Vec::new();
        let plain = flate2::read::ZlibDecoder::new(&rest[..end]).read_to_end(&mut text).map_or(&rest[..end], |_| &text);
        all.push(String::from_utf8_lossy(plain).into_owned());
        rest = &rest[end..];
    }
    all
}

/// The characters that can be read from a file.
fn letters(bytes: &[u8]) -> BTreeSet<char> {
    let maps =
        streams(bytes).into_iter().filter(|stream| stream.contains("beginbfchar") || stream.contains("beginbfrange"));
    let mut all = BTreeSet::new();
    for map in maps {
        for line in map.lines().filter(|line| line.starts_with('<')) {
            let hex = line.rsplit('<').next().unwrap().trim_end_matches([']', '>', ' ']);
            let units: Vec<u16> = hex
                .as_bytes()
                .chunks(4)
                .filter_map(|unit| u16::from_str_radix(std::str::from_utf8(unit).ok()?, 16).ok())
                .collect();
            all.extend(String::from_utf16_lossy(&units).chars());
        }
    }
    all
}

fn terms() -> Terms {
    let seller = Seller { name: "Loja".to_owned(), country: Some("PT".to_owned()), ..Seller::default() };
    let tax = Tax { name: "IVA".to_owned(), rate: common::money::Decimal::new(23, 0) };
    Terms {
        seller: Some(Arc::new(seller)),
        taxes: vec![tax],
        due_days: 14,
        note: Some("IBAN".into()),
        ..Terms::default()
    }
}

#[test]
fn it_has_as_many_pages_as_its_lines_need() {
    let mut shop = Shop::default();
    let line = |n: u32| json!({"id": "a", "name": format!("São João {n}"), "amountMinor": 100, "quantity": 1});
    let mut pages = |lines: u32| {
        let items: Vec<Value> = (0..lines).map(line).collect();
        let order = shop.place(&json!({"items": items}));
        shop.confirm(order);
        let bytes = invoice(&Document::of(&shop.order(order)).unwrap(), Language::En, &Fonts::built_in()).unwrap();
        assert!(bytes.starts_with(b"%PDF-1.7") && count(&bytes, "%%EOF") == 1);
        count(&bytes, "/Type /Page") + count(&bytes, "/Type/Page")
            - count(&bytes, "/Type /Pages")
            - count(&bytes, "/Type/Pages")
    };
    assert_eq!((pages(1), pages(100)), (1, 3));
}

#[test]
fn every_script_of_the_font_is_embedded_and_can_be_read() {
    let mut shop = Shop::default();
    shop.handler.policy.terms = terms();
    let names = ["São João", "Москва", "Ελλάδα", "שלום", "中"];
    let line = |name: &str| json!({"id": "a", "name": name, "amountMinor": 100, "quantity": 1});
    let order = shop.place(&json!({"items": names.map(line)}));
    shop.confirm(order);
    for language in [Language::En, Language::Pt] {
        let bytes = invoice(&Document::of(&shop.order(order)).unwrap(), language, &Fonts::built_in()).unwrap();
        let again = invoice(&Document::of(&shop.order(order)).unwrap(), language, &Fonts::built_in()).unwrap();
        assert!(bytes == again, "the same invoice has the same bytes");
        let fonts = count(&bytes, "/Subtype /Type0") + count(&bytes, "/Subtype/Type0");
        let files = count(&bytes, "/FontFile");
        assert!(fonts >= 2 && files == fonts, "{fonts} fonts, {files} of them embedded");
        let letters = letters(&bytes);
        for letter in names.concat().chars().filter(|letter| !letter.is_whitespace() && *letter != '中') {
            assert!(letters.contains(&letter), "{letter} is not among {letters:?}");
        }
    }
}

#[test]
fn the_words_are_those_of_the_language_and_the_status() {
    let fonts = Fonts::built_in();
    let (mut shop, order) = Shop::with_order();
    shop.report(order, "awaiting_payment", &json!({}));
    let of = |shop: &Shop, language| invoice(&Document::of(&shop.order(order)).unwrap(), language, &fonts).unwrap();
    let open = of(&shop, Language::En);
    assert!(open != of(&shop, Language::Pt));
    assert!(!letters(&open).contains(&'ç') && letters(&of(&shop, Language::Pt)).contains(&'ç'), "Situação");
    shop.report(order, "paid", &json!({"status": "approved"}));
    let paid = of(&shop, Language::En);
    shop.conclude(order, &json!({"status": "cancelled", "payment": {"status": "approved"}}));
    let void = of(&shop, Language::En);
    assert!(open != paid && paid != void);
    let note = CreditDocument::of(&shop.order(order), "C0-000001").unwrap();
    assert!(credit_note(&note, Language::Pt, &fonts).unwrap().starts_with(b"%PDF-1.7"));
}

/// Writes pages to look at: `LOOK=/tmp/pages cargo test -p order-service --lib pages_to_look_at`.
#[test]
fn pages_to_look_at_can_be_written() {
    let mut shop = Shop::default();
    shop.handler.policy.terms = terms();
    let fonts = Fonts::load(&[]);
    let names = [
        "São João, entrada de um dia",
        "Билет на один день",
        "单日门票 音乐节",
        "تذكرة ليوم واحد",
        "כרטיס ליום אחד",
        "Εισιτήριο μιας ημέρας",
        "एक दिन का टिकट",
        "一日券チケット",
        "하루 이용권",
        "A name that is so long that it does not fit into the column of the table and takes more than one line of it",
    ];
    let lines = |name: &str| json!({"id": name, "name": name, "amountMinor": 1_234, "quantity": 2});
    for (n, (language, customer, prices_exclude_tax)) in [
        (Language::En, "Ana Lima", false),
        (Language::Pt, "Ана Иванова", true),
        (Language::En, "王小明", false),
        (Language::En, "محمد عبد الله 12", false),
    ]
    .into_iter()
    .enumerate()
    {
        shop.handler.policy.terms.prices_exclude_tax = prices_exclude_tax;
        let address = json!({"name": customer, "line1": names[n], "city": "São Paulo", "postalCode": "01310-100",
            "country": "BR"});
        let order = shop.place(&json!({"items": names.map(lines), "amountMinor": 20_000,
            "customer": {"name": customer, "email": "ana@example.com"},
            "delivery": {"method": "standard", "address": address}}));
        shop.conclude(order, &json!({"status": "confirmed", "payment": {"status": "approved"}}));
        let id = shop.request_return(order, &[(names[n], 1)]).id;
        shop.request(CONCLUDE_RETURN, order, &json!({"returnId": id, "orderId": order, "status": "returned"}));
        let known = shop.order(order);
        let note = CreditDocument::of(&known, &known.credit_notes[0].number).unwrap();
        let pages = [
            invoice(&Document::of(&known).unwrap(), language, &fonts).unwrap(),
            credit_note(&note, language, &fonts).unwrap(),
        ];
        for (kind, bytes) in pages.iter().enumerate() {
            assert!(bytes.starts_with(b"%PDF-1.7"));
            if let Some(folder) = std::env::var_os("LOOK") {
                std::fs::write(std::path::Path::new(&folder).join(format!("page-{n}-{kind}.pdf")), bytes).unwrap();
            }
        }
    }
}
