//! HTTP clients of the tests. reqwest takes TLS from whichever provider the process has, and panics without one,
//! although nothing here is asked by HTTPS.

/// A client to be built.
pub fn client() -> reqwest::ClientBuilder {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
