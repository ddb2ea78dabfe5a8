//! Imports of OSOP and FlowZap Code: what becomes a step, what becomes a note, and the errors.

use crate::harness;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use saga::{AttemptLimit, Definition, IMPORT_LIMIT, Work, import};

const PARCEL: &str = include_str!("../../../tests/import/parcel.osop.yaml");
const TICKET: &str = include_str!("../../../tests/import/ticket.flowzap");

fn toml(file: &str, text: &str) -> String {
    import(file, text).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn definition(file: &str, text: &str) -> Definition {
    harness::definition(&toml(file, text))
}

const CYCLE: &str = r#"n2: rectangle label:"a"
n3: rectangle label:"b"
n1.handle(top) -> n2.handle(left)
n2.handle(top) -> n3.handle(left)
n3.handle(top) -> n2.handle(left)"#;

/// The errors, a line each.
fn errors(file: &str, text: &str) -> String {
    let errors = import(file, text).err().unwrap_or_else(|| panic!("it is imported:\n{text}"));
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Checks that an OSOP document has this error.
fn expect_error(text: &str, expected: &str) {
    let found = errors("a.osop.yaml", text);
    assert!(found.contains(expected), "{expected:?} is not in\n{found}\nof\n{text}");
}

/// The steps with their predecessors, conditions and compensations.
fn outline(definition: &Definition) -> Vec<String> {
    let step = |step: &saga::Step| {
        let kind = match &step.work {
            Work::Execute(call) => format!("{}: {}", call.participant, call.command),
            Work::Receive(receive) => format!("waits on {}", receive.topic),
            Work::Check(rules) => format!("{} rules", rules.len()),
        };
        let when = step.when.as_ref().map(|when| format!(" if {when}")).unwrap_or_default();
        let undo = step.compensate.as_ref().map(|undo| format!(", undone by {}: {}", undo.participant, undo.command));
        format!("{} after {:?}{when}, {kind}{}", step.name, step.after, undo.unwrap_or_default())
    };
    definition.steps.iter().map(step).collect()
}

#[test]
fn an_osop_document_becomes_steps_waits_and_compensations() {
    let parcel = definition("parcel.osop.yaml", PARCEL);
    let expected = [
        "check-address after [], check-address: check_address",
        "book-slot after [\"check-address\"], carrier: book_slot, undone by carrier: release_slot",
        "insure after [\"book-slot\"] if request.valueMinor > 10000, insurer: insure, undone by insurer: cancel_policy",
        "charge after [\"insure\"], cashier: charge, undone by bank: give_back",
        "customs-release after [\"charge\"], waits on customs-cleared-events",
        "parcel-at-counter after [\"customs-release\"], waits on parcel-at-counter-events",
        "collect after [\"parcel-at-counter\"], collect: collect",
    ];
    assert_eq!(outline(&parcel), expected);
    assert_eq!((parcel.name.as_str(), parcel.version), ("parcel-dispatch", 3));
    assert_eq!((parcel.start.topic.as_str(), parcel.start.event.as_str()), ("parcel-orders", "parcel.ordered"));
    assert_eq!(parcel.deadline.unwrap().as_secs(), 2 * 24 * 3600);
    let Work::Execute(book) = &parcel.steps[1].work else { panic!() };
    assert_eq!((book.timeout.as_secs(), book.retry.attempts, book.retry.factor), (300, AttemptLimit::AtMost(2), 1.0));
    assert_eq!(serde_json::to_value(&book.input["normalised_address"]).unwrap(), "check_address.normalised_address");
    assert_eq!(serde_json::to_value(&book.input["weight"]).unwrap(), "request.weight");
    let Work::Execute(insure) = &parcel.steps[2].work else { panic!() };
    assert_eq!((insure.retry.attempts, insure.retry.first.as_millis()), (AttemptLimit::AtMost(5), 500));
}

#[test]
fn every_open_decision_has_a_comment() {
    let parcel = toml("parcel.osop.yaml", PARCEL);
    for part in [
        "Imported from parcel.osop.yaml (OSOP 1.0).",
        "complain (line 40) waits for the event \"complaint_received\" without a time limit",
        "undo_all (line 51) is reached only when a step fails.",
        "DECIDE: the participant calls https://carrier.example/slots",
        "DECIDE: the file's time limit holds here for the answer to each attempt.",
        "DECIDE: the file does cancel_policy when this step fails.",
        "DECIDE: the edge in line 62 repeats or multiplies its target.",
        "DECIDE: which service carries out which commands",
        "DECIDE: which fields the command needs",
        "DECIDE: the statuses in which the saga ends",
        "DECIDE: who is informed of the ending",
    ] {
        // Comments are wrapped.
        let plain = parcel.replace("\n# ", " ");
        assert!(plain.contains(part), "{part:?} is not in\n{parcel}");
    }
    assert!(!parcel.contains("cancel_policy (line"), "a compensation is no handler\n{parcel}");
    assert!(parcel.lines().filter(|line| line.starts_with('#')).all(|line| line.chars().count() <= 120), "{parcel}");
    let ticket = toml("ticket.flowzap", TICKET).replace("\n# ", " ");
    for part in [
        "DECIDE: which event starts a saga",
        "DECIDE: the edge \"No - choose again\" in line 18 leads back.",
        "DECIDE: the loop \"retry up to 4 times\" in line 6",
        "DECIDE: the file's condition \"Wants a programme?\" is no condition on the saga's data.",
        "DECIDE: n12 \"Return the charge\" (line 27) undoes this step by its words",
        "The diagram's system: Seat plan",
    ] {
        assert!(ticket.contains(part), "{part:?} is not in\n{ticket}");
    }
}

#[test]
fn a_flowzap_diagram_becomes_steps_conditions_and_compensations() {
    let ticket = definition("some/ticket.flowzap", TICKET);
    let wants = "has(request.wants_a_programme) && request.wants_a_programme == true";
    let expected = [
        "choose-the-seat after [], customer: customer.choose-the-seat".to_owned(),
        "hold-the-seat after [\"choose-the-seat\"], box-office: box-office.hold-the-seat, undone by box-office: \
         box-office.free-the-seat"
            .to_owned(),
        "charge-the-card after [\"hold-the-seat\"], bank: bank.charge-the-card, undone by bank: bank.return-the-charge"
            .to_owned(),
        format!("pack-the-programme after [\"charge-the-card\"] if {wants}, box-office: box-office.pack-the-programme"),
        "print-the-ticket after [\"pack-the-programme\"], box-office: box-office.print-the-ticket".to_owned(),
    ];
    assert_eq!(outline(&ticket), expected);
    assert_eq!(ticket.name, "ticket");
    let Work::Execute(hold) = &ticket.steps[1].work else { panic!() };
    assert_eq!(hold.retry.attempts, AttemptLimit::AtMost(4));
}

#[test]
fn labels_in_another_script_are_kept_beside_an_english_one() {
    let text = "osop_version: \"1.0\"\nid: order\nname: \"訂單\"\n\
                nodes: [{ id: ship_order, type: api, name: \"建立出貨單\" }]\n";
    let definition = definition("a.osop.yaml", text);
    let label = &definition.steps[0].label;
    assert_eq!((label.get("en"), label.get("und")), ("Ship order", "建立出貨單"));
    assert!(toml("a.osop.yaml", text).contains("DECIDE: the labels under und"));
}

#[test]
fn a_question_of_a_file_becomes_a_field_of_the_starting_event() {
    let text = "osop_version: \"1.0\"\nid: deploy\nname: Deploy\n\
                nodes: [{ id: test, type: cli }, { id: ship, type: cli }]\n\
                edges: [{ from: test, to: ship, mode: conditional, when: \"result.size() != success\" }]\n";
    let when = definition("a.osop.yaml", text).steps[1].when.clone().unwrap();
    assert_eq!(when.as_str(), "has(request.result_size_success) && request.result_size_success == true");
    assert!(toml("a.osop.yaml", text).replace("\n# ", " ").contains("DECIDE: the file's condition"));
}

#[test]
fn conditions_that_differ_only_in_their_operator_have_two_fields() {
    let text = "osop_version: \"1.0\"\nid: a\nname: A\n\
                nodes: [{ id: test, type: cli }, { id: ship, type: cli }, { id: wait, type: cli },\n\
                { id: end, type: cli }]\n\
                edges: [{ from: test, to: ship, mode: conditional, when: \"score > 10\" },\n\
                { from: test, to: wait, mode: conditional, when: \"score <= 10\" },\n\
                { from: ship, to: end, mode: conditional, when: \"score > 10\" }]\n";
    let of = |name: &str| {
        let definition = definition("a.osop.yaml", text);
        let step = definition.steps.iter().find(|step| step.name == name).unwrap();
        step.when.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(of("ship"), "has(request.score_10) && request.score_10 == true");
    assert_eq!(of("wait"), "has(request.score_10_2) && request.score_10_2 == true");
    assert!(of("end").contains("request.score_10 ") && !of("end").contains("score_10_2"), "{}", of("end"));
}

#[test]
fn questions_that_differ_only_in_their_characters_have_two_fields() {
    let text = r#"shop { # Shop
n1: circle label:"Start"
n2: diamond label:"Size > 1?"
n3: rectangle label:"Ship a parcel"
n4: rectangle label:"Ship a letter"
n5: diamond label:"Size < 1?"
n6: rectangle label:"Print a slip"
n7: rectangle label:"Print a label"
n1.handle(right) -> n2.handle(left)
n2.handle(top) -> n3.handle(left) [label="Parcel"]
n2.handle(right) -> n4.handle(left) [label="Letter"]
n3.handle(right) -> n5.handle(left)
n4.handle(right) -> n5.handle(left)
n5.handle(top) -> n6.handle(left) [label="Slip"]
n5.handle(right) -> n7.handle(left) [label="Label"]
}"#;
    let steps = definition("a.fz", text).steps;
    let whens: Vec<String> =
        steps.iter().map(|step| step.when.as_ref().map(ToString::to_string).unwrap_or_default()).collect();
    assert!(whens[0].contains("request.size_1 ==") && whens[1].contains("request.size_1 =="), "{whens:#?}");
    assert!(whens[2].contains("request.size_1_2 ==") && whens[3].contains("request.size_1_2 =="), "{whens:#?}");
}

#[test]
fn the_answer_that_leads_to_a_rejection_is_the_failure() {
    let text = r#"shop { # Shop
n1: circle label:"Start"
n2: rectangle label:"Check for fraud"
n3: diamond label:"Fraud?"
n4: rectangle label:"Reject the order"
n5: rectangle label:"Ship"
n1.handle(right) -> n2.handle(left)
n2.handle(right) -> n3.handle(left)
n3.handle(top) -> n4.handle(left) [label="Yes"]
n3.handle(right) -> n5.handle(left) [label="No"]
}"#;
    let steps: Vec<String> = definition("a.fz", text).steps.iter().map(|step| step.name.clone()).collect();
    assert_eq!(steps, ["check-for-fraud", "ship"]);
}

#[test]
fn errors_of_an_osop_document_name_the_line_and_the_correction() {
    let head = "osop_version: \"1.0\"\nid: a\nname: A\n";
    let nodes = "nodes:\n  - { id: a, type: api }\n  - { id: b, type: api }\n";
    for (text, expected) in [
        (
            "osop_version: \"2.0\"\nid: a\nname: A\nnodes: [{ id: a, type: api }]\n".to_owned(),
            "a.osop.yaml:1: osop_version is \"2.0\"; write \"1.0\"",
        ),
        (format!("{head}nodes:\n  - id: a\n"), "a.osop.yaml:5: type is missing in the node \"a\"; write type: a text"),
        (
            format!("{head}nodes:\n  - {{ id: a, type: ape }}\n"),
            "a.osop.yaml:5: the node \"a\" has the type \"ape\"; write one of: human",
        ),
        (
            format!("{head}nodes:\n  - {{ id: a, type: api }}\n  - {{ id: a, type: api }}\nedges: []\n"),
            "a.osop.yaml:6: the id \"a\" is that of the node in line 5",
        ),
        (
            format!("{head}{nodes}edges:\n  - {{ from: a, to: c }}\n"),
            "a.osop.yaml:8: to of an edge is \"c\", which is no node",
        ),
        (
            format!("{head}{nodes}edges:\n  - {{ from: a, to: b, mode: jump }}\n"),
            "a.osop.yaml:8: the mode of an edge is \"jump\"; write one of: sequential",
        ),
        (
            format!("{head}{nodes}edges:\n  - {{ from: a, to: b, mode: switch }}\n"),
            "(switch is of OSOP 1.1: write conditional edges)",
        ),
        (
            format!("{head}{nodes}edges:\n  - {{ from: a, to: b, mode: conditional }}\n"),
            "a.osop.yaml:8: the edge has no when",
        ),
        (
            format!("{head}{nodes}edges:\n  - {{ from: a, to: b }}\n  - {{ from: b, to: a }}\n"),
            "a.osop.yaml:5: these nodes lead back to themselves: a, b",
        ),
    ] {
        expect_error(&text, expected);
    }
}

#[test]
fn errors_of_policies_and_of_the_structure_name_the_line_and_the_correction() {
    let head = "osop_version: \"1.0\"\nid: a\nname: A\n";
    let nodes = "nodes:\n  - { id: a, type: api }\n  - { id: b, type: api }\n";
    for (text, expected) in [
        (
            format!("{head}nodes:\n  - {{ id: a, type: api, timeout_sec: -1 }}\n"),
            "a.osop.yaml:5: timeout_sec is \"-1\"; write a number above zero",
        ),
        (
            format!("{head}nodes:\n  - {{ id: a, type: api, timeout: soon }}\n"),
            "a.osop.yaml:5: timeout is \"soon\"; write a duration",
        ),
        (
            format!("{head}nodes:\n  - {{ id: a, type: api, retry_policy: {{ max_attempts: 0 }} }}\n"),
            "max_attempts is \"0\"; write a whole number from 1",
        ),
        (
            format!("{head}nodes:\n  - {{ id: a, type: api, config: {{ compensate: [1] }} }}\n"),
            "compensate of the node \"a\" is a list",
        ),
        (format!("{head}nodes: 7\n"), "a.osop.yaml:4: nodes is \"7\"; write a list"),
        (format!("{head}{nodes}"), "edges is missing; write edges: a list"),
        ("name: A\n".to_owned(), "osop_version is missing"),
        (format!("{head}nodes: [\n"), "the YAML is not valid"),
    ] {
        expect_error(&text, expected);
    }
    let both = errors("a.osop.yaml", &format!("{head}nodes:\n  - {{ id: a }}\n  - {{ type: api }}\nedges: []\n"));
    assert_eq!(both.lines().count(), 2, "all errors are reported at once\n{both}");
}

#[test]
fn errors_of_a_flowzap_diagram_name_the_line_and_the_correction() {
    let lane = |lines: &str| format!("shop {{ # Shop\nn1: circle label:\"Start\"\n{lines}\n}}\n");
    for (text, expected) in [
        (lane("n2: hexagon label:\"a\""), "a.fz:3: n2 has the shape \"hexagon\"; write circle, rectangle"),
        (lane("n2: rectangle label=\"a\""), "write label:\"...\" with a colon"),
        (lane("n2: rectangle priority:\"a\""), "a.fz:3: n2 has the attribute \"priority\"; write label, owner"),
        (lane("n1: rectangle label:\"a\""), "a.fz:3: the id n1 is that of the node in line 2"),
        (lane("n1 -> n2"), "a.fz:3: the edge is not written as an edge; write an edge such as"),
        (lane("n1.handle(up) -> n1.handle(left)"), "a.fz:3: the edge is not written as an edge"),
        (lane("n1.handle(top) -> n9.handle(left)"), "a.fz:3: n9 is no node"),
        (lane("n1.handle(top) -> n1.handle(left) [label:\"a\"]"), "a.fz:3: the edge is not written as an edge"),
        (lane("# a comment"), "a.fz:3: the line is neither a node nor an edge"),
        (lane("loop [again] n1"), "a.fz:3: the loop is not written as a loop of two or more nodes"),
        (lane("bank {"), "a.fz:3: the lane \"bank\" begins inside of another"),
        ("shop {\nn1: rectangle label:\"a\"\n".to_owned(), "a.fz:2: the lane \"shop\" is not closed"),
        ("n1: rectangle label:\"a\"\n".to_owned(), "a.fz:1: the line is in no lane"),
        (
            lane("}\nbank {\nn2: rectangle label:\"b\"\nn2.handle(top) -> n1.handle(left)"),
            "a.fz:6: the edge leads to another lane; write shop. before its target",
        ),
        (lane(""), "no node is a step; write rectangles"),
        (lane(CYCLE), "a.fz:3: these nodes lead back to themselves: n2, n3; write edges that form no cycle"),
    ] {
        let found = errors("a.fz", &text);
        assert!(found.contains(expected), "{expected:?} is not in\n{found}\nof\n{text}");
    }
}

#[test]
fn another_format_is_named() {
    let expected = "a.bpmn: this is XML; write an OSOP 1.0 document (YAML with osop_version) or FlowZap Code (lanes \
                    with nodes and arrows)";
    assert_eq!(errors("a.bpmn", "<definitions/>"), expected);
    assert!(errors("a.yaml", "jobs: {}\n").contains("this is YAML or JSON without osop_version"));
}

#[test]
fn the_size_of_a_file_and_of_its_graph_is_bounded() {
    assert!(
        errors("a.osop.yaml", &" ".repeat(IMPORT_LIMIT + 1)).contains("it has 1048577 bytes; write at most 1048576")
    );
    let nodes: String = (0..300).map(|i| format!("  - {{ id: a{i}, type: api }}\n")).collect();
    let osop = |nodes: &str| format!("osop_version: \"1.0\"\nid: a\nname: A\nnodes:\n{nodes}edges: []\n");
    assert!(errors("a.osop.yaml", &osop(&nodes)).contains("there are 300 nodes; write at most 256"));
    let nodes: String = (0..65).map(|i| format!("  - {{ id: a{i}, type: api }}\n")).collect();
    assert!(errors("a.osop.yaml", &osop(&nodes)).contains("there are 65 steps; write at most 64"));
    let nodes: String = (1..=300).map(|i| format!("n{i}: rectangle label:\"a\"\n")).collect();
    assert!(errors("a.fz", &format!("shop {{\n{nodes}}}\n")).contains("the diagram is too large"));
    let lanes: String = (1..=65).map(|i| format!("lane{i} {{\n}}\n")).collect();
    assert!(errors("a.fz", &lanes).contains("the diagram is too large"));
    let found = errors("a.fz", &format!("shop {{\n{}}}\n", "?\n".repeat(1_000)));
    assert_eq!(found.lines().filter(|line| line.contains("neither a node nor an edge")).count(), 100);
    assert!(found.contains("more errors were found: 900"), "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    /// Lines of the examples in any order, with some repeated and some cut: an import ends with a definition that can
    /// be checked, or with errors.
    #[test]
    fn a_damaged_file_is_imported_or_refused(
        is_osop: bool,
        picks in proptest::collection::vec((0..90_usize, 0..200_usize), 1..60),
    ) {
        let (file, text) = if is_osop { ("a.osop.yaml", PARCEL) } else { ("a.flowzap", TICKET) };
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (line, cut) in picks {
            let at = line % lines.len();
            match cut % 4 {
                0 => {
                    let other = cut % lines.len();
                    lines.swap(at, other);
                }
                1 => lines[at] = lines[at].chars().take(cut / 4).collect(),
                2 => {
                    let copy = lines[cut % lines.len()].clone();
                    lines.insert(at, copy);
                }
                _ => _ = lines.remove(at),
            }
            if lines.is_empty() {
                break;
            }
        }
        match import(file, &lines.join("\n")) {
            Ok(toml) => _ = harness::definition(&toml),
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }
}
