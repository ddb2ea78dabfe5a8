//! Settings from all three sources, and the exact sentences about their faults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;

const ORDER: &str = include_str!("../../../../order-service/config/default.toml");
const INVENTORY: &str = include_str!("../../../../inventory-service/config/default.toml");
const PAYMENT: &str = include_str!("../../../../payment-service/config/default.toml");
const ORCHESTRATOR: &str = include_str!("../../../../orchestrator/config/default.toml");
/// The worker test's service, which has the sections that every service has.
const SUMS: &str = include_str!("../../../../tests/src/bin/sums/default.toml");

type Any = BTreeMap<String, toml::Value>;

/// A service's own sections, as inventory-service has them.
#[derive(Debug, Deserialize, Serialize)]
struct Own {
    stock: Stock,
    shipping: Any,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stock {
    warehouse: String,
    reservation_expiry: String,
    low: u32,
    items: Vec<Item>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: uuid::Uuid,
    name: String,
    on_hand: u32,
    #[serde(default)]
    price: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    low: Option<u32>,
}

fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))).collect()
}

fn with(pairs: &[(&str, &str)]) -> Result<Settings<Own>, SettingsError> {
    load_with(INVENTORY, "inventory-service", None, environment(pairs))
}

fn with_file(text: &str) -> Result<Settings<Own>, SettingsError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("my.toml");
    std::fs::write(&path, text).unwrap();
    let mut read = load_with(INVENTORY, "inventory-service", Some(&path), environment(&[]));
    if let Err(SettingsError::Faults(faults)) = &mut read {
        for fault in faults {
            fault.origin = fault.origin.replace(&*path.to_string_lossy(), "my.toml");
        }
    }
    read
}

/// The sentence about one invalid line of a file.
fn refused(text: &str) -> String {
    with_file(text).unwrap_err().to_string()
}

#[test]
fn the_defaults_of_all_services_are_settings() {
    for (service, defaults, port) in [
        ("order-service", ORDER, 8080),
        ("inventory-service", INVENTORY, 8081),
        ("payment-service", PAYMENT, 8082),
        ("orchestrator", ORCHESTRATOR, 8083),
        ("sums", SUMS, 8080),
    ] {
        let settings: Settings<Any> = load_with(defaults, service, None, environment(&[])).unwrap();
        assert_eq!(settings.http.listen, ([127, 0, 0, 1], port).into());
        assert_eq!(settings.http.body_limit, 1 << 20);
        assert_eq!(settings.kafka.group, service, "an empty group is the service's name");
        assert_eq!(settings.kafka.session_timeout, Duration::from_secs(10));
    }
}

#[test]
fn every_key_is_commented() {
    for defaults in [ORDER, INVENTORY, PAYMENT, ORCHESTRATOR] {
        let lines: Vec<_> = defaults.lines().collect();
        let mut explained = std::collections::BTreeSet::new();
        let mut section = "";
        for (i, line) in lines.iter().enumerate() {
            let commented = i > 0 && lines[i - 1].starts_with('#');
            let name = line.split('=').next().unwrap().trim();
            if line.starts_with('[') {
                section = line;
            } else if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let key = (section, name);
            assert!(commented || explained.contains(&key), "no comment above: {line}");
            explained.insert(key);
        }
    }
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "[kafka]\nbrokers = 'file:1'\npartitions = 7\nclient = { \"ssl.ca.location\" = '/ca' }",
    )
    .unwrap();
    let env = environment(&[
        ("INVENTORY_SERVICE__KAFKA__PARTITIONS", "12"),
        ("INVENTORY_SERVICE__KAFKA__CLIENT__SECURITY_PROTOCOL", "ssl"),
        ("INVENTORY_SERVICE__KAFKA__CLIENT__SOCKET_KEEPALIVE_ENABLE", "true"),
        ("INVENTORY_SERVICE__HTTP__TIMEOUT", "2m"),
        ("INVENTORY_SERVICE__LOG__FORMAT", "json"),
        ("INVENTORY_SERVICE_PORT", "tcp://10.0.0.1:8081"),
        ("ORDER_SERVICE__KAFKA__PARTITIONS", "99"),
    ]);
    let settings: Settings<Own> = load_with(INVENTORY, "inventory-service", Some(file.path()), env).unwrap();
    assert_eq!((settings.kafka.brokers.as_str(), settings.kafka.partitions), ("file:1", 12));
    let client: Vec<_> = settings.kafka.client.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let expected = [("security.protocol", "ssl"), ("socket.keepalive.enable", "true"), ("ssl.ca.location", "/ca")];
    assert_eq!(client, expected);
    assert_eq!(settings.http.timeout, Duration::from_secs(120));
    assert_eq!(settings.log.format, Format::Json);
}

