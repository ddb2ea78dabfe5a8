//! Tasks of people: a step that waits is one, and its completion is the message that the step waits for.

use std::time::Duration;

use crate::harness::{ID, World, definition};
use saga::{Callback, Definition, Effect, Input, Operate, Operation, Status, StepStatus, answer_id};
use serde_json::{Map, Value, json};

/// A definition whose only step waits for an inspection.
fn text(human: &str) -> String {
    format!(
        "name = \"return\"\nversion = 1\n\
         start = {{ topic = \"created\", event = \"return.requested\", output = \"in\" }}\n\
         participants.shop = {{ topic = \"shop-commands\", key = \"saga\" }}\n\
         conclude = {{ participant = \"shop\", command = \"tell\", input = {{ status = \"ending.status\" }} }}\n\
         [endings]\ncompleted = {{ status = \"good\" }}\ndefault = {{ status = \"bad\" }}\n\
         [[steps]]\nname = \"inspect\"\noutput = \"goods\"\n{human}\n\
         [steps.receive]\ntopic = \"inspections\"\ncorrelation = \"returnId\"\n\
         yes = [\"received\"]\nno = [\"rejected\"]\ntimeout = \"30d\"\n\
         [steps.receive.fields]\nreturnId = {{ type = \"uuid\", required = true }}\n\
         status = {{ type = \"word\", words = [\"received\", \"rejected\", \"lost\"], required = true }}\n\
         reason = {{ type = \"text\", max = 20 }}\npieces = {{ type = \"number\", required = true }}\n\
         by = \"text\"\nwhy = \"text\"\nat = \"timestamp\"\n"
    )
}

fn waiting(human: &str) -> World {
    World::start(definition(&text(human)), json!({"value": 5}))
}

fn act(world: &mut World, id: &str, by: &str, what: Operate) -> Option<String> {
    let operation = Operation { id: id.to_owned(), by: by.to_owned(), why: "seen".to_owned(), from: None, what };
    world.decide(Input::Operator(operation));
    world.saga().operations.last().and_then(|last| last.refused.clone())
}

fn claim(take_over: bool) -> Operate {
    Operate::Claim { step: "inspect".to_owned(), take_over }
}

fn release() -> Operate {
    Operate::Release { step: "inspect".to_owned() }
}

fn complete(fields: &Value) -> Operate {
    let fields = fields.as_object().cloned().unwrap_or_default();
    Operate::Complete { step: "inspect".to_owned(), fields }
}

fn claimed_by(world: &World) -> Option<&str> {
    world.saga().step("inspect")?.task.as_ref()?.claim.as_ref().map(|claim| claim.by.as_str())
}

/// Delivers the message of the last completed task.
fn deliver(world: &mut World) {
    let Some(Effect::SendAnswer { topic, id, payload }) = world.answers.pop() else { panic!("no message") };
    let status = payload["status"].as_str().unwrap().to_owned();
    let callback = Callback { source: topic, id: id.to_string(), status, payload };
    world.decide(Input::Callback(callback));
}

#[test]
fn a_task_is_open_while_its_step_waits() {
    let mut world = waiting("human = { role = \"warehouse\", due = \"2d\" }");
    let task = world.saga().step("inspect").unwrap().task.clone().unwrap();
    assert_eq!((task.opened, task.role.as_deref()), (world.now, Some("warehouse")));
    assert_eq!(task.due, Some(world.now.plus(Duration::from_secs(2 * 24 * 3600))));
    assert_eq!(act(&mut world, "first", "ana", claim(false)), None);
    assert_eq!(claimed_by(&world), Some("ana"));
    world.operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!(world.saga().tasks().count(), 0, "the claim is gone with the task");
    let refused = act(&mut world, "second", "ana", claim(false)).unwrap();
    assert!(refused.contains("\"inspect\" is not an open task"), "{refused}");
}

