//! The boards of Grafana and the alerts of Prometheus in `ops/`, as far as the tests examine them. The test programs
//! parse the YAML, so that a build of the binaries needs no parser.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::files;

/// The names of the boards' files in `ops/grafana/dashboards`, without the extension.
pub const BOARDS: [&str; 2] = ["services", "shop"];

/// The file of the alerts, relative to the project's root.
pub const RULES: &str = "ops/prometheus/rules/order-saga.yml";
/// The file of their unit tests.
pub const RULE_TESTS: &str = "ops/prometheus/tests/order-saga.test.yml";
/// The file of the scraped addresses.
pub const TARGETS: &str = "ops/prometheus/targets/services.yml";

/// What replaces Grafana's variables in a query.
const VARIABLES: [(&str, &str); 4] =
    [("$__rate_interval", "30s"), ("$__range", "1h"), ("$definition", ".*"), ("$service", ".*")];

/// A PromQL expression of a board or an alert.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where it is: the board and its panel, or the alert.
    pub place: String,
    /// The expression, without variables.
    pub expr: String,
}

/// An alert.
#[derive(Clone, Debug, Deserialize)]
pub struct Alert {
    /// Its name.
    #[serde(rename = "alert")]
    pub name: String,
    /// Its condition, in PromQL.
    pub expr: String,
    /// Its own labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its texts.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<RuleGroup>,
}

#[derive(Deserialize)]
struct RuleGroup {
    rules: Vec<Alert>,
}

/// A unit test of an alert.
#[derive(Clone, Debug, Deserialize)]
pub struct AlertTest {
    /// Its name.
    pub name: String,
    /// The evaluated expressions.
    #[serde(rename = "promql_expr_test")]
    pub evaluated: Vec<Evaluated>,
}

/// An expression of a unit test.
#[derive(Clone, Debug, Deserialize)]
pub struct Evaluated {
    /// The expression.
    pub expr: String,
    /// The expected result.
    #[serde(rename = "exp_samples")]
    pub samples: Vec<Value>,
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<AlertTest>,
}

/// The directory of Prometheus's configuration.
pub fn prometheus() -> PathBuf {
    files::root().join("ops/prometheus")
}

/// The alerts of a parsed [`RULES`].
///
/// # Errors
/// A rule that is not an alert.
pub fn alerts(rules: Value) -> Result<Vec<Alert>> {
    let file: RuleFile = serde_json::from_value(rules).context(RULES)?;
    Ok(file.groups.into_iter().flat_map(|group| group.rules).collect())
}

/// The unit tests of a parsed [`RULE_TESTS`].
///
/// # Errors
/// A test of another form.
pub fn alert_tests(tests: Value) -> Result<Vec<AlertTest>> {
    let file: TestFile = serde_json::from_value(tests).context(RULE_TESTS)?;
    Ok(file.tests)
}

/// A board.
///
/// # Errors
/// When the file can't be read or parsed.
pub fn board(name: &str) -> Result<Value> {
    let path = files::root().join("ops/grafana/dashboards").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// The queries of all boards: of panels, annotations and variables.
///
/// # Errors
/// A board that can't be read, a query without an expression, or one with an unknown variable.
pub fn board_queries() -> Result<Vec<Query>> {
    let mut queries = Vec::new();
    for name in BOARDS {
        let board = board(name)?;
        for panel in list(&board["panels"]) {
            let title = panel["title"].as_str().unwrap_or_default();
            for target in list(&panel["targets"]) {
                queries.push(query(format!("{name}: {title}"), &target["expr"])?);
            }
        }
        for annotation in list(&board["annotations"]["list"]) {
            queries.push(query(format!("{name}: annotation {}", annotation["name"]), &annotation["expr"])?);
        }
        for variable in list(&board["templating"]["list"]) {
            let place = format!("{name}: variable {}", variable["name"]);
            let values = variable["query"]["query"].as_str().with_context(|| place.clone())?;
            let inner = values.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (metric, label) = inner.and_then(|inner| inner.split_once(", ")).with_context(|| place.clone())?;
            queries.push(Query { place, expr: format!("count by ({label}) ({metric})") });
        }
    }
    Ok(queries)
}

/// The elements of an array; none if it is missing.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn query(place: String, expr: &Value) -> Result<Query> {
    let expr = expr.as_str().with_context(|| format!("{place}: a query without an expression"))?;
    let resolved = VARIABLES.iter().fold(expr.to_owned(), |expr, (name, value)| expr.replace(name, value));
    ensure!(!resolved.contains('$'), "{place}: an unknown variable in {resolved}");
    Ok(Query { place, expr: resolved })
}
