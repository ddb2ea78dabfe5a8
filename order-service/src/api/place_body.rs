//! The body of `POST /orders` and its validation.

use std::num::NonZeroU32;

use common::bounds::{Bounded as _, json_bytes};
use common::http::Problem;
use common::ids::OrderId;
use common::money::Amount;
use common::time::Timestamp;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::order::delivery::{Customer, Delivery};
use crate::order::limits::{Limits, Price, is_text};
use crate::order::{self, Item, Placed, PriceCheck};

/// The body of `POST /orders`.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits as limits))]
pub struct PlaceOrder {
    /// A UUID.
    #[garde(custom(is_uuid))]
    #[schema(value_type = Uuid)]
    customer_id: String,
    /// The recipient of notices; left out: no notices are sent.
    #[garde(dive)]
    customer: Option<Customer>,
    /// The price of the order, with at most two digits after the point. It need not be the sum of the items, unless
    /// `orders.price` is `sum` or `catalogue`.
    #[garde(custom(is_amount))]
    #[schema(value_type = f64, minimum = 0, example = 10.5)]
    amount: Amount,
    #[garde(length(min = 1, max = limits.max_items), dive)]
    #[schema(min_items = 1)]
    items: Vec<PlaceItem>,
    /// ISO 4217; one of `orders.currencies`.
    #[serde(default = "brl")]
    #[garde(custom(is_currency))]
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    /// Left out: the order is not shipped.
    #[garde(dive)]
    delivery: Option<Delivery>,
    /// The warehouse of all items; left out: the default warehouse. An order cannot use several warehouses.
    #[garde(inner(custom(is_warehouse)))]
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    warehouse: Option<String>,
}

/// One line of the order.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits as limits))]
struct PlaceItem {
    /// A UUID.
    #[garde(custom(is_uuid))]
    #[schema(value_type = Uuid)]
    id: String,
    #[garde(custom(is_text))]
    name: String,
    /// The unit price.
    #[garde(custom(is_amount))]
    #[schema(value_type = f64, minimum = 0, example = 200.00)]
    amount: Amount,
    #[garde(range(min = 1, max = i64::from(limits.max_quantity)))]
    #[schema(minimum = 1)]
    quantity: i64,
}

fn brl() -> String {
    "BRL".to_owned()
}

impl PlaceOrder {
    /// Validates the body and returns the order's data.
    ///
    /// # Errors
    /// 422 with one entry in `errors` for each invalid value.
    pub fn checked(self, limits: &Limits, id: OrderId, now: Timestamp) -> Result<Placed, Problem> {
        if let Err(report) = self.validate_with(limits) {
            return Err(problem(report.iter().map(|(path, error)| (pointer(&path.to_string()), error.to_string()))));
        }
        let not_uuid = |at: &str| problem([(at.to_owned(), NOT_A_UUID.to_owned())]);
        let customer_id = Uuid::parse_str(&self.customer_id).map_err(|_| not_uuid("/customerId"))?;
        let items = self.items.into_iter().enumerate().map(|(n, item)| {
            // Lower case, as inventory-service spells item ids.
            let id = Uuid::parse_str(&item.id).map_err(|_| not_uuid(&format!("/items/{n}/id")))?;
            let quantity = u32::try_from(item.quantity).ok().and_then(NonZeroU32::new);
            let quantity =
                quantity.ok_or_else(|| problem([(format!("/items/{n}/quantity"), "out of range".to_owned())]))?;
            Ok(Item { id: id.to_string(), name: item.name, amount_minor: item.amount.0, quantity })
        });
        let items = items.collect::<Result<Vec<_>, Problem>>()?;
        let price_check = check_price(limits.price, self.amount, &items)?;
        let placed = Placed {
            order_id: id,
            customer_id,
            customer: self.customer,
            amount_minor: self.amount.0,
            currency: self.currency,
            items,
            delivery: self.delivery,
            warehouse: self.warehouse,
            price_check,
            created_at: now,
        };
        let bytes = json_bytes(&placed);
        if bytes > Placed::MAX_BYTES {
            let most = Placed::MAX_BYTES;
            let detail = format!("The order is too long: {bytes} bytes as JSON, at most {most} are possible.");
            return Err(Problem::unprocessable(detail));
        }
        Ok(placed)
    }
}

