//! Login with an identity provider: the authorization code flow of OpenID Connect Core 1.0 with PKCE (RFC 7636), and
//! the logout from it.
//! Separate from the pages that lead to the provider and back.

mod claims;
mod end_session;
mod provider;
mod settings;

pub use self::claims::FederatedUser;
pub use self::provider::{LoggedIn, LoginAttempt, OidcError, Provider};
pub use self::settings::{Logout, OidcSettings};
