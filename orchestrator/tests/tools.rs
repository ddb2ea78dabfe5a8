//! Tests of the subcommands `check`, `graph`, `try` and `schema`, and of the BPMN drawings against the schema of BPMN
//! 2.0 (`./dev bpmn`, which needs Java and, on its first run, Maven).

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod cli;

use std::fs;
use std::path::Path;
use std::process::Command;

use cli::{orchestrator, root, text};

const ORDER: &str = "orchestrator/sagas/order.toml";
const EVERYTHING: &str = "orchestrator/tests/everything.toml";
const SCRIPT: &str = "orchestrator/sagas/try/order.toml";

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
        format!("{ORDER}: order version 8, 7 steps: valid\n{EVERYTHING}: everything version 3, 10 steps: valid\n");
    let note = "step \"2nd-partner\": note: receive names no fields, so the whole message is kept, and one of more \
                than 16384 bytes is refused; write receive.fields, such as fields = { reason = \"text\" }";
    assert_eq!(text(&output.stdout), format!("{lines}{EVERYTHING}: {note}\n"));
}

#[test]
fn every_problem_is_reported_on_its_own_line() {
    let order = fs::read_to_string(root().join(ORDER)).unwrap();
    let wrong = order.replace("timeout = \"10s\"", "timeot = 1").replace("version = 8", "version = 10");
    let wrong = scratch("wrong.toml", &wrong);
    let strange =
        order.replace("topic = \"payment-commands\"", "topic = \"some where\"").replace("version = 8", "version = 9");
    let strange = scratch("strange.toml", &strange);
    let output = orchestrator(&["check", ORDER, &wrong, "nowhere.toml", &strange, ORDER]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), format!("{ORDER}: order version 8, 7 steps: valid\n"));
    let errors = text(&output.stderr);
    assert!(errors.contains(": step \"reserve\": unknown key \"timeot\" in [[steps]]; write"), "{errors}");
    assert!(errors.contains("nowhere.toml: it can't be read: "), "{errors}");
    assert!(errors.contains("strange.toml: payment: \"some where\" is not a topic; write"), "{errors}");
    assert!(errors.contains(&format!("{ORDER}: order version 8 is defined twice")), "{errors}");
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
        (["graph", ORDER, "--format", "png"], 2, "svg, bpmn, mermaid, osop, flowzap"),
    ] {
        let output = orchestrator(&arguments);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(errors.contains(message) && output.stdout.is_empty(), "{errors}");
    }
}

