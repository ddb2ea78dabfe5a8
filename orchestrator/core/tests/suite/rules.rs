//! Steps with rules: they are checked at once, and their refusals are like any other.

use crate::harness::{ID, World, definition, ok};
use saga::{Action, Definition, Input, Operate, Status, StepStatus, What, command_of};
use serde_json::{Value, json};

const PAID_IN_FULL: &str = r#"
name = "sale"
version = 1
start = { topic = "t", event = "e", output = "sale" }
participants.p = { topic = "p", key = "saga" }
[[steps]]
name = "reserve"
participant = "p"
command = "reserve"
output = "reservation"
compensate = { command = "release" }
[[steps]]
name = "validate"
rules = [
    { must = 'sale.amountMinor > 0', reason = "nothing_to_pay", detail = "free tickets are given away at the door" },
    { must = '!(sale.channel == "web" && sale.amountMinor > 50000)', reason = "too_dear_for_the_web" },
    { must = 'has(reservation.fine)', reason = "no_reservation" },
]
[[steps]]
name = "ship"
participant = "p"
command = "ship"
[conclude]
participant = "p"
command = "tell"
input = { status = "ending.status", reason = "ending.reason", steps = "ending.steps" }
[endings]
completed = { status = "good" }
default = { status = "bad" }
[endings.steps.validate]
refused = { status = "rejected" }
"#;

fn sale(payload: Value) -> World {
    World::start(definition(PAID_IN_FULL), payload)
}

fn sold() -> Value {
    json!({"amountMinor": 5000, "channel": "web"})
}

#[test]
fn a_step_whose_rules_hold_is_done_at_once() {
    let mut world = sale(sold());
    assert_eq!(world.newly_sent(), ["reserve"]);
    world.ok("reserve");
    assert_eq!(world.newly_sent(), ["ship"], "the rules send no command and wait for nothing");
    let validate = world.saga().step("validate").unwrap().clone();
    assert_eq!(
        (validate.status, validate.started, validate.ended),
        (StepStatus::Done, Some(world.now), Some(world.now))
    );
    assert_eq!(validate.outcome(), Some((StepStatus::Done, world.now)), "it took no time");
    assert_eq!((validate.timer, validate.sent), (None, None));
    assert_eq!(world.saga().history.iter().filter(|entry| entry.step == "validate").count(), 1);
    assert_eq!(world.finish().ends(), (Status::Completed, "good", None));
}

#[test]
fn the_first_rule_that_does_not_hold_refuses_the_step_with_its_reason() {
    let mut world = sale(json!({"amountMinor": 0, "channel": "web"}));
    world.ok("reserve");
    assert_eq!(world.newly_sent(), ["reserve", "!reserve"]);
    let refused = world.saga().history.iter().find(|entry| entry.what == What::Refused).unwrap();
    assert_eq!(refused.why, "nothing_to_pay: free tickets are given away at the door");
    assert_eq!(world.status("validate"), StepStatus::Refused);
    assert_eq!(world.finish().ends(), (Status::Compensated, "rejected", Some("nothing_to_pay")));
    let mut world = sale(json!({"amountMinor": 50_001, "channel": "web"}));
    assert_eq!(world.ok("reserve").finish().ends(), (Status::Compensated, "rejected", Some("too_dear_for_the_web")));
}

#[test]
fn an_undecidable_rule_does_not_hold() {
    for payload in [json!({}), json!({"amountMinor": "much"}), json!({"amountMinor": null}), json!(7)] {
        let mut world = sale(payload);
        assert_eq!(world.ok("reserve").finish().ends(), (Status::Compensated, "rejected", Some("nothing_to_pay")));
    }
}

#[test]
fn the_ending_reports_it_like_every_step() {
    let mut world = sale(sold());
    world.ok("reserve").ok("ship");
    let ending = command_of(&world.definition, world.saga(), "conclude", Action::Execute).unwrap().1;
    let at = world.now.to_string();
    let validate = json!({
        "step": "validate", "label": "validate", "status": "done", "attempts": 1, "startedAt": at, "endedAt": at,
    });
    assert_eq!(ending["steps"][1], validate);
}

