//! The log, on standard error: text on a terminal, otherwise one JSON object per line. Only `log.level` decides what is
//! logged; `RUST_LOG` is not read, so that the printed settings are the settings in effect.
//!
//! In JSON the fields of an event and of the spans around it (`order_id`, `saga_id`) are members of the top object.

use std::fmt;
use std::io::{self, IsTerminal as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use vocabulary::time::Timestamp;

use crate::settings::log_level;
use crate::settings::{Format, Log};

/// Starts the log.
///
/// # Errors
/// A sentence, if the level is invalid (loaded settings are checked) or a log was started before.
pub fn init(log: &Log) -> Result<(), String> {
    let filter = log_level::filter(&log.level).map_err(|allowed| format!("log.level = {:?}: {allowed}", log.level))?;
    let terminal = io::stderr().is_terminal();
    let json = match log.format {
        Format::Json => true,
        Format::Text => false,
        Format::Auto => !terminal,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if json {
        lines.fmt_fields(JsonFields::new()).event_format(Json).finish().try_init()
    } else {
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        lines.with_timer(Clock).with_ansi(colours).finish().try_init()
    };
    started.map_err(|error| format!("the log can't be started: {error}"))
}

/// RFC 3339, UTC, milliseconds.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{}", Timestamp::now())
    }
}

/// A line of JSON: timestamp, level, target, then the fields of the spans from the outside in, then the event's own. A
/// later field replaces an earlier one of the same name.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut w: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields(Map::new());
        for span in context.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<N>>().map(|f| f.fields.as_str());
            if let Some(Ok(Value::Object(of_span))) = formatted.map(serde_json::from_str) {
                fields.0.extend(of_span);
            }
        }
        event.record(&mut fields);
        let normal = tracing_log_metadata(&mut fields.0);
        let level = event.metadata().level();
        let target = normal.unwrap_or_else(|| event.metadata().target().to_owned());
        write!(
            w,
            "{{\"timestamp\":\"{}\",\"level\":\"{level}\",\"target\":{}",
            Timestamp::now(),
            Value::String(target)
        )?;
        for (name, value) in &fields.0 {
            write!(w, ",{}:{value}", Value::String(name.clone()))?;
        }
        writeln!(w, "}}")
    }
}

/// Removes the metadata fields of events from the `log` crate; returns their target.
fn tracing_log_metadata(fields: &mut Map<String, Value>) -> Option<String> {
    for name in ["log.module_path", "log.file", "log.line"] {
        fields.remove(name);
    }
    fields.remove("log.target").and_then(|target| target.as_str().map(str::to_owned))
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn fields_of_event_and_spans_are_members_of_the_top_object() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(Json)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("order", order_id = %"7a", attempt = 1);
            span.in_scope(|| tracing::warn!(attempt = 2, what = "a \"quote\"", "step {} failed", "reserve"));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!((&line["order_id"], &line["attempt"], &line["level"]), (&"7a".into(), &2.into(), &"WARN".into()));
        assert_eq!(line["message"], "step reserve failed");
        assert_eq!(line["what"], "a \"quote\"");
        assert_eq!(line["target"], "web::telemetry::tests");
        assert!(Timestamp::parse(line["timestamp"].as_str().unwrap()).is_ok());
    }
}
