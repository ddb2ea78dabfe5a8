//! Drawings: they show every step of every definition, their lines join nodes, and nothing overlaps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::harness;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use roxmltree::{Document, Node};
use saga::{Definition, Format, draw};

const MODEL: &str = "http://www.omg.org/spec/BPMN/20100524/MODEL";

const HEAD: &str = r#"
name = "drawn"
version = 2
label = { en = "Drawn", pt = "Desenhado" }
start = { topic = "t", event = "begun", output = "in" }
participants.p = { topic = "p", key = "saga" }
endings = { completed = { status = "good" }, default = { status = "bad" } }
conclude = { participant = "p", command = "tell", input = { status = "ending.status" } }
"#;

/// A step that sends a command, with additional lines.
fn step(name: &str, after: &[&str], more: &str) -> String {
    format!("[[steps]]\nname = \"{name}\"\nafter = {after:?}\nparticipant = \"p\"\ncommand = \"do-{name}\"\n{more}\n")
}

fn definition(steps: &[String]) -> Definition {
    harness::definition(&format!("{HEAD}{}", steps.concat()))
}

fn bpmn(definition: &Definition) -> String {
    draw(definition, Format::Bpmn, "en")
}

/// The elements of the process by their ids.
fn elements<'a>(document: &'a Document<'_>) -> BTreeMap<&'a str, Node<'a, 'a>> {
    let process = document.descendants().find(|node| node.has_tag_name((MODEL, "process"))).unwrap();
    process.children().filter_map(|node| Some((node.attribute("id")?, node))).collect()
}

fn flow_ends<'a>(document: &'a Document<'_>) -> BTreeSet<(&'a str, &'a str)> {
    let flows = document.descendants().filter(|node| node.has_tag_name((MODEL, "sequenceFlow")));
    flows.map(|flow| (flow.attribute("sourceRef").unwrap(), flow.attribute("targetRef").unwrap())).collect()
}

#[test]
fn steps_follow_each_other_from_the_start_to_the_end() {
    let text = bpmn(&harness::definition(harness::ORDER));
    let document = Document::parse(&text).unwrap();
    let ends = flow_ends(&document);
    let path = ["start", "step_reserve", "step_request-payment", "step_payment-result", "step_finalize", "conclude"];
    for pair in path.windows(2) {
        assert!(ends.contains(&(pair[0], pair[1])), "{pair:?} in {ends:?}");
    }
    assert!(ends.contains(&("conclude", "completed")));
    assert_eq!(elements(&document)["completed"].attribute("name"), Some("confirmed"));
    assert!(!text.contains("Gateway"), "nothing forks in the order saga");
}

#[test]
fn a_step_that_waits_is_a_receive_task_with_a_timer() {
    let text = bpmn(&harness::definition(harness::ORDER));
    let document = Document::parse(&text).unwrap();
    let elements = elements(&document);
    assert!(elements["step_payment-result"].has_tag_name((MODEL, "receiveTask")));
    assert!(elements["step_reserve"].has_tag_name((MODEL, "serviceTask")));
    let timer = elements["expires_payment-result"];
    assert_eq!(timer.attribute("attachedToRef"), Some("step_payment-result"));
    assert!(timer.descendants().any(|node| node.text() == Some("PT15M")));
    assert!(flow_ends(&document).contains(&("expires_payment-result", "turn_back")));
}

