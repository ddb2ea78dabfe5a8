//! Drawings as OSOP and FlowZap Code: every definition of the repository, drawn, keeps the rules of the format, and
//! imported again has the same steps and compensations.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness;
use granit_parser::{Event, Parser, ScalarStyle};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use saga::{Call, Definition, Format, Step, Work, draw, import};
use serde_json::{Map, Value, json};

const SCHEMA: &str = include_str!("../../../tests/import/osop-1.0.schema.json");

/// The definitions of the repository, with their files.
fn definitions() -> Vec<(PathBuf, Definition)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".toml") {
                let text = fs::read_to_string(&path).unwrap();
                found.extend(Definition::parse(&name, &text).ok().map(|definition| (path, definition)));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

fn imported(file: &str, text: &str) -> Definition {
    let toml = import(file, text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    harness::definition(&toml)
}

/// What must be the same after drawing and importing.
fn essence(definition: &Definition, with_policies: bool) -> Value {
    let call = |call: &Call| {
        let policies = (call.retry.attempts, call.retry.first, call.timeout);
        let policies = if with_policies { format!("{policies:?}") } else { String::new() };
        json!([call.participant, call.command, policies])
    };
    // FlowZap has no quotes inside of texts.
    let condition = |text: &str| text.replace('\'', "\"");
    let step = |step: &Step| {
        let work = match &step.work {
            Work::Execute(execute) => call(execute),
            Work::Receive(wait) => {
                json!([wait.topic, wait.correlation, wait.status, wait.yes, wait.no, format!("{:?}", wait.timeout)])
            }
            Work::Check(rules) => {
                rules.iter().map(|rule| json!([condition(rule.must.as_str()), rule.reason])).collect()
            }
        };
        let undo = step.compensate.as_ref().map(|undo| json!([undo.participant, undo.command]));
        let when = step.when.as_ref().map(|when| condition(when.as_str()));
        let is_check = matches!(step.work, Work::Check(_));
        let output = step.output.as_ref().filter(|_| !is_check);
        let before = ancestors(definition, step);
        (
            step.name.clone(),
            json!({"work": work, "undo": undo, "when": when, "output": output, "pivot": step.pivot, "before": before}),
        )
    };
    let steps: Map<String, Value> = definition.steps.iter().map(step).collect();
    let conclude = json!([definition.conclude.participant, definition.conclude.command]);
    let start = json!([definition.start.topic, definition.start.event, definition.start.output]);
    json!({"steps": steps, "conclude": conclude, "start": start})
}

/// The names of all steps before a step.
fn ancestors(definition: &Definition, step: &Step) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = step.after.clone();
    while let Some(name) = open.pop() {
        open.extend(definition.step(&name).into_iter().flat_map(|step| step.after.clone()));
        found.insert(name);
    }
    found
}

fn osop_returns(definition: &Definition) {
    let text = draw(definition, Format::Osop, "en");
    let document = json_of(&text);
    let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let errors: Vec<String> = schema.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    let ids: Vec<&str> =
        document["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique\n{text}");
    for edge in document["edges"].as_array().unwrap() {
        let ends = [edge["from"].as_str().unwrap(), edge["to"].as_str().unwrap()];
        assert!(ends.iter().all(|end| ids.contains(end)), "{edge} joins nodes\n{text}");
    }
    let back = imported("drawn.osop.yaml", &text);
    assert_eq!(essence(&back, true), essence(definition, true), "{text}");
    assert_eq!(back.version, definition.version);
}

fn flowzap_returns(definition: &Definition) {
    let text = draw(definition, Format::FlowZap, "en");
    keeps_the_rules_of_flowzap(&text);
    let back = imported("drawn.flowzap", &text);
    assert_eq!(essence(&back, false), essence(definition, false), "{text}");
}

/// YAML as JSON, by the core schema.
fn json_of(text: &str) -> Value {
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    let mut root = Value::Null;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.unwrap();
        let done = if let Event::Scalar(text, style, ..) = event {
            let plain = style == ScalarStyle::Plain;
            let value = serde_json::from_str(&text).ok().filter(|_| plain);
            value.unwrap_or_else(|| Value::from(text.into_owned()))
        } else if matches!(event, Event::SequenceStart(..)) {
            open.push((json!([]), None));
            continue;
        } else if matches!(event, Event::MappingStart(..)) {
            open.push((json!({}), None));
            continue;
        } else if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
            open.pop().unwrap().0
        } else {
            continue;
        };
        match open.last_mut() {
            None => root = done,
            Some((Value::Array(items), _)) => items.push(done),
            Some((Value::Object(entries), key)) => match key.take() {
                Some(key) => {
                    assert!(entries.insert(key, done).is_none(), "a key is there twice");
                }
                None => *key = Some(done.as_str().unwrap().to_owned()),
            },
            Some(_) => unreachable!(),
        }
    }
    root
}

