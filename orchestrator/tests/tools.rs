//! Tests of the subcommands `check` and `graph`, and of the BPMN drawings against the schema of BPMN 2.0 (`./dev bpmn`,
//! which needs Java and, on its first run, Maven).

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ORDER: &str = "orchestrator/sagas/order.toml";
const EVERYTHING: &str = "orchestrator/tests/everything.toml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs the binary in the root of the project.
fn orchestrator(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_orchestrator");
    Command::new(binary).args(arguments).current_dir(root()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A temporary file.
fn scratch(name: &str, content: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// Returns whether all documents are valid, and the output of the validator.
fn validate(documents: &[&str]) -> (bool, String) {
    let output = Command::new(root().join("dev")).arg("bpmn").args(documents).output().unwrap();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn valid_definitions_pass() {
    let output = orchestrator(&["check", ORDER, EVERYTHING]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines =
        format!("{ORDER}: order version 5, 7 steps: valid\n{EVERYTHING}: everything version 3, 10 steps: valid\n");
    let note = "step \"2nd-partner\": note: receive names no fields, so the whole message is kept, and one of more \
                than 16384 bytes is refused; write receive.fields, such as fields = { reason = \"text\" }";
    assert_eq!(text(&output.stdout), format!("{lines}{EVERYTHING}: {note}\n"));
}

#[test]
fn every_problem_is_reported_on_its_own_line() {
    let order = fs::read_to_string(root().join(ORDER)).unwrap();
    let wrong = order.replace("timeout = \"10s\"", "timeot = 1").replace("version = 5", "version = 6");
    let wrong = scratch("wrong.toml", &wrong);
    let strange =
        order.replace("topic = \"payment-commands\"", "topic = \"some where\"").replace("version = 5", "version = 7");
    let strange = scratch("strange.toml", &strange);
    let output = orchestrator(&["check", ORDER, &wrong, "nowhere.toml", &strange, ORDER]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), format!("{ORDER}: order version 5, 7 steps: valid\n"));
    let errors = text(&output.stderr);
    assert!(errors.contains(": step \"reserve\": unknown key \"timeot\" in [[steps]]; write"), "{errors}");
    assert!(errors.contains("nowhere.toml: it can't be read: "), "{errors}");
    assert!(errors.contains("strange.toml: payment: \"some where\" is not a topic; write"), "{errors}");
    assert!(errors.contains(&format!("{ORDER}: order version 5 is defined twice")), "{errors}");
    assert!(errors.lines().all(|line| line.contains(".toml")), "{errors}");
    assert!(errors.lines().count() >= 6, "{errors}");
}

#[test]
fn a_file_of_another_format_is_one_line() {
    let drawing = text(&orchestrator(&["graph", ORDER, "--format", "bpmn"]).stdout);
    let json = "{\n  \"name\": \"order\",\n  \"version\": 3,\n  \"steps\": [\n    { \"name\": \"reserve\" }\n  ]\n}\n";
    for (name, content, format) in [
        ("order.yaml", "name: order\nversion: 3\nsteps:\n  - name: reserve\n", "a YAML file"),
        ("order.json", json, "a JSON file"),
        ("order.bpmn", &drawing, "a BPMN document (XML)"),
        // The content counts, not the name.
        ("xml.toml", "<saga>\n<step/>\n</saga>\n", "an XML file"),
    ] {
        let file = scratch(name, content);
        let output = orchestrator(&["check", &file]);
        let write = "write the definition in TOML, such as orchestrator/sagas/order.toml (docs/sagas.md)";
        assert_eq!(text(&output.stderr), format!("{file}: this is {format}; {write}\n"));
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
    }
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
fn invalid_arguments_of_graph_are_reported() {
    for (arguments, code, message) in [
        (["graph", "nowhere.toml", "--format", "svg"], 1, "nowhere.toml: it can't be read"),
        (["graph", "Cargo.toml", "--format", "svg"], 1, "Cargo.toml:"),
        (["graph", ORDER, "--output", "no/such/folder"], 1, "no/such/folder: it can't be written"),
        (["graph", ORDER, "--format", "png"], 2, "svg, bpmn, mermaid"),
    ] {
        let output = orchestrator(&arguments);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(errors.contains(message) && output.stdout.is_empty(), "{errors}");
    }
}

#[test]
fn the_help_lists_the_subcommands_and_the_service_options() {
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
    let (is_valid, output) = validate(&documents.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(is_valid, "{output}");
}

#[test]
fn invalid_bpmn_is_rejected() {
    let valid = text(&orchestrator(&["graph", EVERYTHING, "--format", "bpmn"]).stdout);
    for (name, (old, new)) in [
        ("no-such-element", ("bpmn:textAnnotation", "bpmn:note")),
        ("no-such-attribute", ("attachedToRef=", "attachedTo=")),
        ("no-waypoints", ("<di:waypoint ", "<di:point ")),
        ("not-closed", ("</bpmn:definitions>", "")),
    ] {
        assert!(valid.contains(old));
        let file = scratch(&format!("{name}.bpmn"), &valid.replace(old, new));
        let (is_valid, output) = validate(&[&file]);
        assert!(!is_valid && output.contains(&format!("{name}.bpmn")), "{output}");
    }
}
