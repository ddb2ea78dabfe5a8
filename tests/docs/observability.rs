//! The boards, the alerts and their unit tests, and the containers: what they promise without a running service.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tests::files::root;
use tests::ops::{self, Alert, AlertTest};

use crate::{assert_none, documents};

/// The document that describes boards and alerts.
const DOCUMENT: &str = "docs/observability.md";

fn yaml(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn alerts() -> Vec<Alert> {
    ops::alerts(yaml(ops::RULES)).unwrap()
}

#[test]
fn every_alert_explains_itself_and_is_documented() {
    let documents = documents();
    let document = std::fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for Alert { name, labels, annotations, .. } in alerts() {
        for text in ["summary", "description"] {
            if annotations.get(text).is_none_or(|text| text.trim().is_empty()) {
                wrong.push(format!("{name}: no {text}"));
            }
        }
        let runbook = annotations.get("runbook").map_or("", String::as_str);
        let (file, anchor) = runbook.split_once('#').unwrap_or_default();
        let found = root().join(file).canonicalize().ok().and_then(|path| documents.get(&path));
        if found.is_none_or(|document| !document.anchors.contains(anchor)) {
            wrong.push(format!("{name}: no heading {runbook:?}"));
        }
        let severity = labels.get("severity").map_or("", String::as_str);
        if !document.contains(&format!("| `{name}` | {severity} |")) {
            wrong.push(format!("{name}: {DOCUMENT} has no row of it with its severity, {severity:?}"));
        }
        if !names.insert(name.clone()) {
            wrong.push(format!("{name}: twice"));
        }
    }
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let listed = rows.filter(|(_, rest)| rest.starts_with("critical |") || rest.starts_with("warning |"));
    wrong.extend(listed.filter(|(name, _)| !names.contains(*name)).map(|(name, _)| format!("{name}: no such alert")));
    assert_none(&wrong);
}

#[test]
fn every_alert_has_a_test_that_fires_it_and_one_that_does_not() {
    let mut outcomes: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for AlertTest { name, evaluated, .. } in ops::alert_tests(yaml(ops::RULE_TESTS)).unwrap() {
        let (alert, _) = name.split_once(' ').unwrap();
        for test in evaluated {
            let expr = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}");
            assert_eq!(test.expr, expr, "{name}");
            outcomes.entry(alert.to_owned()).or_default().push(!test.samples.is_empty());
        }
    }
    let alerts: BTreeSet<String> = alerts().into_iter().map(|alert| alert.name).collect();
    assert_eq!(outcomes.keys().cloned().collect::<BTreeSet<_>>(), alerts);
    for (alert, fired) in outcomes {
        assert_eq!(fired, [true, false], "{alert}: one test that fires it, then one that does not");
    }
}

/// The cells of a board that a panel covers.
fn cells(position: &Value) -> impl Iterator<Item = (u64, u64)> {
    let number = |key: &str| position[key].as_u64().unwrap();
    let columns = number("x")..number("x") + number("w");
    let rows = number("y")..number("y") + number("h");
    columns.flat_map(move |column| rows.clone().map(move |row| (column, row)))
}

#[test]
fn boards_use_the_provisioned_datasource_and_their_panels_do_not_overlap() {
    let provisioned = yaml("ops/grafana/provisioning/datasources/prometheus.yml");
    let datasource = &provisioned["datasources"][0]["uid"];
    let mut boards = BTreeSet::new();
    for name in ops::BOARDS {
        let board = ops::board(name).unwrap();
        assert!(boards.insert(board["uid"].as_str().unwrap().to_owned()), "{name}: the uid of another board");
        let mut ids = BTreeSet::new();
        let mut covered = BTreeSet::new();
        for panel in ops::list(&board["panels"]) {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {title} has the id of another panel");
            for cell in cells(&panel["gridPos"]) {
                assert!(cell.0 < 24 && covered.insert(cell), "{name}: {title} overlaps another panel");
            }
            for target in ops::list(&panel["targets"]) {
                assert_eq!(&target["datasource"]["uid"], datasource, "{name}: {title}");
            }
            if panel["type"] != "row" {
                assert!(!ops::list(&panel["targets"]).is_empty(), "{name}: {title} shows nothing");
                assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}: {title}");
            }
        }
    }
    let files = std::fs::read_dir(root().join("ops/grafana/dashboards")).unwrap();
    assert_eq!(files.count(), ops::BOARDS.len(), "a board that no test examines");
}

#[test]
fn every_container_is_hardened_and_published_on_this_machine_only() {
    let compose = yaml("docker-compose.yml");
    let mut profiled = BTreeSet::new();
    let mut mounted = BTreeSet::new();
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]), "{name}");
        for port in ops::list(&service["ports"]) {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        let image = service["image"].as_str().unwrap();
        let is_pinned = image.starts_with("${") && image.rsplit_once(':').is_some_and(|(_, tag)| tag != "latest}");
        assert!(service["build"].is_object() || is_pinned, "{name}: {image}");
        if let Some(profiles) = service["profiles"].as_array() {
            assert_eq!(profiles, &["observability"], "{name}");
            profiled.insert(name.as_str());
        }
        for volume in ops::list(&service["volumes"]).iter().filter_map(Value::as_str) {
            let (source, _) = volume.split_once(':').unwrap();
            if let Some(path) = source.strip_prefix("./") {
                assert!(root().join(path).is_dir() && volume.ends_with(":ro"), "{name}: {volume}");
                mounted.insert(path);
            } else {
                assert!(compose["volumes"].get(source).is_some(), "{name}: {volume}");
            }
        }
    }
    assert_eq!(profiled, BTreeSet::from(["grafana", "jaeger", "prometheus"]));
    assert_eq!(mounted, BTreeSet::from(["ops/grafana/dashboards", "ops/grafana/provisioning", "ops/prometheus"]));
}

/// The names in backticks in a document.
fn names(path: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    text.split('`').map(str::to_owned).collect()
}

#[test]
fn every_variable_of_a_service_in_compose_is_a_setting() {
    let settings = names("docs/settings.md");
    let compose = yaml("docker-compose.yml");
    let services = compose["services"].as_object().unwrap().values();
    let variables: Vec<&String> =
        services.filter_map(|service| service["environment"].as_object()).flat_map(|all| all.keys()).collect();
    let is_known = |variable: &str| {
        let shared = variable.split_once("__").map(|(_, key)| format!("*__{key}"));
        settings.contains(variable) || shared.is_some_and(|shared| settings.contains(&shared))
    };
    let of_services = variables.iter().filter(|variable| variable.contains("__"));
    let wrong: Vec<String> = of_services.filter(|variable| !is_known(variable)).map(|name| (*name).clone()).collect();
    assert!(variables.len() > 20);
    assert_none(&wrong);
}

#[test]
fn every_secret_of_a_service_is_passed_by_compose_or_named_for_production() {
    let compose = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let production = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let secrets: Vec<String> = names("docs/settings.md").into_iter().filter(|name| name.ends_with("_FILE")).collect();
    let secrets = secrets.iter().filter(|name| name.contains("__") && !name.starts_with('*'));
    let is_missing = |file: &&String| {
        let variable = file.trim_end_matches("_FILE");
        !compose.contains(&format!("{variable}: ${{")) && !production.contains(&format!("{file}="))
    };
    assert!(secrets.clone().count() > 5);
    assert_none(&secrets.filter(is_missing).cloned().collect::<Vec<_>>());
}