/// The rules of <https://flowzap.xyz/flowzap-code>, line by line: one comment in a lane, behind its brace; ids without
/// gaps; shapes, attributes and directions of the language; the lane before a target in another lane.
fn keeps_the_rules_of_flowzap(text: &str) {
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    let mut lane = None;
    let mut lanes: BTreeMap<String, String> = BTreeMap::new();
    let mut edges = Vec::new();
    for line in text.lines() {
        if let Some((id, label)) = line.split_once(" { # ").filter(|_| lane.is_none()) {
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !label.is_empty(), "{line}");
            assert!(lanes.values().all(|known| known != id), "{line}");
            lane = Some(id.to_owned());
        } else if line == "}" {
            assert!(lane.take().is_some(), "{text}");
        } else if line.contains(".handle(") && !line.contains(": ") {
            edges.push((lane.clone().unwrap(), line.to_owned()));
        } else {
            let (id, rest) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            if line.starts_with(&format!("{id}.handle")) || id.contains(".handle(") {
                edges.push((lane.clone().unwrap(), line.to_owned()));
                continue;
            }
            let (shape, rest) = rest.split_once(' ').unwrap();
            assert!(["circle", "rectangle", "diamond", "taskbox"].contains(&shape), "{line}");
            let parts: Vec<&str> = rest.split('"').collect();
            assert!(parts.len() % 2 == 1 && parts.last() == Some(&""), "{line}");
            for key in parts.iter().step_by(2).filter(|key| !key.is_empty()) {
                let known = ["label:", "owner:", "description:", "system:"];
                assert!(known.contains(&key.trim()), "{line}");
            }
            assert!(lanes.insert(id.to_owned(), lane.clone().unwrap()).is_none(), "{line}");
        }
    }
    assert_eq!(lane, None, "{text}");
    assert!((1..=lanes.len()).all(|number| lanes.contains_key(&format!("n{number}"))), "{text}");
    assert!(!edges.is_empty());
    for (own, line) in &edges {
        let (from, rest) = line.split_once(" -> ").unwrap();
        let (to, label) = rest.split_once(" [").unwrap_or((rest, "label=\"\"]"));
        let end = |end: &str| {
            let (id, direction) = end.split_once(".handle(").unwrap_or_else(|| panic!("{line}"));
            assert!(["left)", "right)", "top)", "bottom)"].contains(&direction), "{line}");
            id.to_owned()
        };
        let target = end(to);
        let expected = match target.split_once('.') {
            Some((lane, id)) => (lane != own).then(|| (lane.to_owned(), id.to_owned())),
            None => Some((own.clone(), target.clone())),
        };
        let (lane, id) = expected.unwrap_or_else(|| panic!("a lane before a target of the same lane: {line}"));
        assert_eq!(lanes.get(&id), Some(&lane), "{line}");
        assert_eq!(lanes.get(&end(from)), Some(own), "{line}");
        let value = label.strip_prefix("label=\"").and_then(|label| label.strip_suffix("\"]"));
        assert!(value.is_some_and(|value| !value.contains('"')), "{line}");
    }
}

#[test]
fn every_definition_drawn_as_osop_is_valid_and_returns_the_same() {
    let all = definitions();
    assert!(all.len() >= 8, "{}", all.len());
    for (path, definition) in all {
        println!("{}", path.display());
        osop_returns(&definition);
    }
}

#[test]
fn every_definition_drawn_as_flowzap_is_valid_and_returns_the_same() {
    for (path, definition) in definitions() {
        println!("{}", path.display());
        flowzap_returns(&definition);
    }
}

#[test]
fn a_language_is_drawn() {
    let definition = harness::definition(harness::ORDER);
    for format in [Format::Osop, Format::FlowZap] {
        assert!(draw(&definition, format, "pt").contains("Reservar"), "{format:?}");
    }
}

const HEAD: &str = r#"
name = "drawn"
version = 2
start = { topic = "t", event = "begun", output = "in" }
participants.p = { topic = "p", key = "saga" }
participants."a q" = { topic = "q", key = "saga" }
endings = { completed = { status = "good" }, default = { status = "bad" } }
conclude = { participant = "p", command = "tell" }
"#;

/// Any order of up to seven steps, with conditions, compensations, waits and rules.
fn any_steps() -> impl Strategy<Value = String> {
    let step = (any::<u8>(), 0..6_u8, any::<bool>());
    proptest::collection::vec(step, 1..8).prop_map(|steps| {
        let text = |(i, (before, kind, conditional)): (usize, &(u8, u8, bool))| {
            let after: Vec<String> = (0..i).filter(|j| before >> j & 1 == 1).map(|j| format!("s{j}")).collect();
            let when =
                if *conditional { format!("when = 'in.a{} > 0 || in.b == \"x\"'\n", i % 2) } else { String::new() };
            let work = match kind {
                0 => "receive = { topic = \"answers\", yes = [\"here\"], no = [\"gone\"], timeout = \"90s\" }\n"
                    .to_owned(),
                1 => "rules = [{ must = 'in.x > 0', reason = \"no_x\" }]\n".to_owned(),
                2 => format!("participant = \"a q\"\ncommand = \"do-{i}\"\noutput = \"o{i}\"\n"),
                _ => format!(
                    "participant = \"p\"\ncommand = \"do-{i}\"\nretry = {{ attempts = {} }}\n\
                     compensate = {{ command = \"undo-{i}\", participant = \"{}\" }}\n",
                    if *kind == 3 { "\"unlimited\"" } else { "7" },
                    if *kind == 4 { "a q" } else { "p" },
                ),
            };
            format!("[[steps]]\nname = \"s{i}\"\nafter = {after:?}\n{when}{work}\n")
        };
        steps.iter().enumerate().map(text).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_order_of_steps_returns_the_same(steps in any_steps()) {
        let definition = harness::definition(&format!("{HEAD}{steps}"));
        osop_returns(&definition);
        flowzap_returns(&definition);
    }
}
