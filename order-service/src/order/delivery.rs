//! Who gets an order, and how: the customer to be told, the way it takes, and the address.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::place_body::{Limits, is_text};

/// The customer, as far as the order says who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits as limits))]
pub struct Customer {
    #[garde(custom(is_text))]
    pub name: String,
    /// Where notices go.
    #[garde(email, length(max = 254))]
    #[schema(format = "email", max_length = 254)]
    pub email: String,
    /// The language of notices; left out: the shop's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub language: Option<Language>,
}

/// A language that notices are written in (ISO 639-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Portuguese.
    Pt,
}

/// How an order gets to the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits as limits))]
pub struct Delivery {
    #[garde(skip)]
    pub method: Method,
    /// Needed unless it is picked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(custom(is_there(self.method)), dive)]
    pub address: Option<Address>,
}

/// The way a delivery takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeliveryMethod)]
pub enum Method {
    /// By the carrier, in days.
    Standard,
    /// By the carrier, as fast as it goes.
    Express,
    /// The customer comes for it.
    Pickup,
}

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits as limits))]
pub struct Address {
    #[garde(custom(is_text))]
    pub name: String,
    #[garde(custom(is_text))]
    pub line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(is_text)))]
    pub line2: Option<String>,
    #[garde(custom(is_text))]
    pub city: String,
    #[garde(custom(is_postal_code))]
    #[schema(max_length = 16)]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, such as `BR`.
    #[garde(custom(is_country))]
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: String,
}

fn is_there(method: Method) -> impl FnOnce(&Option<Address>, &Limits) -> garde::Result {
    move |address, _| match (method, address) {
        (Method::Standard | Method::Express, None) => Err(garde::Error::new("is needed unless it is picked up")),
        (Method::Pickup, _) | (Method::Standard | Method::Express, Some(_)) => Ok(()),
    }
}

fn is_postal_code(value: &str, _: &Limits) -> garde::Result {
    let right = (2..=16).contains(&value.len())
        && value.bytes().any(|b| b.is_ascii_alphanumeric())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-');
    if right {
        Ok(())
    } else {
        Err(garde::Error::new("must be a postal code of letters and digits, such as 01310-100"))
    }
}

fn is_country(value: &str, _: &Limits) -> garde::Result {
    let right = value.bytes().all(|b| b.is_ascii_uppercase()) && rust_iso3166::from_alpha2(value).is_some();
    if right {
        Ok(())
    } else {
        Err(garde::Error::new("must be a country's two capital letters such as BR (ISO 3166-1)"))
    }
}
