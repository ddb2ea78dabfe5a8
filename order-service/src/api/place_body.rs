//! The body of `POST /orders` and its validation.

use std::num::NonZeroU32;

use common::bounds::{Bounded as _, json_bytes, text_bytes};
use common::http::Problem;
use common::ids::OrderId;
use common::money::{Currency, Decimal};
use common::payments::{PaymentChoice, PaymentMethod, TOKEN_BYTES};
use common::sensitive::Sensitive;
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
    /// The price of the order, with at most the digits of its currency after the point. It need not be the sum of the
    /// items, unless `orders.price` is `sum` or `catalogue`.
    #[garde(custom(is_amount))]
    #[schema(value_type = f64, minimum = 0, example = 10.5)]
    amount: Decimal,
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
    /// How the customer pays; left out: as the payment provider's settings say.
    #[garde(dive)]
    payment: Option<PlacePayment>,
}

/// How the customer pays. There is no place for a card number: the shop's page gets a token from the payment provider.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(context(Limits as limits))]
struct PlacePayment {
    /// One of `orders.payment_methods`.
    #[garde(custom(is_accepted))]
    #[schema(value_type = PaymentMethodName)]
    method: PaymentMethod,
    /// The provider's token of the customer's card or account, such as `pm_…`. It is never shown.
    #[garde(inner(custom(is_token)))]
    #[schema(value_type = Option<String>, pattern = "^[!-~]{1,255}$", example = "pm_1MqLiJLkdIwHu7ixUEgbFdYE")]
    token: Option<Sensitive>,
}

/// A method of payment.
#[derive(ToSchema)]
#[schema(as = PaymentMethod, rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum PaymentMethodName {
    Card,
    Wallet,
    Pix,
    Invoice,
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
    amount: Decimal,
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
        // Amounts in a currency that is not accepted are checked with two digits.
        let currency = Some(&self.currency).filter(|code| limits.currencies.contains(code));
        let digits = Currency::digits_of(currency.map_or("", String::as_str));
        let report = self.validate_with(limits).err();
        let invalid = report.iter().flat_map(garde::Report::iter);
        let mut errors: Vec<_> = invalid.map(|(path, error)| (pointer(&path.to_string()), error.to_string())).collect();
        let mut minor = |at: String, amount: Decimal| match amount.minor(digits) {
            Ok(minor) => minor,
            Err(why) => {
                errors.push((at, why));
                0
            }
        };
        let amount_minor = minor("/amount".to_owned(), self.amount);
        let prices: Vec<i64> =
            self.items.iter().enumerate().map(|(n, item)| minor(format!("/items/{n}/amount"), item.amount)).collect();
        if !errors.is_empty() {
            return Err(problem(errors));
        }
        let not_uuid = |at: &str| problem([(at.to_owned(), NOT_A_UUID.to_owned())]);
        let customer_id = Uuid::parse_str(&self.customer_id).map_err(|_| not_uuid("/customerId"))?;
        let items = self.items.into_iter().zip(prices).enumerate().map(|(n, (item, amount_minor))| {
            // Lower case, as inventory-service spells item ids.
            let id = Uuid::parse_str(&item.id).map_err(|_| not_uuid(&format!("/items/{n}/id")))?;
            let quantity = u32::try_from(item.quantity).ok().and_then(NonZeroU32::new);
            let quantity =
                quantity.ok_or_else(|| problem([(format!("/items/{n}/quantity"), "out of range".to_owned())]))?;
            Ok(Item { id: id.to_string(), name: item.name, amount_minor, quantity })
        });
        let items = items.collect::<Result<Vec<_>, Problem>>()?;
        let price_check = check_price(limits.price, amount_minor, &items, digits)?;
        let placed = Placed {
            order_id: id,
            customer_id,
            customer: self.customer,
            amount_minor,
            currency: self.currency,
            items,
            delivery: self.delivery,
            warehouse: self.warehouse,
            payment: self.payment.map(|PlacePayment { method, token }| PaymentChoice { method, token }),
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
fn check_price(price: Price, amount_minor: i64, items: &[Item], digits: u32) -> Result<Option<PriceCheck>, Problem> {
    match price {
        Price::Client => Ok(None),
        Price::Sum => check_sum(amount_minor, items, digits).map(|()| None),
        Price::Catalogue => check_sum(amount_minor, items, digits).map(|()| Some(PriceCheck::Catalogue)),
    }
}

fn check_sum(amount_minor: i64, items: &[Item], digits: u32) -> Result<(), Problem> {
    match order::sum_minor(items) {
        Some(sum) if sum == amount_minor => Ok(()),
        Some(sum) => {
            let sum = Decimal::new(sum, digits);
            Err(problem([("/amount".to_owned(), format!("must be the sum of the items, {sum}"))]))
        }
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

fn is_amount(value: &Decimal, limits: &Limits) -> garde::Result {
    let most = Decimal::parse(&limits.max_amount).unwrap_or_default();
    if value.is_negative() {
        Err(garde::Error::new("must not be negative"))
    } else if value.exceeds(most) {
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

fn is_accepted(value: &PaymentMethod, limits: &Limits) -> garde::Result {
    if limits.payment_methods.contains(value) {
        return Ok(());
    }
    let accepted: Vec<&str> = limits.payment_methods.iter().map(|method| method.name()).collect();
    Err(garde::Error::new(format!("{} is not accepted here: must be one of {}", value.name(), accepted.join(", "))))
}

fn is_token(value: &Sensitive, _: &Limits) -> garde::Result {
    let text = value.reveal();
    if (1..=TOKEN_BYTES).contains(&text_bytes(text)) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        let allowed = format!("must be a provider's token: 1 to {TOKEN_BYTES} visible ASCII characters");
        Err(garde::Error::new(allowed))
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
mod tests;