#[test]
fn a_wait_is_a_task_only_if_its_condition_holds() {
    assert_eq!(waiting("human = { when = \"in.value > 4\" }").saga().tasks().count(), 1);
    assert_eq!(waiting("human = { when = \"in.value > 5\" }").saga().tasks().count(), 0);
    assert_eq!(waiting("human = { when = \"in.unknown == 1\" }").saga().tasks().count(), 0);
    assert_eq!(waiting("human = true").saga().tasks().count(), 1);
    assert_eq!(waiting("").saga().tasks().count(), 0);
}

#[test]
fn a_completed_task_is_answered_by_its_message() {
    let mut world = waiting("human = true");
    let operation = "7";
    assert_eq!(act(&mut world, operation, "ana", complete(&json!({"status": " Received", "pieces": 2}))), None);
    let Some(Effect::SendAnswer { topic, id, payload }) = world.answers.last().cloned() else { panic!("no message") };
    assert_eq!((topic.as_str(), id), ("inspections", answer_id(ID, "inspect", operation)));
    let at = world.now.to_string();
    let message = json!({"returnId": ID, "status": "received", "pieces": 2, "by": "ana", "why": "seen", "at": at});
    assert_eq!(payload, message);
    assert_eq!(world.status("inspect"), StepStatus::Running, "the saga goes on with the message only");
    let twice = act(&mut world, "8", "bob", complete(&json!({"status": "rejected", "pieces": 1}))).unwrap();
    assert!(twice.contains("was completed by ana"), "{twice}");
    world.decide(Input::Operator(Operation {
        id: operation.to_owned(),
        by: "ana".to_owned(),
        why: "seen".to_owned(),
        from: None,
        what: complete(&json!({"status": "received", "pieces": 2})),
    }));
    assert_eq!(world.answers.len(), 1, "a repeated completion sends nothing");
    deliver(&mut world);
    assert_eq!((world.status("inspect"), world.saga().tasks().count()), (StepStatus::Done, 0));
    let acts: Vec<&str> = world.saga().history.iter().map(|entry| entry.why.as_str()).collect();
    assert!(acts.contains(&"complete by ana: seen"), "{acts:?}");
}

#[test]
fn a_rejected_task_refuses_its_step() {
    let mut world = waiting("human = true");
    let form = json!({"status": "rejected", "pieces": 0, "reason": "broken"});
    assert_eq!(act(&mut world, "1", "ana", complete(&form)), None);
    deliver(&mut world);
    world.finish();
    assert_eq!(world.ends(), (Status::Compensated, "bad", Some("broken")));
}

#[test]
fn a_claimed_task_is_worked_on_by_one_person() {
    let mut world = waiting("human = true");
    assert_eq!(act(&mut world, "1", "ana", claim(false)), None);
    let since = world.now.to_string();
    for (id, what) in
        [("2", claim(false)), ("3", release()), ("4", complete(&json!({"status": "received", "pieces": 1})))]
    {
        let refused = act(&mut world, id, "bob", what).unwrap();
        assert_eq!(refused, format!("the task inspect is claimed by ana since {since}"));
    }
    assert_eq!(act(&mut world, "5", "bob", claim(true)), None, "a take-over has a reason");
    assert_eq!(claimed_by(&world), Some("bob"));
    assert_eq!(act(&mut world, "6", "bob", release()), None);
    assert_eq!(claimed_by(&world), None);
    assert!(act(&mut world, "7", "bob", release()).unwrap().contains("nobody has claimed"));
    let what = claim(true);
    let silent = Operation { id: "8".to_owned(), by: "ana".to_owned(), why: " ".to_owned(), from: None, what };
    world.decide(Input::Operator(silent));
    let last = world.saga().operations.last().unwrap();
    assert_eq!(last.refused.as_deref(), Some("a take-over needs a reason"));
}

#[test]
fn a_wrong_form_is_refused_with_every_wrong_field() {
    let mut world = waiting("human = true");
    let mut refusal = |fields: &Value| act(&mut world, &fields.to_string(), "ana", complete(fields)).unwrap();
    let all = refusal(&json!({"status": "lost", "reason": "x".repeat(21), "by": "me", "colour": 1}));
    for part in [
        "status 'lost' is not one of: received, rejected",
        "reason has 21 characters",
        "pieces is required",
        "by is not asked for; the form has: status, pieces, reason",
        "colour is not asked for",
    ] {
        assert!(all.contains(part), "{part:?} in {all}");
    }
    assert!(refusal(&json!({"status": "received", "pieces": "two"})).contains("pieces is a text; it must be a number"));
}

