//! Users, their roles, and why a login is denied.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The name of scripts that send the API key.
pub const API_KEY: &str = "api key";

/// The permissions of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and acts on sagas.
    Operator,
}

/// The tasks of people on which an operator may work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskRoles {
    /// All.
    All,
    /// Those without a role of `dashboard.oidc.task_roles`, and those with one of these.
    Only(Vec<String>),
}

/// A user who may log in.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password or key as a PHC string of Argon2id.
    pub hash: String,
    /// The permissions.
    pub role: Role,
    /// How the user authenticates.
    pub authentication: Authentication,
}

/// How a user authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// With a name and a password.
    Password,
    /// With a bearer key alone (RFC 6750), for scripts.
    Key,
}

/// Why a login is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The name, password or key is wrong or missing.
    Wrong,
    /// Too many wrong passwords; the next attempt is accepted after this time.
    TooMany(Duration),
}