/// Checks that the amount is one that this price policy accepts. Returns the check that inventory-service makes.
fn check_price(price: Price, amount: Amount, items: &[Item]) -> Result<Option<PriceCheck>, Problem> {
    match price {
        Price::Client => Ok(None),
        Price::Sum => check_sum(amount, items).map(|()| None),
        Price::Catalogue => check_sum(amount, items).map(|()| Some(PriceCheck::Catalogue)),
    }
}

fn check_sum(amount: Amount, items: &[Item]) -> Result<(), Problem> {
    match order::sum_minor(items) {
        Some(sum) if sum == amount.0 => Ok(()),
        Some(sum) => Err(problem([("/amount".to_owned(), format!("must be the sum of the items, {}", Amount(sum)))])),
        None => Err(problem([("/items".to_owned(), "their sum is too large".to_owned())])),
    }
}

fn problem(errors: impl IntoIterator<Item = (String, String)>) -> Problem {
    let start = Problem::unprocessable("The order is invalid: see errors.");
    errors.into_iter().fold(start, |problem, (pointer, detail)| problem.at(&pointer, detail))
}

/// `items[0].unit_price` as the JSON pointer `/items/0/unitPrice`.
fn pointer(path: &str) -> String {
    let mut pointer = String::with_capacity(path.len() + 1);
    for part in path.split(['.', '[']) {
        pointer.push('/');
        let mut words = part.trim_end_matches(']').split('_');
        pointer.push_str(words.next().unwrap_or_default());
        for word in words {
            let mut letters = word.chars();
            pointer.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            pointer.push_str(letters.as_str());
        }
    }
    pointer
}

const NOT_A_UUID: &str = "is not a UUID such as 3852cb18-9c19-4326-ac77-a1a0264bd98c";

fn is_uuid(value: &str, _: &Limits) -> garde::Result {
    Uuid::parse_str(value).map(|_| ()).map_err(|_| garde::Error::new(NOT_A_UUID))
}

fn is_amount(value: &Amount, limits: &Limits) -> garde::Result {
    let most = Amount::parse(&limits.max_amount).unwrap_or_default();
    if value.0 < 0 {
        Err(garde::Error::new("must not be negative"))
    } else if *value > most {
        Err(garde::Error::new(format!("must be at most {most}")))
    } else {
        Ok(())
    }
}

fn is_currency(value: &str, limits: &Limits) -> garde::Result {
    if limits.currencies.iter().any(|known| known == value) {
        Ok(())
    } else {
        Err(garde::Error::new(format!("must be one of {} (ISO 4217)", limits.currencies.join(", "))))
    }
}

fn is_warehouse(value: &str, _: &Limits) -> garde::Result {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=64).contains(&value.len()) && value.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(garde::Error::new("must be a warehouse name: 1 to 64 letters, digits, '.', '_' and '-'"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The body of the curl command in the README.
    const SAMPLE: &str = r#"{"customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "amount": 10.5, "items": [
        {"id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "day-one", "amount": 200.00, "quantity": 1}]}"#;

    fn limits() -> Limits {
        let currencies = vec!["BRL".to_owned(), "EUR".to_owned()];
        let max_amount = "1000.00".to_owned();
        Limits { price: Price::Client, max_items: 2, max_quantity: 10, max_text: 20, max_amount, currencies }
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
        let problem =
            check(json!({"customerId": "me", "amount": -0.01, "currency": "real", "items": [line]})).unwrap_err();
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
        assert_eq!(
            wrong("/items/0/name", json!("x".repeat(21)))[0]["detail"],
            "has 21 characters, at most 20 are allowed"
        );
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
        let errors: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
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
}
