//! The contexts: addresses and logins, in a file that only its owner can read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// The context that is used if none is named.
pub const DEFAULT_CONTEXT: &str = "default";

/// A password or key. Its value is not in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The context that is used if the command line names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The contexts, by name.
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

/// The addresses of an installation, and the login.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Context {
    /// The orchestrator's address; by default `http://localhost:8083`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orchestrator: Option<String>,
    /// The order-service's address; by default `http://localhost:8080`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<String>,
    /// The inventory-service's address, for `health`; by default `http://localhost:8081`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<String>,
    /// The payment-service's address, for `health`; by default `http://localhost:8082`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments: Option<String>,
    /// A file with the certificate of a private authority, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The dashboard's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A key of the orchestrator's API, instead of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// A key or token of order-service, if it requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders_key: Option<Secret>,
}

impl Context {
    /// This context, with the values of another where that has some.
    #[must_use]
    pub fn overridden_by(self, other: Self) -> Self {
        // A login is replaced as a whole: the password of one user is not that of another.
        let same_user = other.user.is_none() || other.user == self.user;
        let keeps_login = other.key.is_none() && same_user;
        Self {
            orchestrator: other.orchestrator.or(self.orchestrator),
            orders: other.orders.or(self.orders),
            inventory: other.inventory.or(self.inventory),
            payments: other.payments.or(self.payments),
            ca: other.ca.or(self.ca),
            password: other.password.or(self.password.filter(|_| keeps_login)),
            key: other.key.or(self.key.filter(|_| other.user.is_none())),
            user: other.user.or(self.user.filter(|_| keeps_login)),
            orders_key: other.orders_key.or(self.orders_key),
        }
    }
}

/// The default path: `sagactl/config.toml` in the user's configuration directory (the XDG Base Directory
/// Specification).
///
/// # Errors
/// There is no home directory.
pub fn default_path() -> Result<PathBuf, Failure> {
    let strategy = etcetera::base_strategy::Xdg::new();
    let advice = "set HOME, or name a file with --config or SAGACTL_CONFIG";
    let strategy = strategy.map_err(|error| Failure::new(Exit::Usage, error.to_string(), advice))?;
    Ok(strategy.config_dir().join("sagactl").join("config.toml"))
}

impl Config {
    /// Reads the file; an empty configuration if there is none.
    ///
    /// # Errors
    /// Others can read the file, it can't be read, or it is not valid.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(path, &error.to_string())),
        };
        if metadata.mode() & 0o077 != 0 {
            let detail = format!("{name} contains logins, and others than its owner can read or change it");
            return Err(Failure::new(Exit::Usage, detail, format!("run chmod 600 {name}")));
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error.to_string()))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().and_then(|span| text.get(..span.start)).map(|text| text.matches('\n').count() + 1);
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
            unreadable(path, &format!("{line}{}", error.message()))
        })
    }

    /// Writes the file, with mode 0600; an earlier one is replaced at once.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: String| {
            let detail = format!("{} can't be written: {error}", path.display());
            Failure::new(Exit::Failed, detail, "name another file with --config or SAGACTL_CONFIG")
        };
        let text = toml::to_string(self).map_err(|error| failed(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        let new = path.with_extension(format!("new-{}", std::process::id()));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)
        };
        write().map_err(|error: std::io::Error| {
            // The file may not exist.
            _ = fs::remove_file(&new);
            failed(error.to_string())
        })
    }

    /// The name of the context in use: the named one, or the current one.
    pub fn context_name<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.or(self.current.as_deref()).unwrap_or(DEFAULT_CONTEXT)
    }

    /// The named context, or the current one.
    ///
    /// # Errors
    /// A context is named, and there is none of that name.
    pub fn context(&self, named: Option<&str>) -> Result<Context, Failure> {
        let name = self.context_name(named);
        match self.contexts.get(name) {
            Some(context) => Ok(context.clone()),
            None if named.is_none() && self.current.is_none() => Ok(Context::default()),
            None => Err(self.unknown(name)),
        }
    }

    /// There is no context of this name.
    pub fn unknown(&self, name: &str) -> Failure {
        let names: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
        let known = if names.is_empty() {
            "there are none yet".to_owned()
        } else {
            format!("name one of: {}", names.join(", "))
        };
        let detail = format!("there is no context {name:?}");
        Failure::new(Exit::Usage, detail, format!("{known}; or run sagactl login --context {name}"))
    }
}

fn unreadable(path: &Path, problem: &str) -> Failure {
    let detail = format!("{}: {problem}", path.display());
    Failure::new(Exit::Usage, detail, "correct the file, or name another with --config or SAGACTL_CONFIG")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn example() -> Config {
        let local = Context {
            orchestrator: Some("http://localhost:8083".to_owned()),
            user: Some("techlead".to_owned()),
            password: Some(Secret("zup@123".to_owned())),
            ..Context::default()
        };
        Config { current: Some("local".to_owned()), contexts: BTreeMap::from([("local".to_owned(), local)]) }
    }

    #[test]
    fn the_file_survives_a_round_trip_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/config.toml");
        assert_eq!(Config::read(&path).unwrap(), Config::default());
        example().write(&path).unwrap();
        example().write(&path).unwrap();
        assert_eq!(Config::read(&path).unwrap(), example());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no other file is left");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        example().write(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let failure = Config::read(&path).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.advice.contains("chmod 600"), "{failure:?}");
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_allowed_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        example().write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap().replace("user = ", "usr = ");
        fs::write(&path, text).unwrap();
        let failure = Config::read(&path).unwrap_err();
        for part in ["config.toml: line ", "unknown field `usr`", "`user`"] {
            assert!(failure.detail.contains(part), "{part}: {failure:?}");
        }
    }

    #[test]
    fn a_named_context_must_exist() {
        assert_eq!(example().context(None).unwrap().user.as_deref(), Some("techlead"));
        assert_eq!(Config::default().context(None).unwrap(), Context::default());
        let failure = example().context(Some("production")).unwrap_err();
        assert!(failure.advice.contains("local") && failure.exit == Exit::Usage, "{failure:?}");
        let lost = Config { current: Some("gone".to_owned()), ..Config::default() };
        assert!(lost.context(None).is_err());
    }

    #[test]
    fn another_login_replaces_the_whole_login() {
        let context = example().context(None).unwrap();
        let other_user = Context { user: Some("guest".to_owned()), ..Context::default() };
        let merged = context.clone().overridden_by(other_user);
        assert_eq!((merged.user.as_deref(), merged.password), (Some("guest"), None));
        let key = Context { key: Some(Secret("k".to_owned())), ..Context::default() };
        let merged = context.clone().overridden_by(key);
        assert_eq!((merged.user, merged.password), (None, None));
        let same = context.clone().overridden_by(Context::default());
        assert_eq!(same, context);
    }

    #[test]
    fn secrets_are_not_in_debug_output() {
        assert!(!format!("{:?}", example()).contains("zup"));
    }
}