#[test]
fn a_step_with_rules_is_a_business_rule_task_that_can_only_be_refused() {
    let rules = "[[steps]]\nname = \"validate\"\nrules = [{ must = \"in.x > 0\", reason = \"no_x\" }]\n";
    let drawn = definition(&[rules.to_owned(), step("a", &["validate"], "")]);
    let text = bpmn(&drawn);
    let document = Document::parse(&text).unwrap();
    let elements = elements(&document);
    assert!(elements["step_validate"].has_tag_name((MODEL, "businessRuleTask")));
    let about = elements["step_validate"].first_element_child().unwrap().text().unwrap();
    assert_eq!(about, "Checks at once: in.x > 0 (otherwise: no_x).");
    assert_eq!(elements["fails_validate"].first_element_child().unwrap().text().unwrap(), "refused: bad");
    assert!(!elements.contains_key("expires_validate"));
    assert!(flow_ends(&document).contains(&("step_validate", "step_a")));
    let svg = draw(&drawn, Format::Svg, "en");
    assert!(svg.contains("class=\"step check\"") && svg.contains(">1 rule<"), "{svg}");
    assert!(draw(&drawn, Format::Mermaid, "en").contains("step_validate[[\"validate<br/>1 rule\"]]"));
}

#[test]
fn a_compensation_is_drawn_with_its_command() {
    let text = bpmn(&harness::definition(harness::ORDER));
    let document = Document::parse(&text).unwrap();
    let elements = elements(&document);
    let undo = elements["undo_reserve"];
    assert_eq!(undo.attribute("isForCompensation"), Some("true"));
    assert_eq!(undo.attribute("name"), Some("inventory.release"));
    let edge = elements["undoable_reserve"];
    assert_eq!(edge.attribute("attachedToRef"), Some("step_reserve"));
    assert!(edge.children().any(|node| node.has_tag_name((MODEL, "compensateEventDefinition"))));
    let association = elements["flow_undoable_reserve_to_undo_reserve"];
    assert!(association.has_tag_name((MODEL, "association")));
    assert!(!elements.contains_key("undo_finalize"));
}

#[test]
fn an_aborted_saga_compensates_concludes_and_ends() {
    let text = bpmn(&harness::definition(harness::ORDER));
    let document = Document::parse(&text).unwrap();
    let elements = elements(&document);
    let ends = flow_ends(&document);
    for from in ["fails_reserve", "fails_request-payment", "fails_payment-result", "fails_finalize"] {
        assert!(ends.contains(&(from, "turn_back")), "{from} in {ends:?}");
    }
    assert!(elements["turn_back"].children().any(|node| node.has_tag_name((MODEL, "compensateEventDefinition"))));
    assert!(ends.contains(&("turn_back", "conclude_back")) && ends.contains(&("conclude_back", "turned_back")));
    assert_eq!(elements["turned_back"].attribute("name"), Some("cancelled, payment_not_completed, rejected"));
}

#[test]
fn branches_fork_and_join_only_if_necessary() {
    let steps = [step("a", &[], ""), step("b", &["a"], ""), step("c", &["a"], ""), step("d", &["a", "b", "c"], "")];
    let text = bpmn(&definition(&steps));
    let document = Document::parse(&text).unwrap();
    let ends = flow_ends(&document);
    let expected = [
        ("start", "step_a"),
        ("step_a", "fork_a"),
        ("fork_a", "step_b"),
        ("fork_a", "step_c"),
        ("step_b", "join_d"),
        ("step_c", "join_d"),
        ("join_d", "step_d"),
        ("step_d", "conclude"),
    ];
    assert!(expected.iter().all(|ends_| ends.contains(ends_)), "{ends:?}");
    // d comes after a by way of b and c.
    assert!(!ends.contains(&("fork_a", "join_d")), "{ends:?}");
    assert_eq!(elements(&document).keys().filter(|id| id.starts_with("join") || id.starts_with("fork")).count(), 2);
}

#[test]
fn several_first_and_last_steps_fork_and_join_too() {
    let text = bpmn(&definition(&[step("a", &[], ""), step("b", &[], "")]));
    let document = Document::parse(&text).unwrap();
    let ends = flow_ends(&document);
    for pair in [("start", "fork"), ("fork", "step_a"), ("step_b", "join"), ("join", "conclude")] {
        assert!(ends.contains(&pair), "{pair:?} in {ends:?}");
    }
}

