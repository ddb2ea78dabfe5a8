//! Secrets from files: `password_file = "/run/secrets/smtp"` sets `password` to the file's text. It works for every
//! text setting that is a secret, in a settings file and in the environment (`…__PASSWORD_FILE`), so that secrets of
//! container platforms need not be copied into variables, which other processes can read.

use std::fs::File;
use std::io::Read as _;

use config::{Map, Value, ValueKind};
use serde_json::Value as Json;

use super::error::Fault;
use super::secret::is_secret;
use super::tree::tree;

/// The largest secret: a certificate chain with its key fits.
const MAX_BYTES: usize = 64 * 1024;

/// The setting whose value is in the file that this key names: `password` of `password_file`, `sasl.password` of
/// `sasl.password.file`, `PASSWORD` of `PASSWORD_FILE`.
pub(super) fn target(key: &str) -> Option<&str> {
    let cut = key.len().checked_sub("_file".len())?;
    let (target, suffix) = key.split_at_checked(cut)?;
    let is_suffix = suffix.eq_ignore_ascii_case("_file") || suffix.eq_ignore_ascii_case(".file");
    (is_suffix && is_secret(target)).then_some(target)
}

/// Replaces each key that names a file by its target, with the file's text. An empty name stands for no file.
pub(super) fn resolve(values: &mut Map<String, Value>, known: &Json, origin: &str, faults: &mut Vec<Fault>) {
    table(values, Some(known), &mut Vec::new(), origin, faults);
}

fn table(
    values: &mut Map<String, Value>,
    known: Option<&Json>,
    path: &mut Vec<String>,
    origin: &str,
    faults: &mut Vec<Fault>,
) {
    let child = |key: &str| known.and_then(|known| known.get(key));
    let names: Vec<String> = values.keys().filter(|key| child(key).is_none()).cloned().collect();
    for name in names {
        let Some(target) = target(&name) else { continue };
        let Some(value) = values.remove(&name) else { continue };
        path.push(name.clone());
        let mut fault = |allowed: String| faults.push(Fault::new(path, Some(&tree(&value)), origin, allowed));
        if values.contains_key(target) {
            fault(format!("set either {target} or {name}, not both"));
        } else if value.clone().into_string().is_ok_and(|file| file.trim().is_empty()) {
            // No file, as compose passes an unset variable.
        } else if let ValueKind::String(file) = &value.kind {
            match read(file) {
                Ok(text) => {
                    let origin = format!("the file {file}, which {origin} names");
                    values.insert(target.to_owned(), Value::new(Some(&origin), text));
                }
                Err(reason) => fault(reason),
            }
        } else {
            fault("must be the path of a file that holds the secret".to_owned());
        }
        path.pop();
    }
    for (name, value) in values.iter_mut() {
        path.push(name.clone());
        inner(value, known.and_then(|known| known.get(name)), path, origin, faults);
        path.pop();
    }
}

fn inner(value: &mut Value, known: Option<&Json>, path: &mut Vec<String>, origin: &str, faults: &mut Vec<Fault>) {
    if let ValueKind::Table(values) = &mut value.kind {
        table(values, known, path, origin, faults);
    } else if let ValueKind::Array(all) = &mut value.kind {
        for (index, value) in all.iter_mut().enumerate() {
            path.push(format!("[{index}]"));
            inner(value, None, path, origin, faults);
            path.pop();
        }
    }
}

