//! The JSON Schema of definitions: it is up to date, and it accepts and refuses what the parser does, as far as tables,
//! keys and types go.

use jsonschema::Validator;
use saga::{Definition, definition_schema};
use serde_json::Value;
use tests::files::root;

use crate::{assert_none, tracked};

const SCHEMA: &str = "docs/saga.schema.json";

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&definition_schema()).unwrap();
    jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(&schema).unwrap()
}

/// The definitions of the repository, with their paths.
fn definitions() -> Vec<(String, toml::Table)> {
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let table: toml::Table = text.parse().ok()?;
        table.contains_key("steps").then(|| (path.display().to_string(), table))
    };
    tracked("toml").into_iter().filter_map(read).collect()
}

fn definition(path: &str) -> toml::Table {
    std::fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

fn json(table: &toml::Table) -> Value {
    serde_json::to_value(table).unwrap()
}

fn parses(table: &toml::Table) -> bool {
    Definition::parse("test.toml", &toml::to_string(table).unwrap()).is_ok()
}

/// The paths of all tables in a value: keys, and indexes of lists. Literals and defaults may be anything.
fn tables(value: &toml::Value, path: &[String], found: &mut Vec<Vec<String>>) {
    let inner = |name: String| path.iter().cloned().chain([name]).collect::<Vec<_>>();
    match value {
        toml::Value::Table(table) => {
            found.push(path.to_vec());
            for (key, value) in table.iter().filter(|(key, _)| !["literal", "default"].contains(&key.as_str())) {
                tables(value, &inner(key.clone()), found);
            }
            if let Some(ending) = table.get("default").filter(|_| path == ["endings"]) {
                tables(ending, &inner("default".to_owned()), found);
            }
        }
        toml::Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                tables(value, &inner(index.to_string()), found);
            }
        }
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

/// The table at a path.
fn at<'a>(root: &'a mut toml::Table, path: &[String]) -> &'a mut toml::Table {
    let mut path = path.iter();
    let Some(first) = path.next() else { return root };
    let first = root.get_mut(first).unwrap();
    let value = path.fold(first, |value, name| match name.parse::<usize>() {
        Ok(index) if value.is_array() => value.get_mut(index).unwrap(),
        Ok(_) | Err(_) => value.get_mut(name.as_str()).unwrap(),
    });
    value.as_table_mut().unwrap()
}

fn all_tables(definition: &toml::Table) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    tables(&toml::Value::Table(definition.clone()), &[], &mut found);
    found
}

#[test]
fn the_schema_is_up_to_date() {
    let kept = std::fs::read_to_string(root().join(SCHEMA)).unwrap_or_default();
    let update = format!("cargo run -p orchestrator -- schema > {SCHEMA}");
    assert!(kept == definition_schema(), "{SCHEMA} is out of date; run: {update}");
}

#[test]
fn every_definition_is_valid_by_the_schema() {
    let validator = validator();
    let definitions = definitions();
    assert!(definitions.len() >= 7, "{}", definitions.len());
    let mut wrong = Vec::new();
    for (path, table) in &definitions {
        let errors = validator.iter_errors(&json(table)).map(|error| format!("{path}: {error}")).collect::<Vec<_>>();
        wrong.extend(errors);
    }
    assert_none(&wrong);
}

#[test]
fn an_unknown_key_in_any_table_is_refused_by_the_schema_and_the_parser() {
    let validator = validator();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (file, definition) in definitions() {
        for path in all_tables(&definition) {
            let mut changed = definition.clone();
            at(&mut changed, &path).insert("unknown-key".to_owned(), toml::Value::Integer(1));
            tried += 1;
            if validator.is_valid(&json(&changed)) {
                wrong.push(format!("{file}: {}: the schema allows an unknown key", path.join(".")));
            }
            if parses(&changed) {
                wrong.push(format!("{file}: {}: the parser allows an unknown key", path.join(".")));
            }
        }
    }
    assert!(tried > 200, "{tried}");
    assert_none(&wrong);
}

#[test]
fn the_schema_and_the_parser_require_the_same_keys() {
    let validator = validator();
    let mut wrong = Vec::new();
    for (file, definition) in definitions() {
        for path in all_tables(&definition) {
            let keys: Vec<String> = at(&mut definition.clone(), &path).keys().cloned().collect();
            for key in keys {
                let mut changed = definition.clone();
                at(&mut changed, &path).remove(&key);
                let text = toml::to_string(&changed).unwrap();
                let errors = Definition::parse("test.toml", &text).map(|_| ()).err().unwrap_or_default();
                // Without `receive` or `rules` a step is one that sends a command, which lacks other keys.
                let missing = errors.iter().any(|error| error.problem.contains(" is missing in "));
                let valid = validator.is_valid(&json(&changed));
                if missing == valid {
                    wrong.push(format!("{file}: {}: {key}: missing {missing}, valid {valid}", path.join(".")));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn a_value_of_another_type_is_refused() {
    let validator = validator();
    let (_, order) = definitions().into_iter().find(|(path, _)| path.ends_with("sagas/order.toml")).unwrap();
    for (path, key, value) in [
        ("", "name", toml::Value::from("Order")),
        ("", "version", toml::Value::from(0)),
        ("", "steps", toml::Value::Array(Vec::new())),
        ("start", "output", toml::Value::from("order..items")),
        ("steps.1", "timeout", toml::Value::from("soon")),
        ("steps.1", "pivot", toml::Value::from("yes")),
        ("steps.1.retry", "attempts", toml::Value::from("endless")),
        ("steps.1.retry", "factor", toml::Value::from(0.5)),
        ("steps.3.receive", "yes", toml::Value::Array(Vec::new())),
        ("steps.3.receive.fields", "reason", toml::Value::from("prose")),
        ("participants.payment", "key", toml::Value::from(true)),
    ] {
        let mut changed = order.clone();
        let path: Vec<String> = path.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        at(&mut changed, &path).insert(key.to_owned(), value);
        assert!(!validator.is_valid(&json(&changed)), "{}: {key}", path.join("."));
        assert!(!parses(&changed), "{}: {key}", path.join("."));
    }
}

#[test]
fn the_order_saga_of_the_dashboards_tests_is_newer_than_the_built_in_one() {
    let version = |path: &str| definition(path)["version"].as_integer().unwrap();
    let files = tracked("toml");
    let of_tests: Vec<String> = files
        .iter()
        .filter_map(|path| path.strip_prefix(root()).ok()?.to_str())
        .filter(|path| path.starts_with("tests/dashboard/order-"))
        .map(str::to_owned)
        .collect();
    let [of_tests] = &of_tests[..] else { panic!("{of_tests:?}") };
    let own = version(of_tests);
    assert!(of_tests.ends_with(&format!("/order-{own}.toml")), "{of_tests} has version {own}");
    // New sagas start on the newest version.
    assert!(own > version("orchestrator/sagas/order.toml"), "{of_tests} is not the newest version");
}
