//! The HTTP clients of the tests.

/// A builder with the defaults of all tests.
pub fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
}