#[test]
fn numbers_and_booleans_of_the_client_are_kept_as_text() {
    let text = "[kafka.client]\n\"socket.timeout.ms\" = 60000\n\"enable.ssl.certificate.verification\" = false";
    let client = with_file(text).unwrap().kafka.client;
    assert_eq!(client["socket.timeout.ms"], "60000");
    assert_eq!(client["enable.ssl.certificate.verification"], "false");
}

#[test]
fn a_list_comes_whole_from_the_environment() {
    let items = r#"[{ id = "3852cb18-9c19-4326-ac77-a1a0264bd98c", name = "x", on_hand = 5 }]"#;
    let settings = with(&[("INVENTORY_SERVICE__STOCK__ITEMS", items)]).unwrap();
    assert_eq!((settings.own.stock.items.len(), settings.own.stock.items[0].on_hand), (1, 5));
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_one() {
    assert_eq!(
        refused("[kafka]\nbrokrs = 'x:1'"),
        r#"kafka.brokrs = "x:1" (from my.toml): there is no such setting; did you mean kafka.brokers?"#
    );
    assert_eq!(
        refused("[database]\nurl = 'x'"),
        "database = { url = \"x\" } (from my.toml): there is no such section; \
         there are auth, edge, events, http, kafka, log, shipping, stock, traces, view, worker"
    );
    assert_eq!(
        with(&[("INVENTORY_SERVICE__LOG__LEVLE", "debug")]).unwrap_err().to_string(),
        "log.levle = \"debug\" (from the environment variable INVENTORY_SERVICE__LOG__LEVLE): \
         there is no such setting; did you mean log.level?"
    );
    let item = refused("[[stock.items]]\nid = '3852cb18-9c19-4326-ac77-a1a0264bd98c'\nname = 'x'\nonhand = 1");
    assert_eq!(
        item,
        "stock.items[0].onhand = 1 (from my.toml): there is no such key here; there are id, name, on_hand, price, low"
    );
}

#[test]
fn invalid_values_are_refused_with_the_allowed_ones() {
    let cases = [
        ("[kafka]\npartitions = 0", "kafka.partitions = 0 (from my.toml): must be a whole number from 1 to 10000"),
        ("[kafka]\npartitions = 2.5", "kafka.partitions = 2.5 (from my.toml): must be a whole number, such as 1"),
        ("[kafka]\npartitions = true", "kafka.partitions = true (from my.toml): must be a whole number, such as 1"),
        (
            "[kafka]\npartitions = 9999999999",
            "kafka.partitions = 9999999999 (from my.toml): must be a whole number from -2147483648 to 2147483647",
        ),
        (
            "[kafka]\nbrokers = 'localhost'",
            "kafka.brokers = \"localhost\" (from my.toml): must be host:port, or several separated by commas, such as \
             \"kafka-1:9092,kafka-2:9092\"",
        ),
        (
            "[kafka]\nsession_timeout = '1s'",
            "kafka.session_timeout = \"1s\" (from my.toml): must be from 6s to 30m, which brokers accept by default",
        ),
        (
            "[http]\ntimeout = 5",
            "http.timeout = 5 (from my.toml): \
             must be a duration with its unit, such as \"500ms\", \"10s\" or \"1m 30s\"",
        ),
        (
            "[http]\nbody_limit = '1 MB'",
            "http.body_limit = \"1 MB\" (from my.toml): \
             must be a number of bytes, such as 1048576, \"64 KiB\" or \"1 MiB\"",
        ),
        (
            "[http]\nhosts = ['a.example:80']",
            "http.hosts = [\"a.example:80\"] (from my.toml): \
             must be host names without a port, such as \"orders.example\", or \"*\" alone",
        ),
        ("[log]\nformat = 'xml'", "log.format = \"xml\" (from my.toml): must be one of \"auto\", \"text\", \"json\""),
        (
            "kafka = 5",
            "kafka = 5 (from my.toml): \
             must be a section with the keys brokers, client, group, partitions, replication, session_timeout, \
             topic_check",
        ),
        (
            "[kafka]\nbrokers = ['a:1']",
            "kafka.brokers = [\"a:1\"] (from my.toml): must be text, such as \"localhost:29092\"",
        ),
        ("[kafka]\ngroup = 5", "kafka.group = 5 (from my.toml): must be text"),
    ];
    for (text, sentence) in cases {
        assert_eq!(refused(text), sentence);
    }
}

#[test]
fn properties_that_the_service_sets_itself_are_refused() {
    assert_eq!(
        refused("[kafka.client]\n\"group.id\" = 'x'"),
        r#"kafka.client."group.id" = "x" (from my.toml): can't be set here: set kafka.group"#
    );
    let typo = with(&[("INVENTORY_SERVICE__KAFKA__CLIENT__SECRUITY_PROTOCOL", "ssl")]).unwrap_err().to_string();
    assert_eq!(
        typo,
        "kafka.client.\"secruity.protocol\" = \"ssl\" (from the environment variable \
         INVENTORY_SERVICE__KAFKA__CLIENT__SECRUITY_PROTOCOL): librdkafka rejects it: \
         No such configuration property: \"secruity.protocol\""
    );
}

#[test]
fn all_faults_are_reported_at_once_without_secrets() {
    let text = "[kafka]\npartitions = 0\n\
                client = { \"sasl.pasword\" = 'hunter2', \"sasl.jaas.password\" = 'hunter3' }\n[http]\ntimeout = '0s'";
    let faults = refused(text);
    assert_eq!(faults.lines().count(), 4, "{faults}");
    assert!(faults.contains("hunter2") && !faults.contains("hunter3"), "{faults}");
}

#[test]
fn faults_of_different_kinds_are_reported_together_and_each_once() {
    let faults = refused("[kafka]\nbrokrs = 'x:1'\n[http]\nlisten = 'localhost:80'");
    assert_eq!(faults.lines().count(), 2, "{faults}");
    assert!(
        faults.contains("kafka.brokrs = ")
            && faults.contains("http.listen = \"localhost:80\" (from my.toml): must be an IP")
    );
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_an_error() {
    assert!(refused("[kafka\n").contains("my.toml is not valid TOML: TOML parse error at line 1, column 7"));
    let none: Result<Settings<Own>, _> =
        load_with(INVENTORY, "inventory-service", Some(Path::new("none.toml")), environment(&[]));
    assert!(none.unwrap_err().to_string().starts_with("the settings file none.toml can't be read: No such file"));
}

#[test]
fn printed_settings_read_back_and_show_no_secrets() {
    let secret = ("ORCHESTRATOR__KAFKA__CLIENT__SASL_PASSWORD", "hunter2");
    let settings: Settings<Any> = load_with(ORCHESTRATOR, "orchestrator", None, environment(&[secret])).unwrap();
    let printed = settings.to_toml().unwrap();
    assert!(!printed.contains("hunter2") && !printed.contains("argon2"), "{printed}");
    assert!(printed.contains("body_limit = \"1 MiB\"") && printed.contains("session_timeout = \"10s\""), "{printed}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &printed).unwrap();
    let again: Settings<Any> = load_with(ORCHESTRATOR, "orchestrator", Some(file.path()), environment(&[])).unwrap();
    assert_eq!((again.http, again.worker, again.view), (settings.http, settings.worker, settings.view));
}

#[test]
fn the_variables_are_listed() {
    let all = variables(ORCHESTRATOR, "orchestrator").unwrap();
    let find = |key: &str| all.iter().find(|(_, k, _)| k == key).map(|(v, _, d)| (v.as_str(), d.as_str())).unwrap();
    assert_eq!(find("http.listen"), ("ORCHESTRATOR__HTTP__LISTEN", "\"127.0.0.1:8083\""));
    assert_eq!(find("kafka.client").0, "ORCHESTRATOR__KAFKA__CLIENT__…");
    assert_eq!(find("dashboard.password_hash").1, "\"***\"");
}
