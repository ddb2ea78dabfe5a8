//! The stock of an item in a warehouse, and the item's price.

use std::fmt;

use common::money::{Currency, Decimal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The stock of an item in a warehouse, in pieces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    pub item_id: String,
    pub name: String,
    pub warehouse: String,
    /// Pieces in the warehouse, including reserved ones.
    pub on_hand: u64,
    /// Pieces reserved for orders.
    pub reserved: u64,
    /// The unit price; `None` until one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<ItemPrice>,
    /// The ids of the last `stock.set` requests, oldest first: a caller that finds its own knows that it was carried
    /// out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// The stock before its first recorded movement; `None` until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<OpeningBalance>,
}

/// The price of one piece of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemPrice {
    /// Minor units of the currency, 0 or more.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
}

/// Why there is no such price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrice {
    /// The amount is negative, too large, or has too many digits.
    #[error("{0}")]
    Amount(String),
    /// The currency is unknown.
    #[error("{0}")]
    Currency(String),
}

impl ItemPrice {
    /// The price of this amount.
    ///
    /// # Errors
    /// [`InvalidPrice`].
    pub fn new(amount: Decimal, currency: &str) -> Result<Self, InvalidPrice> {
        let digits = Currency::parse(currency).map_err(InvalidPrice::Currency)?.digits();
        let amount_minor = amount.minor(digits).map_err(InvalidPrice::Amount)?;
        let price = Self { amount_minor, currency: currency.to_owned() };
        price.check().map(|()| price)
    }

    /// Reads a price such as `200.00 BRL`.
    ///
    /// # Errors
    /// [`InvalidPrice`].
    pub fn parse(text: &str) -> Result<Self, InvalidPrice> {
        let (amount, currency) = text.split_once(' ').unwrap_or((text, ""));
        Self::new(Decimal::parse(amount).map_err(InvalidPrice::Amount)?, currency)
    }

    /// Checks a price that is read from a message.
    ///
    /// # Errors
    /// [`InvalidPrice`].
    pub fn check(&self) -> Result<(), InvalidPrice> {
        Currency::parse(&self.currency).map_err(InvalidPrice::Currency)?;
        if self.amount_minor < 0 {
            return Err(InvalidPrice::Amount("must not be negative".to_owned()));
        }
        Ok(())
    }

    /// The amount in its decimal form.
    pub fn amount(&self) -> Decimal {
        Decimal::new(self.amount_minor, Currency::digits_of(&self.currency))
    }
}

impl fmt::Display for ItemPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

/// The stock before its first recorded movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpeningBalance {
    pub on_hand: u64,
    pub reserved: u64,
}

impl Stock {
    /// Pieces that can still be reserved; 0 if a count was lower than the reserved quantity.
    pub fn available(&self) -> u64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// Reserved pieces that are not there: more than 0 if a count was lower than the reserved quantity.
    pub fn missing(&self) -> u64 {
        self.reserved.saturating_sub(self.on_hand)
    }

    /// The balance that its movements start from.
    pub fn opening(&self) -> OpeningBalance {
        self.opening.unwrap_or(OpeningBalance { on_hand: self.on_hand, reserved: self.reserved })
    }
}

/// The entity key of an item's stock.
pub fn stock_key(warehouse: &str, item: &str) -> String {
    format!("stock/{warehouse}/{item}")
}