#[test]
fn the_cases_of_the_order_saga_cover_every_step_and_edge() {
    let output = orchestrator(&["try", ORDER, SCRIPT, "--full-coverage", "--quiet"]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", text(&output.stderr));
    let all = printed.lines().filter(|line| line.starts_with("ok      ")).count();
    assert!(all > 20 && printed.contains(&format!("\n{all} of {all} cases passed\n")), "{printed}");
    assert!(printed.contains(" edges covered\n"), "{printed}");
}

#[test]
fn the_cases_of_the_sagas_that_people_decide_cover_every_step_and_edge() {
    for saga in ["parcel", "failed-refund", "dispute"] {
        let [definition, script] = ["sagas", "sagas/try"].map(|folder| format!("orchestrator/{folder}/{saga}.toml"));
        let output = orchestrator(&["try", &definition, &script, "--full-coverage", "--quiet"]);
        let printed = text(&output.stdout);
        assert!(output.status.success(), "{saga}: {printed}\n{}", text(&output.stderr));
        assert!(printed.contains(" edges covered\n"), "{saga}: {printed}");
    }
}

#[test]
fn the_timeline_of_a_case_is_printed() {
    let case = "a declined payment";
    let printed = text(&orchestrator(&["try", ORDER, SCRIPT, "--case", case]).stdout);
    for line in [
        "ok      a declined payment: payment_not_completed (payment_declined), after 30s\n",
        "          0s  reserve #1: command sent / waiting for event: inventory.reserve {",
        "         30s  payment-result #1: refused: card_expired\n",
        "         30s  reserve #1: compensation sent: inventory.release {",
        "not covered: ",
        "\n1 of 1 cases passed\n",
    ] {
        assert!(printed.contains(line), "{line:?} is not in\n{printed}");
    }
}

#[test]
fn a_failing_case_reports_the_expected_and_the_actual_end() {
    let script = fs::read_to_string(root().join(SCRIPT)).unwrap();
    let wrong = script.replacen("reason = \"out_of_stock\" }", "reason = \"stolen\", compensated = [\"reserve\"] }", 1);
    let file = scratch("wrong-try.toml", &wrong);
    let output = orchestrator(&["try", ORDER, &file, "--quiet"]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    let block = "FAILED  an order without stock is rejected\n        \
                 reason: expected \"stolen\", got \"out_of_stock\"\n        \
                 compensated: expected reserve, got none\n          0s  saga started\n";
    assert!(printed.contains(block), "{printed}");
    assert_eq!(text(&output.stderr), format!("{file}: case \"an order without stock is rejected\" failed\n"));
}

#[test]
fn an_uncovered_edge_fails_on_request_only() {
    let case = "[[case]]\nname = \"all is well\"\nstart = { amountMinor = 1 }\nexpect = { status = \"confirmed\" }\n";
    let file = scratch("short-try.toml", case);
    let output = orchestrator(&["try", ORDER, &file]);
    assert!(
        output.status.success() && text(&output.stdout).contains(" edges covered; not covered: validate refused, ")
    );
    let output = orchestrator(&["try", ORDER, &file, "--full-coverage"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.starts_with(&format!("{file}: no case covers: validate refused, reserve refused, ")), "{errors}");
    assert!(errors.contains("ending cancelled"), "{errors}");
}

#[test]
fn errors_of_a_script_name_the_line_the_key_and_what_is_allowed() {
    let case = |rest: &str| format!("\n[[case]]\nname = \"a\"\nexpect = {{ status = \"confirmed\" }}\n{rest}\n");
    for (script, parts) in [
        ("".to_owned(), vec!["missing field `case`"]),
        (case("retries = 1"), vec![":5: ", "case[0]", "unknown field `retries`", "`answers`", "`expect`"]),
        (case("answers.reserve = \"yes\""), vec![":5: ", "case[0].answers.reserve", "\"ok\", \"failed\", \"none\""]),
        (case("answers.reserve = { refused = \"a\", ok = 1 }"), vec![":5: ", "write one of them"]),
        (case("answers.reserve = { ok = {}, after = \"soon\" }"), vec![":5: ", "after", "write \"200ms\""]),
        (case("answers.ship = { ok = { at = 2026-01-01 } }"), vec![":5: ", "write \"2026-01-01\" in quotes"]),
        (
            case("answers.reserv = \"ok\""),
            vec![":5: case \"a\": ", "\"reserv\" is not a step; write one of: validate, "],
        ),
        (case("answers.validate = \"ok\""), vec![":5: ", "the step checks rules"]),
        (case("answers.payment-result = \"ok\""), vec![":5: ", "write \"none\" or { result", "approved, declined"]),
        (case("answers.payment-result = { result = { status = 1 } }"), vec![":5: ", "payment-results.dlq", "status"]),
        (case("answers.reserve = { result = {} }"), vec![":5: ", "the step sends a command"]),
        (case("compensations.finalize = \"ok\""), vec![":5: ", "no compensation; write one of: reserve, "]),
        (
            case("callbacks = [{ at = \"1s\", topic = \"post\", value = {} }]"),
            vec![":5: ", "no step waits on \"post\"; write one of: payment-results"],
        ),
        (case("operations = [{ at = \"1s\", action = \"explode\" }]"), vec![":5: ", "`pause`"]),
        (
            "[[case]]\nname = \"a\"\nexpect = { status = \"paid\" }".to_owned(),
            vec![":3: case \"a\": expect.status: ", "write one of: cancelled, confirmed, "],
        ),
        ("[[case]\n".to_owned(), vec![":1: "]),
    ] {
        let file = scratch("invalid-try.toml", &script);
        let output = orchestrator(&["try", ORDER, &file]);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{script}");
        assert!(errors.starts_with(&file) && errors.lines().count() == 1, "{script}\n{errors}");
        for part in parts {
            assert!(errors.contains(part), "{part:?} is not in\n{errors}\nof\n{script}");
        }
    }
}

#[test]
fn a_saga_that_never_ends_fails_its_case() {
    let case = "[[case]]\nname = \"a\"\nanswers.print = \"none\"\nstart = { amountMinor = 5 }\n\
                answers.confirm = \"failed\"\nexpect = { saga = \"incident\" }\n";
    let file = scratch("incident-try.toml", case);
    let output = orchestrator(&["try", EVERYTHING, &file]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let endless = "[[case]]\nname = \"a\"\nanswers.request-payment = \"failed\"\nstart = { amountMinor = 5 }\n\
                   expect = { status = \"good\" }\n";
    let definition = fs::read_to_string(root().join(EVERYTHING)).unwrap().replace("deadline = \"2h\"", "");
    let definition = definition.replace("deadline = { status = \"too_late_for_everything\" }", "");
    let definition = scratch("endless.toml", &definition);
    let file = scratch("endless-try.toml", endless);
    let output = orchestrator(&["try", &definition, &file]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("the saga went on and on"), "{printed}");
}

#[test]
fn the_schema_is_printed() {
    let output = orchestrator(&["schema"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), fs::read_to_string(root().join("docs/saga.schema.json")).unwrap());
}

#[test]
fn the_help_lists_the_subcommands_and_the_service_options() {
    let help = text(&orchestrator(&["--help"]).stdout);
    for word in
        ["Runs sagas: ", "check", "graph", "import", "try", "schema", "--config", "--print-config", "ORCHESTRATOR__"]
    {
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
