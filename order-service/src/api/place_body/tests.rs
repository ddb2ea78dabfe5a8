//! Tests of the body of `POST /orders`.

use serde_json::{Value, json};

use super::*;

/// The body of the curl command in the README.
const SAMPLE: &str = r#"{"customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "amount": 10.5, "items": [
    {"id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "day-one", "amount": 200.00, "quantity": 1}]}"#;

fn limits() -> Limits {
    let currencies = vec!["BRL".to_owned(), "EUR".to_owned()];
    let max_amount = "1000.00".to_owned();
    let payment_methods = vec![PaymentMethod::Card, PaymentMethod::Pix];
    Limits {
        price: Price::Client,
        max_items: 2,
        max_quantity: 10,
        max_text: 20,
        max_amount,
        currencies,
        payment_methods,
    }
}

fn check(body: Value) -> Result<Placed, Value> {
    let order: PlaceOrder = serde_json::from_value(body).unwrap();
    order.checked(&limits(), OrderId::generate(), Timestamp(5)).map_err(|p| serde_json::to_value(p).unwrap())
}

fn wrong(at: &str, value: Value) -> Value {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    *body.pointer_mut(at).unwrap() = value;
    let problem = check(body).unwrap_err();
    assert_eq!(problem["status"], 422);
    problem["errors"].clone()
}

#[test]
fn the_sample_order_is_accepted_to_the_cent() {
    let order: PlaceOrder = serde_json::from_str(SAMPLE).unwrap();
    let id = OrderId::generate();
    let placed = order.checked(&limits(), id, Timestamp(5)).unwrap();
    assert_eq!((placed.order_id, placed.amount_minor, &*placed.currency), (id, 1050, "BRL"));
    assert_eq!((placed.items[0].amount_minor, placed.items[0].quantity.get()), (20_000, 1));
}

#[test]
fn every_invalid_value_is_reported_with_its_pointer() {
    let line = json!({"id": "x", "name": " ", "amount": -1, "quantity": 0});
    let problem = check(json!({"customerId": "me", "amount": -0.01, "currency": "real", "items": [line]})).unwrap_err();
    let pointers: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    let expected = [
        "#/amount",
        "#/currency",
        "#/customerId",
        "#/items/0/amount",
        "#/items/0/id",
        "#/items/0/name",
        "#/items/0/quantity",
    ];
    assert!(
        expected.iter().all(|pointer| pointers.contains(pointer)) && pointers.len() == expected.len(),
        "{pointers:?}"
    );
}

#[test]
fn limits_are_enforced() {
    assert_eq!(wrong("/items", json!([]))[0]["pointer"], "#/items");
    let line = json!({"id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "a", "amount": 1, "quantity": 1});
    assert_eq!(wrong("/items", json!([line, line, line]))[0]["pointer"], "#/items");
    assert_eq!(wrong("/items/0/quantity", json!(11))[0]["pointer"], "#/items/0/quantity");
    assert_eq!(wrong("/items/0/quantity", json!(-1))[0]["pointer"], "#/items/0/quantity");
    assert_eq!(wrong("/items/0/name", json!("x".repeat(21)))[0]["detail"], "has 21 characters, at most 20 are allowed");
}

#[test]
fn a_delivery_needs_an_address_unless_the_customer_picks_it_up() {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["delivery"] = json!({"method": "pickup"});
    assert!(check(body.clone()).is_ok());
    body["delivery"] = json!({"method": "express"});
    let problem = check(body.clone()).unwrap_err();
    assert_eq!(problem["errors"][0]["pointer"], "#/delivery/address");
    let address =
        json!({"name": " ", "line1": "x", "line2": "", "city": "x", "postalCode": "01310_100", "country": "br"});
    body["delivery"] = json!({"method": "standard", "address": address});
    let errors = check(body.clone()).unwrap_err()["errors"].clone();
    let mut pointers: Vec<_> = errors.as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    let wrong = ["country", "line2", "name", "postalCode"].map(|field| format!("#/delivery/address/{field}"));
    assert_eq!(pointers, wrong);
    body["delivery"]["address"] = json!({"name": "Ana", "line1": "Av. Paulista 1", "city": "Sao Paulo",
        "postalCode": "01310-100", "country": "BR"});
    let placed = check(body).unwrap();
    assert_eq!(placed.delivery.unwrap().address.unwrap().country, "BR");
}

#[test]
fn customer_currency_amount_and_warehouse_are_checked() {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["customer"] = json!({"name": "Ana", "email": "ana"});
    body["warehouse"] = json!("over there");
    body["currency"] = json!("JPY");
    body["amount"] = json!(1000.01);
    let problem = check(body).unwrap_err();
    let errors: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    for pointer in ["#/customer/email", "#/warehouse", "#/currency", "#/amount"] {
        assert!(errors.contains(&pointer), "{pointer}: {errors:?}");
    }
    assert_eq!(errors.len(), 4);
}

#[test]
fn an_amount_that_is_not_the_sum_is_rejected_where_the_price_is_the_sum() {
    let placed = |price: Price, amount: f64| {
        let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
        body["amount"] = json!(amount);
        body["items"][0]["amount"] = json!(0.1);
        body["items"][0]["quantity"] = json!(3);
        let order: PlaceOrder = serde_json::from_value(body).unwrap();
        order.checked(&Limits { price, ..limits() }, OrderId::generate(), Timestamp(5))
    };
    for (price, check) in [(Price::Sum, None), (Price::Catalogue, Some(PriceCheck::Catalogue))] {
        let order = placed(price, 0.3).unwrap();
        assert_eq!((order.amount_minor, order.price_check), (30, check));
        for amount in [0.0, 0.29, 0.31, 10.5] {
            let problem = serde_json::to_value(placed(price, amount).unwrap_err()).unwrap();
            assert_eq!(problem["status"], 422);
            let errors = json!([{"pointer": "#/amount", "detail": "must be the sum of the items, 0.30"}]);
            assert_eq!(problem["errors"], errors);
        }
    }
    let order = placed(Price::Client, 10.5).unwrap();
    assert_eq!((order.amount_minor, order.price_check), (1050, None), "the amount is free");
    assert!(serde_json::to_value(&order).unwrap().get("priceCheck").is_none());
}

#[test]
fn texts_of_customers_are_single_lines_without_control_characters() {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["customer"] = json!({"name": "Ana", "email": "ana@example.com"});
    body["delivery"] = json!({"method": "standard", "address": {"name": "Ana", "line1": "Av. Paulista 1",
        "line2": "Apto 2", "city": "Sao Paulo", "postalCode": "01310-100", "country": "BR"}});
    assert!(check(body.clone()).is_ok());
    let address = "/delivery/address";
    let texts = ["/name", "/line1", "/line2", "/city", "/postalCode", "/country"].map(|t| format!("{address}{t}"));
    let others = ["/items/0/name", "/customer/name", "/customer/email", "/warehouse", "/currency"];
    body["warehouse"] = json!("w");
    body["currency"] = json!("BRL");
    for at in texts.iter().map(String::as_str).chain(others) {
        for forged in ["a\nb", "a\r\nBcc: b", "a\0", "a\tb", "a\u{7f}", "a\u{85}b", "a\u{2028}b", "a\u{202e}b"] {
            let mut body = body.clone();
            *body.pointer_mut(at).unwrap() = json!(forged);
            let problem = check(body).unwrap_err();
            assert_eq!(problem["errors"][0]["pointer"], format!("#{at}"), "{forged:?}: {problem}");
        }
    }
    body.as_object_mut().unwrap().remove("warehouse");
    body["customer"]["name"] = json!("J. d’Ávila (نام\u{200c}ها)🎫");
    assert!(check(body).is_ok());
}

#[test]
fn a_payment_has_an_accepted_method_and_a_providers_token_which_no_problem_repeats() {
    let with = |payment: Value| {
        let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
        body["payment"] = payment;
        body
    };
    let placed = check(with(json!({"method": "card", "token": "pm_card_visa"}))).unwrap();
    assert!(!format!("{placed:?}").contains("pm_card_visa"), "it is in no log");
    let choice = placed.payment.unwrap();
    assert_eq!((choice.method, choice.token.unwrap().reveal()), (PaymentMethod::Card, "pm_card_visa"));
    assert!(check(with(json!({"method": "pix"}))).unwrap().payment.unwrap().token.is_none());
    assert!(check(serde_json::from_str(SAMPLE).unwrap()).unwrap().payment.is_none());
    let refused = |payment: Value, at: &str| {
        let problem = check(with(payment)).unwrap_err();
        assert_eq!(problem["errors"][0]["pointer"], at);
        assert!(!problem.to_string().contains("pm_secret"), "{problem}");
        problem["errors"][0]["detail"].as_str().unwrap().to_owned()
    };
    let method = refused(json!({"method": "wallet", "token": "pm_secret"}), "#/payment/method");
    assert_eq!(method, "wallet is not accepted here: must be one of card, pix");
    for token in ["pm_secret 1".to_owned(), String::new(), format!("pm_secret{}", "x".repeat(255))] {
        let token = refused(json!({"method": "card", "token": token}), "#/payment/token");
        assert!(token.contains("a provider's token"), "{token}");
    }
    let number = json!({"method": "card", "number": "1"});
    assert!(serde_json::from_value::<PlaceOrder>(with(number)).is_err(), "there is no place for a number");
}

#[test]
fn item_ids_are_normalized() {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["items"][0]["id"] = json!("3852CB18-9C19-4326-AC77-A1A0264BD98C");
    assert_eq!(check(body).unwrap().items[0].id, "3852cb18-9c19-4326-ac77-a1a0264bd98c");
}

#[test]
fn pointers_name_the_json_field() {
    assert_eq!(pointer("customer_id"), "/customerId");
    assert_eq!(pointer("items[10].unit_price"), "/items/10/unitPrice");
}

#[test]
fn amounts_have_at_most_the_digits_of_their_currency() {
    let currencies: Vec<String> = ["BRL", "JPY", "KWD"].map(str::to_owned).into();
    let place = |currency: &str, amount: &str, price: &str| {
        let body = SAMPLE.replace("10.5", amount).replace("200.00", price);
        let mut order: PlaceOrder = serde_json::from_str(&body).unwrap();
        currency.clone_into(&mut order.currency);
        let limits = Limits { currencies: currencies.clone(), ..limits() };
        order.checked(&limits, OrderId::generate(), Timestamp(5)).map_err(|p| serde_json::to_value(p).unwrap())
    };
    for (currency, amount, minor) in [("BRL", "10.5", 1050), ("JPY", "500", 500), ("KWD", "0.505", 505)] {
        let placed = place(currency, amount, "1").unwrap();
        assert_eq!(
            (placed.amount_minor, placed.money(minor).to_string().parse::<f64>().unwrap()),
            (minor, amount.parse().unwrap())
        );
    }
    for (currency, amount, why) in [
        ("BRL", "10.505", "'10.505' has more than two digits after the point"),
        ("JPY", "10.5", "'10.5' has digits after the point"),
        ("KWD", "0.5055", "'0.5055' has more than 3 digits after the point"),
        ("KWD", "1000.001", "must be at most 1000.00"),
    ] {
        let errors = place(currency, amount, amount).unwrap_err()["errors"].clone();
        for at in ["#/amount", "#/items/0/amount"] {
            assert!(errors.as_array().unwrap().contains(&json!({"pointer": at, "detail": why})), "{errors}");
        }
    }
}