#[test]
fn a_condition_leads_to_its_step_or_around_it() {
    let when = "in.n > 1 && in.text == \"<&>\"";
    let text = bpmn(&definition(&[step("a", &[], &format!("when = '{when}'"))]));
    let document = Document::parse(&text).unwrap();
    let elements = elements(&document);
    let condition = elements["flow_choice_a_to_step_a"].first_element_child().unwrap();
    assert_eq!(condition.text(), Some(when));
    assert_eq!(elements["choice_a"].attribute("default"), Some("flow_choice_a_to_merge_a"));
    assert!(flow_ends(&document).contains(&("step_a", "merge_a")));
}

#[test]
fn after_the_pivot_no_failure_aborts() {
    let steps = [step("a", &[], ""), step("b", &["a"], "pivot = true"), step("c", &["b"], "")];
    let text = bpmn(&definition(&steps));
    let svg = draw(&definition(&steps), Format::Svg, "en");
    let document = Document::parse(&text).unwrap();
    let elements = elements(&document);
    assert!(elements["pivot_b"].has_tag_name((MODEL, "textAnnotation")));
    assert!(elements.contains_key("fails_b") && !elements.contains_key("fails_c"));
    assert!(svg.contains("class=\"step send pivot\" data-step=\"b\""), "{svg}");
}

#[test]
fn special_characters_in_labels_are_escaped() {
    let label = r#"<b>&" --> "]; x'"#;
    let more = format!("label = {{ en = '''{label}''', pt = \"Olá\\u0000\" }}");
    let definition = definition(&[step("a", &[], &more)]);
    let svg = draw(&definition, Format::Svg, "en");
    let document = Document::parse(&svg).unwrap();
    let shown: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
    assert!(shown.contains(&label), "{shown:?}");
    let text = bpmn(&definition);
    let document = Document::parse(&text).unwrap();
    assert_eq!(elements(&document)["step_a"].attribute("name"), Some(format!("{label} (a)").as_str()));
    let mermaid = draw(&definition, Format::Mermaid, "en");
    assert!(mermaid.contains("[\"#60;b#62;#38;#34; #45;#45;#62; #34;#93;#59; x#39; (a)<br/>do-a\"]"), "{mermaid}");
    // English is the default.
    assert!(draw(&definition, Format::Bpmn, "pt").contains("name=\"Olá (a)\""));
    assert_eq!(draw(&definition, Format::Svg, "fr").replace("lang=\"fr\"", "lang=\"en\""), svg);
}

#[test]
fn mermaid_shows_the_same_flow() {
    let steps =
        [step("a-b", &[], "compensate = { command = \"undo\" }"), step("c", &[], "when = 'in.x'\npivot = true")];
    let steps = [steps[0].clone(), steps[1].replace("after = []", "after = [\"a-b\"]")];
    let mermaid = draw(&definition(&steps), Format::Mermaid, "en");
    let lines: BTreeSet<&str> = mermaid.lines().map(str::trim).collect();
    for line in [
        "flowchart LR",
        "step_a_b[\"a-b<br/>do-a-b\"]",
        "start --> step_a_b",
        "step_a_b --> choice_c",
        "choice_c -->|otherwise| merge_c",
        "step_a_b -.->|undo| undo_a_b",
        "step_c -.->|\"bad\"| turn_back",
        "style step_c stroke-width:4px",
    ] {
        assert!(lines.contains(line), "{line} is not in\n{mermaid}");
    }
}

