//! `orchestrator import` and `graph --format osop | flowzap`: imported definitions are accepted by `check`, and succeed
//! and compensate in `try`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod cli;

use std::fs;
use std::path::Path;

use cli::{orchestrator, root, text};

fn scratch(name: &str) -> String {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

/// Imports a file, checks the result and plays a script with it, whose cases reach the success of every step and every
/// compensation.
fn succeeds_and_compensates(file: &str, script: &str) {
    let definition = scratch(&format!("{}.toml", Path::new(script).file_name().unwrap().display()));
    let output = orchestrator(&["import", file, "--output", &definition]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stderr));
    let output = orchestrator(&["check", &definition]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with(": valid\n"), "{}", text(&output.stdout));
    let output = orchestrator(&["try", &definition, script]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    let uncovered = printed.lines().find_map(|line| line.split_once("; not covered: ")).map_or("", |(_, rest)| rest);
    for edge in uncovered.split(", ") {
        assert!(!edge.ends_with(" done") && !edge.ends_with(" compensated"), "{edge}\n{printed}");
    }
}

#[test]
fn imported_examples_succeed_and_compensate() {
    succeeds_and_compensates("orchestrator/tests/import/parcel.osop.yaml", "orchestrator/tests/import/parcel.try.toml");
    succeeds_and_compensates("orchestrator/tests/import/ticket.flowzap", "orchestrator/tests/import/ticket.try.toml");
}

/// The two files that the project began with are not part of the repository.
#[test]
fn the_files_that_the_project_began_with_succeed_and_compensate() {
    let examples = root().join("../shared/examples");
    for (file, script) in
        [("temporal-order-fulfillment.osop.yaml", "fulfillment.try.toml"), ("saga.flowzap", "saga.try.toml")]
    {
        let path = examples.join(file);
        if path.exists() {
            succeeds_and_compensates(&path.display().to_string(), &format!("orchestrator/tests/import/{script}"));
        } else {
            println!("skipped: {} does not exist", path.display());
        }
    }
}

#[test]
fn an_import_goes_to_standard_output_or_to_a_file() {
    let file = "orchestrator/tests/import/ticket.flowzap";
    let printed = orchestrator(&["import", file]);
    assert!(printed.status.success());
    let written = scratch("ticket.toml");
    let output = orchestrator(&["import", file, "--output", &written]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(fs::read(&written).unwrap(), printed.stdout);
}

#[test]
fn what_can_not_be_imported_is_reported() {
    for (file, expected) in [
        ("Cargo.toml", "Cargo.toml: this is TOML: a definition needs no import; write an OSOP 1.0 document"),
        ("nowhere.osop.yaml", "nowhere.osop.yaml: it can't be read: "),
    ] {
        let output = orchestrator(&["import", file]);
        assert_eq!(output.status.code(), Some(1));
        let errors = text(&output.stderr);
        assert!(errors.starts_with(expected) && output.stdout.is_empty(), "{errors}");
    }
    let long = scratch("long.osop.yaml");
    fs::write(&long, "#".repeat((1 << 20) + 1)).unwrap();
    let errors = text(&orchestrator(&["import", &long]).stderr);
    assert!(errors.contains("it is too long; write at most 1048576 bytes"), "{errors}");
    fs::write(&long, b"osop_version: \"1.0\"\nid: \xff\n").unwrap();
    assert!(text(&orchestrator(&["import", &long]).stderr).contains("it is not UTF-8; write UTF-8"));
}

#[test]
fn a_drawing_for_exchange_is_imported_again() {
    for format in ["osop", "flowzap"] {
        let drawing = scratch(&format!("order.{format}"));
        let order = "orchestrator/sagas/order.toml";
        assert!(orchestrator(&["graph", order, "--format", format, "--output", &drawing]).status.success());
        let output = orchestrator(&["import", &drawing]);
        let definition = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        for line in ["command = \"inventory.release\"", "topic = \"payment-results\"", "name = \"request-payment\""] {
            assert!(definition.contains(line), "{line} is not in\n{definition}");
        }
    }
}
