//! The binary as a tool: `check` and `graph`, and what they draw as BPMN against the schema of BPMN 2.0 (`./dev bpmn`,
//! which needs Java and, the first time, Maven).

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ORDER: &str = "orchestrator/sagas/order.toml";
const EVERYTHING: &str = "orchestrator/tests/everything.toml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs the binary in the project's root.
fn orchestrator(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_orchestrator");
    Command::new(binary).args(arguments).current_dir(root()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file for this test alone.
fn scratch(name: &str, content: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// What the validator says, and whether all the documents are valid.
fn validate(documents: &[&str]) -> (bool, String) {
    let output = Command::new(root().join("dev")).arg("bpmn").args(documents).output().unwrap();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn good_definitions_are_good() {
    let output = orchestrator(&["check", ORDER, EVERYTHING]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = format!("{ORDER}: order version 3, 8 steps: good\n{EVERYTHING}: everything version 3, 10 steps: good\n");
    assert_eq!(text(&output.stdout), said);
}

#[test]
fn everything_that_is_wrong_is_told_a_line_each() {
    let order = fs::read_to_string(root().join(ORDER)).unwrap();
    let wrong = order.replace("timeout = \"10s\"", "timeot = 1").replace("version = 3", "version = 4");
    let wrong = scratch("wrong.toml", &wrong);
    let strange =
        order.replace("topic = \"payment-commands\"", "topic = \"some where\"").replace("version = 3", "version = 5");
    let strange = scratch("strange.toml", &strange);
    let output = orchestrator(&["check", ORDER, &wrong, "nowhere.toml", &strange, ORDER]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), format!("{ORDER}: order version 3, 8 steps: good\n"));
    let told = text(&output.stderr);
    assert!(told.contains(": step \"reserve\": unknown key \"timeot\" in [[steps]]; write"), "{told}");
    assert!(told.contains("nowhere.toml: it can't be read: "), "{told}");
    assert!(told.contains("strange.toml: payment: \"some where\" is no topic; write"), "{told}");
    assert!(told.contains(&format!("{ORDER}: order version 3 is defined twice")), "{told}");
    assert!(told.lines().all(|line| line.contains(".toml")), "{told}");
    assert!(told.lines().count() >= 6, "{told}");
}

#[test]
fn a_drawing_goes_to_standard_output_or_to_a_file() {
    let svg = orchestrator(&["graph", ORDER]);
    assert!(svg.status.success() && text(&svg.stdout).contains("data-step=\"reserve\""));
    let file = scratch("order.svg", "");
    let output = orchestrator(&["graph", ORDER, "--format", "svg", "--output", &file]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(fs::read(&file).unwrap(), svg.stdout);
    let mermaid = text(&orchestrator(&["graph", ORDER, "--format", "mermaid", "--language", "pt"]).stdout);
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("Reservar o estoque"), "{mermaid}");
}

#[test]
fn what_cannot_be_drawn_is_told() {
    for (arguments, code, words) in [
        (["graph", "nowhere.toml", "--format", "svg"], 1, "nowhere.toml: it can't be read"),
        (["graph", "Cargo.toml", "--format", "svg"], 1, "Cargo.toml:"),
        (["graph", ORDER, "--output", "no/such/folder"], 1, "no/such/folder: it can't be written"),
        (["graph", ORDER, "--format", "png"], 2, "svg, bpmn, mermaid"),
    ] {
        let output = orchestrator(&arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(words) && output.stdout.is_empty(), "{told}");
    }
}

#[test]
fn the_tools_are_in_the_help_and_the_service_is_still_there() {
    let help = text(&orchestrator(&["--help"]).stdout);
    for word in ["Runs sagas: ", "check", "graph", "--config", "--print-config", "ORCHESTRATOR__"] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
    assert!(text(&orchestrator(&["--print-config"]).stdout).contains("[kafka]"));
    assert_eq!(orchestrator(&["check"]).status.code(), Some(2));
    assert_eq!(orchestrator(&["--print-config", "check", ORDER]).status.code(), Some(2));
}

#[test]
fn drawings_are_valid_bpmn() {
    let mut documents = Vec::new();
    for (name, definition, language) in
        [("order-en", ORDER, "en"), ("order-pt", ORDER, "pt"), ("everything", EVERYTHING, "en")]
    {
        let file = scratch(&format!("{name}.bpmn"), "");
        let arguments = ["graph", definition, "--format", "bpmn", "--language", language, "--output", &file];
        assert!(orchestrator(&arguments).status.success());
        documents.push(file);
    }
    let (valid, said) = validate(&documents.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(valid, "{said}");
}

#[test]
fn invalid_bpmn_is_noticed() {
    let good = text(&orchestrator(&["graph", EVERYTHING, "--format", "bpmn"]).stdout);
    for (name, (old, new)) in [
        ("no-such-element", ("bpmn:textAnnotation", "bpmn:note")),
        ("no-such-attribute", ("attachedToRef=", "attachedTo=")),
        ("no-waypoints", ("<di:waypoint ", "<di:point ")),
        ("not-closed", ("</bpmn:definitions>", "")),
    ] {
        assert!(good.contains(old));
        let file = scratch(&format!("{name}.bpmn"), &good.replace(old, new));
        let (valid, said) = validate(&[&file]);
        assert!(!valid && said.contains(&format!("{name}.bpmn")), "{said}");
    }
}
