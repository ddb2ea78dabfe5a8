//! The URL at which the provider ends its own session (OpenID Connect RP-Initiated Logout 1.0). Pure.

use reqwest::Url;

use super::settings::is_protected;

/// The longest ID token that a browser keeps for the logout. With the session's cookie it fits in the 4 KiB that
/// reverse proxies accept for the headers of a response.
const MAX_HINT: usize = 2_500;

/// The ID token as the hint of a logout; `None` if it is too long. The provider then asks the user.
pub(super) fn hint(token: &str) -> Option<&str> {
    Some(token).filter(|token| !token.is_empty() && token.len() <= MAX_HINT)
}

/// The URL for the browser: the provider's `endpoint`, which leads back to `back`.
///
/// # Errors
/// Why the endpoint is not used.
pub(super) fn url(endpoint: &str, client_id: &str, back: &str, token: Option<&str>) -> Result<Url, String> {
    let refused = "it is not an https URL without credentials and fragment, or http on this machine";
    let mut url = Url::parse(endpoint).map_err(|error| error.to_string())?;
    if !is_protected(endpoint) || url.fragment().is_some() {
        return Err(refused.to_owned());
    }
    url.query_pairs_mut().append_pair("client_id", client_id).append_pair("post_logout_redirect_uri", back);
    if let Some(token) = token.and_then(hint) {
        url.query_pairs_mut().append_pair("id_token_hint", token);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK: &str = "https://sagas.example/login";

    #[test]
    fn the_provider_gets_the_client_where_to_lead_back_and_the_token() {
        let made = |endpoint, token| url(endpoint, "order saga", BACK, token).unwrap().to_string();
        let query = "client_id=order+saga&post_logout_redirect_uri=https%3A%2F%2Fsagas.example%2Flogin";
        assert_eq!(made("https://idp.example/end", None), format!("https://idp.example/end?{query}"));
        assert_eq!(made("https://idp.example/end?p=a", None), format!("https://idp.example/end?p=a&{query}"));
        let with_token = made("http://127.0.0.1:4000/end", Some("a.b-_.c&x=1"));
        assert_eq!(with_token, format!("http://127.0.0.1:4000/end?{query}&id_token_hint=a.b-_.c%26x%3D1"));
    }

    #[test]
    fn a_token_that_is_too_long_is_no_hint() {
        let longest = "x".repeat(MAX_HINT);
        let longer = "x".repeat(MAX_HINT + 1);
        assert_eq!((hint(&longest), hint(&longer), hint("")), (Some(longest.as_str()), None, None));
        assert!(!url("https://idp.example/end", "a", BACK, Some(&longer)).unwrap().as_str().contains("id_token_hint"));
    }

    #[test]
    fn an_endpoint_without_protection_is_not_used() {
        for endpoint in [
            "",
            "/end",
            "https://",
            "http://idp.example/end",
            "http://localhost.evil.example/end",
            "http://localhost:1@evil.example/end",
            "https://user@idp.example/end",
            "https://idp.example/end#x",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert!(url(endpoint, "a", BACK, None).is_err(), "{endpoint}");
        }
    }
}
