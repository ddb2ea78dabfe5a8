//! `definitions compare`

use serde_json::Value;

use crate::client::{Call, Service};
use crate::failure::Failure;
use crate::render::{at, clean, table_of};
use crate::session::Session;

/// Prints two versions side by side.
pub async fn run(session: &Session, name: &str, from: u32, to: u32, window: String) -> Result<(), Failure> {
    let path = ["api", "definitions", name, "compare"];
    let mut call = Call::get(Service::Orchestrator, &path);
    call.query = vec![("from", from.to_string()), ("to", to.to_string()), ("window", window)];
    let found = session.client.json(call).await?;
    session.print(&found, || text(&found, session.width))
}

fn text(found: &Value, width: Option<u16>) -> String {
    let version = |index: usize| &found["versions"][index];
    let old = version(0);
    let new = version(1);
    let differences = &found["differences"];
    let count = |heading: &str, key: &str| {
        vec![heading.to_owned(), display_text(&old[key]), display_text(&new[key]), String::new()]
    };
    let share = |heading: &str, pointer: &str| {
        let of = |version: &Value| version.pointer(pointer).map_or_else(|| "0".to_owned(), share);
        let difference =
            differences.pointer(pointer).map(|value| interval(value, 100.0, " points")).unwrap_or_default();
        vec![heading.to_owned(), of(old), of(new), difference]
    };
    let time = |heading: &str, key: &str, ratio: &str| {
        let of = |version: &Value| interval(&version[key], 1.0, " ms");
        vec![heading.to_owned(), of(old), of(new), interval(&differences[ratio], 1.0, " times")]
    };
    let mut rows = vec![
        count("ended", "ended"),
        count("open", "open"),
        share("completed", "/completed"),
        share("compensated", "/compensated"),
    ];
    for status in differences["endings"].as_object().into_iter().flat_map(|endings| endings.keys()) {
        rows.push(share(&format!("ending {}", clean(status)), &format!("/endings/{}", escaped(status))));
    }
    rows.push(share("in incident", "/incidents"));
    rows.push(share("with retries", "/retried"));
    let retries = |version: &Value| number(&version["retriesPerSaga"], 1.0, 2);
    rows.push(vec!["retries per saga".to_owned(), retries(old), retries(new), String::new()]);
    rows.push(time("p50", "p50Ms", "p50Ratio"));
    rows.push(time("p95", "p95Ms", "p95Ratio"));
    let heads = [format!("VERSION {}", at(old, "/version")), format!("VERSION {}", at(new, "/version"))];
    let table = table_of(&["95 % INTERVALS", &heads[0], &heads[1], "DIFFERENCE"], &rows, width);
    format!("{}\n\n{table}", at(found, "/sentence"))
}

fn display_text(value: &Value) -> String {
    at(value, "")
}

/// A token of a JSON pointer (RFC 6901).
fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// `254 = 97.7 % (95.1 to 98.9)`
fn share(value: &Value) -> String {
    let bounds = format!("({} to {})", number(&value["low"], 100.0, 1), number(&value["high"], 100.0, 1));
    format!("{} = {} % {bounds}", display_text(&value["count"]), number(&value["share"], 100.0, 1))
}

/// A number with its interval; empty if it is not known.
fn interval(value: &Value, scale: f64, unit: &str) -> String {
    if value.is_null() {
        return String::new();
    }
    let decimals = if unit == " ms" { 0 } else { 2 };
    let of = |key: &str| number(&value[key], scale, decimals);
    format!("{}{unit} ({} to {})", of("value"), of("low"), of("high"))
}

/// A number; a bound that is not known is `?`.
fn number(value: &Value, scale: f64, decimals: usize) -> String {
    value.as_f64().map_or_else(|| "?".to_owned(), |x| format!("{:.decimals$}", x * scale))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version(number: u32) -> Value {
        let share = json!({"count": 254, "of": 260, "share": 0.977, "low": 0.951, "high": 0.989});
        json!({
            "version": number, "ended": 260, "open": 0, "completed": share, "compensated": share, "incidents": share,
            "retried": share, "retriesPerSaga": 0.25, "endings": {"a/b": share},
            "p50Ms": {"low": 850.0, "value": 880.0, "high": 910.0},
            "p95Ms": {"low": 1_850.0, "value": 1_880.0, "high": null},
        })
    }

    #[test]
    fn the_table_has_both_versions_and_their_differences() {
        let difference = json!({"low": -0.03, "value": 0.01, "high": 0.05});
        let found = json!({
            "sentence": "Version 4 is as fast", "versions": [version(3), version(4)],
            "differences": {
                "completed": difference, "compensated": difference, "incidents": difference, "retried": difference,
                "endings": {"a/b": difference}, "p50Ratio": {"low": 0.8, "value": 0.88, "high": 0.95}, "p95Ratio": null,
            },
        });
        let text = text(&found, None);
        for part in [
            "Version 4 is as fast\n\n",
            "VERSION 3",
            "VERSION 4",
            "254 = 97.7 % (95.1 to 98.9)",
            "1.00 points (-3.00 to 5.00)",
            "880 ms (850 to 910)",
            "1880 ms (1850 to ?)",
            "0.88 times (0.80 to 0.95)",
            "ending a/b",
            "retries per saga  0.25",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