#[test]
fn it_is_checked_only_if_its_condition_holds_and_in_its_order() {
    let text = PAID_IN_FULL.replace("name = \"validate\"", "name = \"validate\"\nwhen = 'sale.channel == \"web\"'");
    let mut world = World::start(definition(&text), json!({"amountMinor": 0, "channel": "door"}));
    world.ok("reserve");
    assert_eq!((world.status("validate"), world.newly_sent().pop().unwrap().as_str()), (StepStatus::Skipped, "ship"));
    let first = PAID_IN_FULL
        .replace("name = \"validate\"", "name = \"validate\"\nafter = []")
        .replace("    { must = 'has(reservation.fine)', reason = \"no_reservation\" },\n", "");
    let mut world = World::start(definition(&first), json!({"amountMinor": 0}));
    assert_eq!(world.newly_sent(), ["conclude"], "rules are checked before parallel steps begin");
    world.finish();
    let before = first.replace("name = \"reserve\"", "name = \"reserve\"\nafter = [\"validate\"]");
    let mut world = World::start(definition(&before), json!({"amountMinor": 0}));
    assert_eq!(world.newly_sent(), ["conclude"], "no step began, so none is compensated");
    assert_eq!(world.finish().ends(), (Status::Compensated, "rejected", Some("nothing_to_pay")));
}

#[test]
fn replies_for_it_are_ignored() {
    let mut world = sale(sold());
    world.ok("reserve");
    let before = world.saga().data.clone();
    for action in [Action::Execute, Action::Compensate] {
        world.decide(Input::Reply { step: "validate".into(), attempt: 1, action, outcome: ok() });
        assert_eq!(world.notes, [format!("validate: a reply to {} attempt 1, which was never sent", action.as_str())]);
    }
    assert_eq!(world.saga().data, before);
    assert_eq!(command_of(&world.definition, world.saga(), "validate", Action::Execute), None);
}

#[test]
fn a_paused_saga_checks_its_rules_when_it_resumes() {
    let mut world = sale(sold());
    world.operate(Operate::Pause).unwrap().ok("reserve");
    assert_eq!(world.status("validate"), StepStatus::Waiting);
    world.operate(Operate::Resume).unwrap();
    assert_eq!(world.status("validate"), StepStatus::Done);
}

#[test]
fn retrying_and_skipping_it_are_refused() {
    let mut world = sale(sold());
    let skip = |world: &mut World| world.operate(Operate::Skip { step: "validate".into(), answer: Value::Null }).err();
    let retry = |world: &mut World| world.operate(Operate::Retry { step: Some("validate".into()) }).err();
    assert_eq!(skip(&mut world).unwrap(), "validate is waiting: only a running or retrying step can be skipped");
    world.ok("reserve");
    assert_eq!(skip(&mut world).unwrap(), "validate is done: only a running or retrying step can be skipped");
    assert_eq!(retry(&mut world).unwrap(), "validate is done: there is nothing to retry");
}

/// Rules after the pivot that do not hold.
fn stuck() -> World {
    let text = PAID_IN_FULL.replace("name = \"reserve\"", "name = \"reserve\"\npivot = true");
    let mut world = World::start(definition(&text), json!({"amountMinor": 0}));
    world.ok("reserve").newly_sent();
    world
}

#[test]
fn after_the_pivot_a_rule_that_does_not_hold_is_an_incident() {
    let mut world = stuck();
    assert_eq!((world.saga().status, world.status("validate")), (Status::Incident, StepStatus::Stuck));
    let why = world.saga().step("validate").unwrap().reason.clone().unwrap();
    assert_eq!(why, "refused: nothing_to_pay: free tickets are given away at the door");
    assert_eq!(world.saga().wake_at(), None);
    let retry = |step: Option<&str>| Operate::Retry { step: step.map(str::to_owned) };
    let refusal = world.operate(retry(Some("validate"))).err().unwrap();
    assert_eq!(refusal, "validate sends no command: its rules would refuse it again");
    let refusal = world.operate(retry(None)).err().unwrap();
    assert_eq!(refusal, "no step waits for its next attempt or is out of retries");
    let no = Operate::Resolve { step: None, happened: false, answer: Value::Null };
    assert!(world.operate(no).err().unwrap().contains("must be done"));
    let yes = Operate::Resolve { step: None, happened: true, answer: Value::Null };
    world.operate(yes).unwrap();
    assert_eq!(
        (world.status("validate"), world.newly_sent().as_slice()),
        (StepStatus::Done, ["ship".to_owned()].as_slice())
    );
    assert_eq!(world.finish().ends(), (Status::Completed, "good", None));
}