/// The text of a file, without the line break at its end.
fn read(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let opened = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    opened.map_err(|error| format!("the file can't be read: {error}"))?;
    if bytes.len() > MAX_BYTES {
        return Err(format!("the file is larger than {} KiB, which no secret is", MAX_BYTES / 1024));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "the file must be UTF-8 text".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.ends_with('\r') {
        text.pop();
    }
    if text.is_empty() { Err("the file is empty".to_owned()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::path::Path;

    use super::super::{Settings, SettingsError, load_with};
    use super::*;

    const ORDER: &str = include_str!("../../../../order-service/config/default.toml");

    type Own = BTreeMap<String, toml::Value>;

    /// The settings of order-service with this file and this environment.
    fn orders(text: &str, environment: &[(&str, &str)]) -> Result<Settings<Own>, SettingsError> {
        let settings = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(settings.path(), text).unwrap();
        let variables = environment.iter().map(|(key, value)| (OsString::from(key), OsString::from(value)));
        load_with(ORDER, "order-service", Some(settings.path()), variables)
    }

    fn password(settings: &Settings<Own>) -> &str {
        settings.own["notices"]["smtp"]["password"].as_str().unwrap()
    }

    fn file(directory: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[test]
    fn only_secrets_have_a_file() {
        assert_eq!(target("password_file"), Some("password"));
        assert_eq!(target("PASSWORD_FILE"), Some("PASSWORD"));
        assert_eq!(target("sasl.password.file"), Some("sasl.password"));
        assert_eq!(target("ssl.key.pem_file"), Some("ssl.key.pem"));
        for other in ["jwks_file", "brokers_file", "password", "_file", "é_file", "file"] {
            assert_eq!(target(other), None, "{other}");
        }
    }

    #[test]
    fn a_secret_is_read_from_the_file_that_its_key_names() {
        let directory = tempfile::tempdir().unwrap();
        let secret = file(directory.path(), "smtp", "s3cr3t \r\n");
        let sasl = file(directory.path(), "sasl", "two\nlines\n");
        let given = [
            ("ORDER_SERVICE__NOTICES__SMTP__PASSWORD_FILE", secret.as_str()),
            ("ORDER_SERVICE__KAFKA__CLIENT__SASL_PASSWORD_FILE", &sasl),
        ];
        let settings = orders("", &given).unwrap();
        assert_eq!(password(&settings), "s3cr3t ");
        assert_eq!(settings.kafka.client["sasl.password"], "two\nlines");

        let hash = file(directory.path(), "hash", format!("{}\n", "0f".repeat(32)));
        let text = format!(
            "[auth]\nkeys = [{{ name = \"office\", role = \"operator\", hash_file = \"{hash}\" }}]\n\
             [notices.smtp]\npassword_file = \"{secret}\"\n[kafka.client]\n\"sasl.password_file\" = \"{sasl}\"\n"
        );
        let settings = orders(&text, &[]).unwrap();
        assert_eq!(password(&settings), "s3cr3t ");
        assert_eq!(settings.kafka.client["sasl.password"], "two\nlines");
        assert_eq!(settings.auth.unwrap().keys.len(), 1);
    }

    #[test]
    fn the_environment_takes_precedence_over_the_file_whichever_form_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let secret = file(directory.path(), "smtp", "from the secret's file");
        let text = format!("[notices.smtp]\npassword_file = \"{secret}\"\n");
        let given = [("ORDER_SERVICE__NOTICES__SMTP__PASSWORD", "from the variable")];
        assert_eq!(password(&orders(&text, &given).unwrap()), "from the variable");
        let given = [("ORDER_SERVICE__NOTICES__SMTP__PASSWORD_FILE", secret.as_str())];
        let text = "[notices.smtp]\npassword = \"from the settings\"\n";
        let settings = orders(text, &given).unwrap();
        assert_eq!(password(&settings), "from the secret's file");
        // Compose passes an unset variable as empty text.
        let given = [
            ("ORDER_SERVICE__NOTICES__SMTP__PASSWORD", "from the variable"),
            ("ORDER_SERVICE__NOTICES__SMTP__PASSWORD_FILE", ""),
        ];
        let settings = orders("", &given).unwrap();
        assert_eq!(password(&settings), "from the variable");
    }

    #[test]
    fn a_file_that_holds_no_secret_stops_the_start_with_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing").display().to_string();
        let whole = directory.path().display().to_string();
        let large = file(directory.path(), "large", vec![b'x'; MAX_BYTES + 1]);
        let empty = file(directory.path(), "empty", "\n");
        let binary = file(directory.path(), "binary", [0xff, 0xfe]);
        for (path, reason) in [
            (missing.as_str(), "No such file"),
            (&whole, "directory"),
            (&large, "larger than 64 KiB"),
            (&empty, "empty"),
            (&binary, "UTF-8"),
        ] {
            let given = [("ORDER_SERVICE__NOTICES__SMTP__PASSWORD_FILE", path)];
            let refused = orders("", &given).unwrap_err().to_string();
            assert!(refused.contains("notices.smtp.password_file") && refused.contains(path), "{refused}");
            assert!(refused.contains("ORDER_SERVICE__NOTICES__SMTP__PASSWORD_FILE"), "{refused}");
            assert!(refused.contains(reason), "{reason} is not in {refused}");
        }
    }

    #[test]
    fn a_secret_and_its_file_together_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let secret = file(directory.path(), "smtp", "one");
        let text = format!("[notices.smtp]\npassword = \"two\"\npassword_file = \"{secret}\"\n");
        let refused = orders(&text, &[]).unwrap_err().to_string();
        assert!(refused.contains("set either password or password_file") && !refused.contains("two"), "{refused}");
        let given = [
            ("ORDER_SERVICE__NOTICES__SMTP__PASSWORD", "two"),
            ("ORDER_SERVICE__NOTICES__SMTP__PASSWORD_FILE", secret.as_str()),
        ];
        let refused = orders("", &given).unwrap_err().to_string();
        assert!(refused.contains("notices.smtp.password_file") && !refused.contains("two"), "{refused}");
        let refused = orders("[kafka]\nbrokers_file = \"x\"\n", &[]).unwrap_err().to_string();
        assert!(refused.contains("did you mean kafka.brokers"), "{refused}");
    }
}