/// The definition of random steps: the predecessors of each as bits, and a number for its kind.
fn file(steps: &[(u64, u8)]) -> String {
    let mut text = HEAD.to_owned();
    for (i, (after, kind)) in steps.iter().enumerate() {
        let after: Vec<String> = (0..i).filter(|j| after & (1 << j) != 0).map(|j| format!("s{j}")).collect();
        let after: Vec<&str> = after.iter().map(String::as_str).collect();
        let when = if kind % 3 == 0 { "when = 'in.yes'\n" } else { "" };
        if *kind % 10 == 7 {
            write!(text, "[[steps]]\nname = \"s{i}\"\nafter = {after:?}\n{when}").unwrap();
            text +=
                "rules = [{ must = 'in.sum > 0', reason = \"no\" }, { must = 'has(in.sum)', reason = \"no_sum\" }]\n";
        } else if *kind < 20 {
            write!(text, "[[steps]]\nname = \"s{i}\"\nafter = {after:?}\n{when}").unwrap();
            text += "receive = { topic = \"outside\", yes = [\"yes\"], no = [\"no\"], timeout = \"1m\" }\n";
        } else {
            let undo = if *kind < 60 { "compensate = { command = \"undo\" }\n" } else { "" };
            text += &step(&format!("s{i}"), &after, &format!("{when}{undo}"));
        }
    }
    text
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    x: f64,
    y: f64,
    right: f64,
    bottom: f64,
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

fn bounds(shape: Node<'_, '_>) -> Bounds {
    let bounds = shape.first_element_child().unwrap();
    let x = number(bounds, "x");
    let y = number(bounds, "y");
    Bounds { x, y, right: x + number(bounds, "width"), bottom: y + number(bounds, "height") }
}

impl Bounds {
    fn overlaps(self, other: Self) -> bool {
        self.x < other.right && other.x < self.right && self.y < other.bottom && other.y < self.bottom
    }

    /// Returns true if a line between two corners crosses the bounds.
    fn crossed(self, from: (f64, f64), to: (f64, f64)) -> bool {
        let line = Self { x: from.0.min(to.0), y: from.1.min(to.1), right: from.0.max(to.0), bottom: from.1.max(to.1) };
        self.x < line.right.max(line.x + 0.1)
            && line.x < self.right
            && self.y < line.bottom.max(line.y + 0.1)
            && line.y < self.bottom
    }
}

fn check_bpmn(text: &str) {
    let document = Document::parse(text).unwrap();
    let mut ids = BTreeSet::new();
    for id in document.descendants().filter_map(|node| node.attribute("id")) {
        assert!(ids.insert(id), "{id} twice");
        assert!(id.starts_with(|c: char| c.is_ascii_alphabetic()));
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{id}");
    }
    for name in ["sourceRef", "targetRef", "attachedToRef", "bpmnElement", "default", "messageRef"] {
        for end in document.descendants().filter_map(|node| node.attribute(name)) {
            assert!(ids.contains(end), "{name} {end} leads nowhere");
        }
    }
    let elements = elements(&document);
    let drawn: BTreeSet<&str> = document.descendants().filter_map(|node| node.attribute("bpmnElement")).collect();
    assert!(elements.keys().all(|id| drawn.contains(id)), "an element has no position");

    let shapes: Vec<(Node<'_, '_>, Bounds)> = document
        .descendants()
        .filter(|node| node.tag_name().name() == "BPMNShape")
        .map(|shape| (elements[shape.attribute("bpmnElement").unwrap()], bounds(shape)))
        .collect();
    for (i, (one, place)) in shapes.iter().enumerate() {
        assert!(place.x >= 0.0 && place.y >= 0.0 && place.right > place.x && place.bottom > place.y, "{place:?}");
        for (other, there) in shapes.iter().skip(i + 1) {
            let attached = one.attribute("id") == other.attribute("attachedToRef");
            assert!(attached || !place.overlaps(*there), "{one:?} {place:?} lies on {other:?} {there:?}");
        }
    }
    for edge in document.descendants().filter(|node| node.tag_name().name() == "BPMNEdge") {
        let corners = edge.children().filter(|node| node.tag_name().name() == "waypoint");
        let corners: Vec<(f64, f64)> = corners.map(|node| (number(node, "x"), number(node, "y"))).collect();
        let element = elements[edge.attribute("bpmnElement").unwrap()];
        check_line(&corners, element, &shapes);
    }
}

/// Checks that a line begins and ends at its shapes, has only right angles and crosses no shape.
fn check_line(corners: &[(f64, f64)], line: Node<'_, '_>, shapes: &[(Node<'_, '_>, Bounds)]) {
    assert!(corners.len() >= 2, "{line:?} {corners:?}");
    for pair in corners.windows(2) {
        let from = pair[0];
        let to = pair[1];
        assert!(from.0 == to.0 || from.1 == to.1, "{line:?} is oblique: {corners:?}");
        for (element, place) in shapes {
            assert!(!place.crossed(from, to), "{line:?} {corners:?} runs through {element:?} {place:?}");
        }
    }
    let touches = |end: (f64, f64), id: Option<&str>| {
        let (_, at) = shapes.iter().find(|(element, _)| element.attribute("id") == id).unwrap();
        end.0 >= at.x && end.0 <= at.right && end.1 >= at.y && end.1 <= at.bottom
    };
    assert!(touches(corners[0], line.attribute("sourceRef")), "{line:?} {corners:?}");
    assert!(touches(corners[corners.len() - 1], line.attribute("targetRef")), "{line:?} {corners:?}");
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200);
    let seeds =
        FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/draw.proptest-regressions"));
    ProptestConfig { cases, failure_persistence: Some(Box::new(seeds)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_definition_is_drawn_correctly(
        steps in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), 0..100_u8), 1..=64),
        sparse in any::<bool>(),
    ) {
        let after = |(a, b, c, _): &(u64, u64, u64, u8)| if sparse { a & b & c } else { *a };
        let steps: Vec<(u64, u8)> = steps.iter().map(|step| (after(step), step.3)).collect();
        let definition = harness::definition(&file(&steps));
        check_bpmn(&bpmn(&definition));
        let svg = draw(&definition, Format::Svg, "en");
        let document = Document::parse(&svg).unwrap();
        let shown: BTreeSet<&str> = document.descendants().filter_map(|node| node.attribute("data-step")).collect();
        prop_assert_eq!(shown.len(), steps.len());
        let mermaid = draw(&definition, Format::Mermaid, "en");
        for i in 0..steps.len() {
            prop_assert!(mermaid.contains(&format!("    step_s{i}[")), "s{} is not in\n{}", i, mermaid);
        }
    }
}

