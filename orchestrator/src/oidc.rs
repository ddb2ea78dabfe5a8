//! Login with an identity provider: the authorization code flow of OpenID Connect Core 1.0 with PKCE (RFC 7636).
//! Separate from the pages that lead to the provider and back.

mod claims;
mod provider;
mod settings;

pub use self::claims::FederatedUser;
pub use self::provider::{LoginAttempt, OidcError, Provider};
pub use self::settings::OidcSettings;
