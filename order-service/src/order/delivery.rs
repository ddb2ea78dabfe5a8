//! The customer of an order, its delivery method and its address.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limits::{Limits, is_text};

/// The customer who receives notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits as limits))]
pub struct Customer {
    #[garde(custom(is_text))]
    pub name: String,
    #[garde(email, length(max = 254))]
    #[schema(format = "email", max_length = 254)]
    pub email: String,
    /// The language of notices; left out: `notices.language` of the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub language: Option<Language>,
}

/// A language of notices (ISO 639-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Portuguese.
    Pt,
}

/// The delivery of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[garde(context(Limits as limits))]
pub struct Delivery {
    #[garde(skip)]
    pub method: Method,
    /// Required unless the customer picks the order up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(custom(is_given_for(self.method)), dive)]
    pub address: Option<Address>,
}

/// The delivery method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeliveryMethod)]
pub enum Method {
    /// By the carrier, in days.
    Standard,
    /// By the carrier, as fast as possible.
    Express,
    /// The customer picks it up.
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

fn is_given_for(method: Method) -> impl FnOnce(&Option<Address>, &Limits) -> garde::Result {
    move |address, _| match (method, address) {
        (Method::Standard | Method::Express, None) => Err(garde::Error::new("is required unless the method is pickup")),
        (Method::Pickup, _) | (Method::Standard | Method::Express, Some(_)) => Ok(()),
    }
}

fn is_postal_code(value: &str, _: &Limits) -> garde::Result {
    let is_valid = (2..=16).contains(&value.len())
        && value.bytes().any(|b| b.is_ascii_alphanumeric())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-');
    if is_valid {
        Ok(())
    } else {
        Err(garde::Error::new("must be a postal code of letters and digits, such as 01310-100"))
    }
}

/// Returns true for a country code of ISO 3166-1 alpha-2.
pub(crate) fn is_country_code(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_uppercase()) && rust_iso3166::from_alpha2(value).is_some()
}

fn is_country(value: &str, _: &Limits) -> garde::Result {
    if is_country_code(value) {
        Ok(())
    } else {
        Err(garde::Error::new("must be an ISO 3166-1 country code of two capital letters, such as BR"))
    }
}