#[test]
fn its_rules_are_serialized() {
    let json = serde_json::to_value(definition(PAID_IN_FULL)).unwrap();
    let detail = "free tickets are given away at the door";
    let rule = json!({"must": "sale.amountMinor > 0", "reason": "nothing_to_pay", "detail": detail});
    assert_eq!(json["steps"][1]["rules"][0], rule);
    assert_eq!(json["steps"][1]["rules"][2].get("detail"), None);
    assert_eq!(World::start(definition(PAID_IN_FULL), json!({})).saga().id, ID);
}

/// The errors of the definition with one text replaced.
fn errors(from: &str, to: &str) -> Vec<String> {
    assert!(PAID_IN_FULL.contains(from), "{from}");
    let errors = Definition::parse("sale.toml", &PAID_IN_FULL.replacen(from, to, 1)).map(|_| ()).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn rules_are_validated_when_they_are_parsed() {
    let first = "must = 'sale.amountMinor > 0', reason = \"nothing_to_pay\"";
    for (from, to, parts) in [
        (first, "reason = \"x\"", ["must is missing in rules", "write must = a condition"]),
        (first, "must = true, reason = \"x\"", ["must in rules is true", "has(order.delivery)"]),
        (first, "must = 'sale.amount >', reason = \"x\"", ["must: expected", "write a condition such as"]),
        (first, "must = 'sale.amount > 0'", ["reason is missing in rules", "nothing_to_pay"]),
        (first, "must = 'sale.amount > 0', reason = 1", ["reason in rules is 1", "write reason = an identifier"]),
        (
            first,
            "must = 'shipment.id > 0', reason = \"x\"",
            ["must: no earlier step provides shipment.id", "inside sale, reservation"],
        ),
        (
            first,
            "must = 'has(sale)', reason = \"x\", otherwise = 1",
            ["unknown key \"otherwise\" in rules", "must, reason, detail"],
        ),
        ("rules = [", "rules = [1,", ["rules in [[steps]] is 1", "write a table"]),
        (
            "refused = { status = \"rejected\" }",
            "timed_out = { status = \"x\" }",
            ["endings.steps.validate: a step with rules never fails", "write refused"],
        ),
    ] {
        let errors = errors(from, to);
        assert_eq!(errors.len(), 1, "{errors:#?}");
        for part in parts {
            assert!(errors[0].contains(part), "{part:?} in {}", errors[0]);
        }
        assert!(errors[0].contains("validate"), "{}", errors[0]);
    }
    let empty = PAID_IN_FULL.find("rules = [").unwrap();
    let end = PAID_IN_FULL.find("]\n[[steps]]\nname = \"ship\"").unwrap();
    let errors = errors(&PAID_IN_FULL[empty..=end], "rules = []");
    assert!(errors.len() == 1 && errors[0].contains("rules is empty"), "{errors:?}");
}

#[test]
fn a_step_with_rules_has_no_keys_of_other_steps() {
    for line in [
        "pivot = true",
        "timeout = \"1s\"",
        "retry = { attempts = 1 }",
        "output = \"x\"",
        "compensate = { command = \"undo\" }",
        "participant = \"p\"",
        "command = \"c\"",
        "input = { x = \"sale.x\" }",
        "receive = { topic = \"t\", yes = [\"y\"], timeout = \"1s\" }",
    ] {
        let from = "name = \"validate\"";
        let errors = errors(from, &format!("{from}\n{line}"));
        let key = line.split(' ').next().unwrap();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        let problem = format!(
            "step \"validate\": {key} is not allowed in a step with rules, which sends no command and waits for nothing"
        );
        assert!(
            errors[0].contains(&problem) && errors[0].contains("; write the rules in a step of their own"),
            "{}",
            errors[0]
        );
    }
}
