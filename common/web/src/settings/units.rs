//! Durations, sizes and addresses in settings, for serde's `with`. Public, for the services' own sections.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de::Error};

/// Text or a number, as a file or the environment may give it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Whole(u64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

/// `10s`, `1m 30s`, `500ms`: [`Duration`](std::time::Duration) as humantime writes it.
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Provider {
///     #[serde(with = "web::settings::units::duration")]
///     delay: std::time::Duration,
/// }
/// ```
pub mod duration {
    use std::time::Duration;

    use humantime_serde::re::humantime;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error};

    use super::Scalar;

    const ALLOWED: &str = "must be a duration with its unit, such as \"500ms\", \"10s\" or \"1m 30s\"";

    /// Reads a value.
    ///
    /// # Errors
    /// The allowed values, for any other value.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        match Scalar::deserialize(d)? {
            Scalar::Text(text) => humantime::parse_duration(&text).map_err(|_| D::Error::custom(ALLOWED)),
            Scalar::Whole(_) | Scalar::Other(_) => Err(D::Error::custom(ALLOWED)),
        }
    }

    /// Writes a value.
    ///
    /// # Errors
    /// Only the serializer's own.
    pub fn serialize<S: Serializer>(duration: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&humantime::format_duration(*duration))
    }
}

/// `1 MiB`, `512 KiB`, `1048576`: a number of bytes as `usize`.
pub mod bytes {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error};

    use super::Scalar;

    const ALLOWED: &str = "must be a number of bytes, such as 1048576, \"64 KiB\" or \"1 MiB\"";
    const UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

    /// Reads a value.
    ///
    /// # Errors
    /// The allowed values, for any other value.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
        let read = match Scalar::deserialize(d)? {
            Scalar::Whole(n) => usize::try_from(n).ok(),
            Scalar::Text(text) => parse(&text),
            Scalar::Other(_) => None,
        };
        read.ok_or_else(|| D::Error::custom(ALLOWED))
    }

    /// Writes it, in the largest unit that divides it.
    ///
    /// # Errors
    /// Only the serializer's own.
    pub fn serialize<S: Serializer>(bytes: &usize, s: S) -> Result<S::Ok, S::Error> {
        let unit = UNITS.iter().find(|(_, size)| *bytes >= *size && bytes.is_multiple_of(*size));
        let (name, size) = unit.copied().unwrap_or(("B", 1));
        s.collect_str(&format_args!("{} {name}", bytes / size))
    }

    fn parse(text: &str) -> Option<usize> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(digits)?;
        let unit = unit.trim();
        let size = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit) || unit.is_empty() && *name == "B");
        number.parse::<usize>().ok()?.checked_mul(size?.1)
    }
}

pub(super) fn socket_address<'de, D: Deserializer<'de>>(d: D) -> Result<SocketAddr, D::Error> {
    let read = match Scalar::deserialize(d)? {
        Scalar::Text(text) => text.parse().ok(),
        Scalar::Whole(_) | Scalar::Other(_) => None,
    };
    read.ok_or_else(|| {
        D::Error::custom(
            "must be an IP address and a port, such as \"0.0.0.0:8080\", \"127.0.0.1:8080\" or \"[::]:8080\"",
        )
    })
}