#[test]
fn the_due_time_stands_still_while_paused() {
    let mut world = waiting("human = { due = \"1h\" }");
    let due = world.saga().step("inspect").unwrap().task.as_ref().unwrap().due.unwrap();
    world.operate(Operate::Pause).unwrap().pass(Duration::from_secs(60));
    world.operate(Operate::Resume).unwrap();
    let later = world.saga().step("inspect").unwrap().task.as_ref().unwrap().due;
    assert_eq!(later, Some(due.plus(Duration::from_secs(60))));
}

#[test]
fn a_form_asks_for_the_named_fields() {
    let of = |human: &str| {
        let definition = definition(&text(human));
        let step = definition.step("inspect").unwrap();
        let receive = definition.receives().next().unwrap();
        let form = receive.form(step.human.as_ref().unwrap());
        form.iter().map(|field| field.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of("human = true"), ["status", "pieces", "reason"]);
    assert_eq!(of("human = { fields = [\"pieces\"] }"), ["status", "pieces"]);
    assert_eq!(of("human = { fields = [\"reason\", \"pieces\"] }"), ["status", "reason", "pieces"]);
}

#[test]
fn the_task_of_a_step_is_checked() {
    for (human, parts) in [
        ("human = false", ["human in [[steps]] is false", "write human = true"]),
        ("human = \"yes\"", ["human in [[steps]] is \"yes\"", "leave it out"]),
        ("human = { due = \"0s\" }", ["due in human is \"0s\"", "a duration above zero"]),
        ("human = { role = \"a b\" }", ["role in human is \"a b\"", "\"warehouse\""]),
        ("human = { what = 1 }", ["unknown key \"what\" in human", "label, role, due, when, fields"]),
        ("human = { when = \"in.value >\" }", ["when: expected", "a condition"]),
        ("human = { when = \"goods.x == 1\" }", ["when of human: no earlier step provides goods.x", "inside in"]),
        (
            "human = { fields = [\"pieces\", \"colour\"] }",
            ["colour in fields of human is not a field", "pieces, reason"],
        ),
        ("human = { fields = [\"pieces\", \"by\"] }", ["by in fields of human is not a field", "pieces, reason"]),
        ("human = { fields = [\"pieces\", \"status\"] }", ["is the status", "pieces, reason"]),
        ("human = { fields = [\"pieces\", \"pieces\"] }", ["pieces is twice", "pieces, reason"]),
        ("human = { fields = [\"reason\"] }", ["the message needs pieces", "write it into fields"]),
    ] {
        let errors = Definition::parse("test.toml", &text(human)).map(|_| ()).unwrap_err();
        let all = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(all.len() == 1 && parts.iter().all(|part| all[0].contains(part)), "{human}: {parts:?} in {all:#?}");
    }
    let all = text("");
    let (before, _) = all.split_once("[steps.receive]").unwrap();
    let command = format!("{before}participant = \"shop\"\ncommand = \"c\"\nhuman = true\n");
    let errors = Definition::parse("test.toml", &command).map(|_| ()).unwrap_err();
    let all = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(all.contains("human is not allowed in a step that sends a command"), "{all}");
}

#[test]
fn a_definition_without_tasks_keeps_its_hash() {
    let with = definition(&text("human = true"));
    let without = definition(&text(""));
    assert_ne!(with.hash(), without.hash());
    assert!(!serde_json::to_string(&without).unwrap().contains("human"));
    assert_eq!(with.answered_topics().collect::<Vec<_>>(), ["inspections"]);
    assert_eq!(Map::from_iter([("human".to_owned(), json!({}))]), {
        let json = serde_json::to_value(&with).unwrap();
        Map::from_iter([("human".to_owned(), json["steps"][0]["human"].clone())])
    });
}