#[test]
fn a_mark_is_drawn_in_the_box_of_its_step_with_its_link() {
    let definition = definition(&[step("a", &[], "compensate = { command = \"undo\" }"), step("b", &["a"], "")]);
    let mark = |line: &str, href: Option<&str>| saga::Mark {
        class: "hot".to_owned(),
        lines: vec![line.to_owned()],
        href: href.map(str::to_owned),
        title: "41 wait".to_owned(),
    };
    let mut marks = saga::Marks::default();
    marks.steps.insert("a".to_owned(), mark("41 <here>", Some("/sagas?step=a&x=\"")));
    marks.compensations.insert("a".to_owned(), mark("2 undone", None));
    let svg = saga::draw_marked(&definition, "en", &marks);
    assert!(!svg.contains("<style") && !svg.starts_with("<?xml"), "{svg}");
    let document = Document::parse(&svg).unwrap();
    let of = |name: &str, value: &str| document.descendants().find(|node| node.attribute(name) == Some(value)).unwrap();
    let a = of("data-step", "a");
    assert_eq!(a.attribute("class"), Some("step send hot"));
    assert!(a.descendants().any(|node| node.text() == Some("41 <here>")));
    assert!(!a.descendants().any(|node| node.text() == Some("do-a")));
    assert_eq!(a.parent().unwrap().attribute("href"), Some("/sagas?step=a&x=\""));
    assert_eq!(of("data-undo", "a").attribute("class"), Some("undo hot"));
    // A step without a mark is drawn as usual.
    assert!(of("data-step", "b").descendants().any(|node| node.text() == Some("do-b")));
}
