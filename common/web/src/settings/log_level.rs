//! `log.level`: a level, or levels by target, as `tracing-subscriber`'s `EnvFilter` reads them.

use tracing_subscriber::EnvFilter;

/// Reads `log.level`.
///
/// # Errors
/// The allowed values.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let allowed = "must be off, error, warn, info, debug or trace, or levels by target such as \"info,rdkafka=warn\"";
    let is_level = |text: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text.trim()));
    // EnvFilter takes a single word for a target: "verbose" would enable all levels of a crate called verbose.
    let plain = |part: &str| is_level(part.rsplit_once('=').map_or(part, |(_, level)| level));
    // Filters on spans, in brackets, may contain spaces.
    let by_span = level.contains('[');
    let is_valid = by_span || level.split(',').all(plain);
    if !is_valid {
        return Err(allowed.to_owned());
    }
    let level = if by_span { level.to_owned() } else { level.replace(' ', "") };
    EnvFilter::builder().parse(level).map_err(|error| format!("{allowed} ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_levels_are_accepted() {
        for valid in
            ["info", "INFO", "off", "info,rdkafka=warn", "warn, runtime::worker=debug", "info,[order{order_id}]=debug"]
        {
            assert!(filter(valid).is_ok(), "{valid}");
        }
        for invalid in ["verbose", "", "info,", "runtime=loud"] {
            assert!(filter(invalid).unwrap_err().starts_with("must be off, error, warn"), "{invalid}");
        }
    }
}
