//! HTTP clients of the tests.

/// A client to be built.
pub fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
}
