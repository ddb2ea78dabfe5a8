//! Definition errors, and the identity of definitions.

use crate::harness::{ORDER, definition};
use saga::Definition;
use serde_json::json;

/// The errors of the order definition with one text replaced.
fn errors(from: &str, to: &str) -> Vec<String> {
    let bare: Vec<&str> = ORDER.lines().map(|line| if line.starts_with('#') { "#" } else { line }).collect();
    let bare = bare.join("\n");
    assert!(bare.contains(from), "{from}");
    let errors = Definition::parse("order.toml", &bare.replacen(from, to, 1)).map(|_| ()).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

/// The only error names the file, a line and all of these parts.
fn has_error(from: &str, to: &str, parts: &[&str]) {
    let errors = errors(from, to);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    for part in parts {
        assert!(errors[0].contains(part), "{part:?} in {}", errors[0]);
    }
    assert!(errors[0].starts_with("order.toml:"), "{}", errors[0]);
    assert!(errors[0].contains("; write "), "{}", errors[0]);
}

#[test]
fn the_order_definition_is_valid() {
    let order = definition(ORDER);
    assert_eq!((order.name.as_str(), order.version), ("order", 2));
    assert_eq!(
        order.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(),
        ["reserve", "request-payment", "payment-result", "finalize"]
    );
    assert_eq!(order.step("reserve").unwrap().label.get("pt"), "Reservar o estoque");
    assert_eq!(order.step("reserve").unwrap().label.get("fr"), "Reserve the stock");
    assert_eq!(order.step("finalize").unwrap().after, ["payment-result"]);
    assert_eq!(order.receives().map(|receive| receive.topic.as_str()).collect::<Vec<_>>(), ["payment-results"]);
    assert_eq!(order.conclude.retry.attempts, saga::AttemptLimit::Unlimited);
    assert_eq!(order.source(), ORDER);
}

/// One of the errors about these fields of the payment's result has all of these parts.
fn has_fields_error(fields: &str, parts: &[&str]) {
    let errors = errors("timeout = \"15m\" }", &format!("timeout = \"15m\", fields = {{ {fields} }} }}"));
    let fits = |error: &String| error.starts_with("order.toml:") && parts.iter().all(|part| error.contains(part));
    assert!(errors.iter().any(fits), "{parts:?} in {errors:#?}");
}

#[test]
fn the_fields_of_a_callback_are_checked() {
    has_fields_error("reason = \"prose\"", &["reason in fields is \"prose\"", "\"timestamp\""]);
    has_fields_error("reason = 5", &["reason in fields is 5", "{ type = \"text\", max = 200 }"]);
    has_fields_error("reason = { required = false }", &["type is missing in reason"]);
    has_fields_error("reason = { type = \"text\", max = 20000 }", &["max in reason is 20000", "at most 10000"]);
    has_fields_error("reason = { type = \"text\", over = \"drop\" }", &["over in reason", "\"refuse\" or \"cut\""]);
    has_fields_error("reason = { type = \"text\", words = [\"a\"] }", &["unknown key \"words\" in reason"]);
    has_fields_error("status = { type = \"word\" }", &["words is missing in status"]);
    has_fields_error("\"a b\" = \"text\"", &["\"a b\" in fields is not a path"]);
    has_fields_error("fee = \"number\"", &["have no field fee", "orderId, status, reason, paymentId, reference"]);
    has_fields_error("paymentId = \"text\"", &["paymentId differs from the schema of \"payment-results\"", "255"]);
}

#[test]
fn the_fields_of_a_callback_fit_its_correlation_and_its_statuses() {
    let elsewhere = |fields: &str| {
        let receive =
            "receive = { topic = \"answers\", correlation = \"orderId\", yes = [\"approved\"], no = [\"declined\"], ";
        let from = ORDER.lines().find(|line| line.starts_with("receive = {")).unwrap();
        let text = ORDER.replace(from, &format!("{receive}timeout = \"15m\", fields = {{ {fields} }} }}"));
        Definition::parse("order.toml", &text)
    };
    for (fields, why) in [
        ("orderId = \"text\"", "orderId is the correlation"),
        ("status = \"number\"", "status is the status"),
        ("status = { type = \"word\", words = [\"approved\"] }", "\"declined\" in yes or no is not a word of status"),
        ("card = \"text\", \"card.id\" = \"uuid\"", "the field card contains the field card.id"),
        ("note = { type = \"text\", max = 9900 }", "characters in all"),
    ] {
        let errors = elsewhere(fields).unwrap_err();
        assert!(errors.iter().any(|error| error.to_string().contains(why)), "{fields}: {errors:?}");
    }
    let definition = elsewhere("note = \"text\", \"card.price\" = \"number\"").unwrap();
    let receive = definition.receives().next().unwrap();
    let paths: Vec<_> = receive.fields.iter().flatten().map(|field| (&*field.path, field.required)).collect();
    assert_eq!(paths, [("card.price", false), ("note", false), ("orderId", true), ("status", true)]);
}

/// So a definition that names them is not another version than one of an earlier release that does not.
#[test]
fn the_fields_of_a_topic_with_a_schema_are_the_default() {
    let named = "timeout = \"15m\", fields = { orderId = { type = \"uuid\", required = true }, \
        reference = { type = \"text\", max = 255 }, paymentId = { type = \"text\", max = 255 }, \
        status = { type = \"word\", words = [\"approved\", \"authorized\", \"declined\"] }, \
        reason = { type = \"text\", over = \"cut\" } } }";
    let text = ORDER.replace("timeout = \"15m\" }", named);
    assert_ne!(text, ORDER);
    assert_eq!(definition(&text).hash(), definition(ORDER).hash());
}

#[test]
fn the_fields_of_the_starting_event_are_checked_and_others_kept() {
    let fields = "fields = { orderId = { type = \"uuid\", required = true }, note = { type = \"text\", max = 5 } }";
    let text = ORDER.replace("[start]", &format!("[start]\n{fields}"));
    let start = definition(&text).start;
    let id = "0190A000-0000-7000-8000-000000000001";
    let read = start.read(json!({"orderId": id, "items": [{"n": 1}]})).unwrap();
    assert_eq!(read, json!({"orderId": id.to_lowercase(), "items": [{"n": 1}]}));
    for (payload, why) in [
        (json!({}), "orderId is missing"),
        (json!({"orderId": 7}), "orderId is a number; it must be a text with a UUID"),
        (json!({"orderId": id, "note": "too long"}), "note has 8 characters; at most 5 are allowed"),
        (json!([]), "it is a JSON list"),
    ] {
        let problem = start.read(payload).unwrap_err();
        assert!(problem.starts_with(why), "{problem}");
    }
    let anything = json!(["without fields"]);
    assert_eq!(definition(ORDER).start.read(anything.clone()).unwrap(), anything);
    let wrong = ORDER.replace("[start]", "[start]\nfields = { orderId = \"prose\" }");
    let problems = Definition::parse("order.toml", &wrong).unwrap_err();
    assert!(problems[0].to_string().contains("orderId in fields is \"prose\""), "{}", problems[0]);
}

/// Adds a line to a step of the order definition.
fn has_step_error(name: &str, line: &str, parts: &[&str]) {
    let from = format!("name = \"{name}\"");
    has_error(&from, &format!("{from}\n{line}"), parts);
}

#[test]
fn a_condition_is_checked() {
    has_step_error("finalize", "when = 'order.gift &&'", &["step \"finalize\": when: expected a path"]);
    has_step_error("finalize", "when = true", &["when in [[steps]] is true", "has(order.delivery)"]);
    has_step_error(
        "reserve",
        "when = 'has(payment.id)'",
        &["when: no earlier step provides payment.id", "inside order"],
    );
}

#[test]
fn there_is_one_pivot_and_it_divides_the_steps() {
    has_step_error("payment-result", "pivot = 1", &["pivot in [[steps]] is 1", "pivot = true or false"]);
    has_step_error(
        "reserve",
        "pivot = true",
        &["step \"request-payment\"", "comes after the pivot \"reserve\"", "write it without compensate"],
    );
    let two = ORDER.replace("receive = {", "pivot = true\nreceive = {");
    let two = two.replace("name = \"finalize\"", "name = \"finalize\"\npivot = true");
    let errors = Definition::parse("two.toml", &two).unwrap_err();
    assert!(errors[0].problem.contains("\"payment-result\" is the pivot already"), "{errors:?}");
    let aside = ORDER.replace("receive = {", "pivot = true\nreceive = {");
    let aside = aside.replace("name = \"finalize\"", "name = \"finalize\"\nafter = [\"reserve\"]");
    let errors = Definition::parse("aside.toml", &aside).unwrap_err();
    assert!(errors[0].problem.contains("in parallel with the pivot"), "{errors:?}");
}

#[test]
fn a_step_that_can_never_begin_is_reported() {
    let errors = errors("name = \"request-payment\"", "name = \"request-payment\"\nafter = [\"what\"]");
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(errors[0].contains("after names \"what\", which is not a step"));
    assert!(
        errors[1].contains(
            "step \"payment-result\": it can never begin, because its predecessor \"request-payment\" cannot"
        )
    );
}

#[test]
fn deadline_and_customer_are_checked() {
    has_error(
        "customer = \"order.customerId\"",
        "customer = \"payment.who\"",
        &["payment.who is not part of the starting event"],
    );
    has_error("[start]", "deadline = \"0s\"\n[start]", &["deadline in the file is \"0s\"", "a duration above zero"]);
}

#[test]
fn the_cancelling_event_differs_from_the_starting_event() {
    let cancel = "cancel = { event = \"order.cancel-requested\", reason = \"cancelled_by_customer\" }";
    has_error(cancel, "cancel = { event = \"order.created\", reason = \"r\" }", &["begins the saga", "another event"]);
    has_error(cancel, "cancel = { event = \"x\" }", &["reason", "cancelled_by_customer"]);
}

#[test]
fn a_definition_is_serialized_as_json() {
    let json = serde_json::to_value(definition(ORDER)).unwrap();
    assert_eq!(json["steps"][0]["execute"]["retry"]["first"], "200ms");
    assert_eq!(json["steps"][0]["execute"]["input"]["orderId"], "order.orderId");
    assert_eq!(json["steps"][2]["receive"]["timeout"], "15m");
    assert_eq!(json["conclude"]["retry"]["attempts"], "unlimited");
    assert_eq!(json["participants"]["inventory"]["key"]["default"], "main");
    assert_eq!(json["hash"].as_str().unwrap().len(), 32);
}

#[test]
fn the_hash_depends_on_the_meaning_only() {
    let hash = |text: &str| definition(text).hash().to_owned();
    assert_eq!(hash(ORDER), hash(&format!("# a comment\n{ORDER}")));
    assert_eq!(hash(ORDER), hash(&ORDER.replace("timeout = \"15m\"", "timeout = \"900s\"")));
    assert_ne!(hash(ORDER), hash(&ORDER.replace("timeout = \"15m\"", "timeout = \"16m\"")));
    assert_ne!(hash(ORDER), hash(&ORDER.replacen("version = 2", "version = 3", 1)));
}

#[test]
fn errors_name_the_line_the_problem_and_the_correction() {
    let message = &errors("participant = \"inventory\"\ncommand", "participent = \"inventory\"\ncommand")[0];
    let line = 1 + ORDER.lines().position(|line| line == "[[steps]]").unwrap();
    assert_eq!(
        *message,
        format!(
            "order.toml:{line}: step \"reserve\": participant is missing in [[steps]]; write participant = a name from \
             [participants], receive = {{ ... }} for a step that waits, or rules = [...] for a step that checks rules"
        )
    );
}

#[test]
fn unknown_keys_are_rejected() {
    has_error(
        "timeout = \"10s\"\nretry = { attempts = 5",
        "timeot = \"10s\"\nretry = { attempts = 5",
        &["step \"reserve\"", "unknown key \"timeot\" in [[steps]]", "timeout"],
    );
    has_error(
        "topic = \"payment-commands\"",
        "topic = \"p\"\ncolor = \"red\"",
        &["\"color\" in [participants.payment]"],
    );
    has_error("no = [\"declined\"]", "nope = [\"declined\"]", &["step \"payment-result\"", "\"nope\" in receive"]);
    has_error("[conclude]", "[typo]\n[conclude]", &["unknown key \"typo\" in the file"]);
}

#[test]
fn values_of_the_wrong_type_are_rejected() {
    has_error("version = 2", "version = 0", &["version in the file is 0", "version = 1"]);
    has_error("name = \"order\"", "name = \"My Order\"", &["name in the file is \"My Order\""]);
    has_error("timeout = \"15m\"", "timeout = \"0s\"", &["timeout in receive is \"0s\"", "above zero"]);
    has_error("attempts = 10,", "attempts = 1.5,", &["attempts in retry is 1.5", "\"unlimited\""]);
    has_error("factor = 2", "factor = 0.5", &["factor in retry is 0.5"]);
    has_error("first = \"200ms\"", "first = \"1h\"", &["max is shorter than first"]);
    has_error("no = [\"declined\"]", "no = [\"Approved\"]", &["\"approved\" is in both yes and no"]);
    has_error("label = { en = \"Order\", pt", "label = { pt", &["en is missing in [label]"]);
    has_error("output = \"reservation\"", "output = \"a b\"", &["output in [[steps]] is \"a b\""]);
    has_error("status = \"confirmed\"", "status = 3", &["status in [endings.completed] is 3"]);
}

#[test]
fn inconsistent_definitions_are_rejected() {
    has_error("name = \"finalize\"", "name = \"reserve\"", &["there are two steps \"reserve\""]);
    has_error("name = \"finalize\"", "name = \"conclude\"", &["reserved for the command that reports the ending"]);
    has_error(
        "name = \"finalize\"",
        "name = \"finalize\"\nafter = [\"pay\"]",
        &["after names \"pay\"", "request-payment"],
    );
    has_error(
        "participant = \"payment\"",
        "participant = \"bank\"",
        &["\"bank\" is not in [participants]", "inventory, order, payment"],
    );
    has_error(
        "amountMinor = \"order.amountMinor\"",
        "amountMinor = \"paymentResult.amount\"",
        &[
            "step \"request-payment\"",
            "amountMinor: no earlier step provides paymentResult.amount",
            "a path inside order, reservation",
        ],
    );
    has_error("output = \"payment\"", "output = \"reservation\"", &["the output reservation is already in use"]);
    has_error("output = \"payment\"", "output = \"saga.x\"", &["the output saga.x is reserved"]);
}

#[test]
fn cycles_are_rejected() {
    let errors = errors("name = \"reserve\"", "name = \"reserve\"\nafter = [\"finalize\"]");
    assert_eq!(
        errors.iter().filter(|error| error.contains("its after leads back to itself")).count(),
        4,
        "{errors:#?}"
    );
}

#[test]
fn endings_of_unknown_steps_and_of_impossible_failures_are_rejected() {
    let found = errors("[endings.steps.reserve]", "[endings.steps.reserved]");
    assert!(found[0].contains("endings.steps.reserved: there is no such step"), "{found:?}");
    let found = errors(
        "timed_out = { status = \"payment_not_completed\", reason = \"payment_timed_out\" }",
        "failed = { status = \"x\" }",
    );
    assert!(found[0].contains("never fails"), "{found:?}");
}

#[test]
fn all_errors_are_reported_at_once_by_line() {
    let text = "name = 1\nversion = \"x\"\nsteps = []\n";
    let errors = Definition::parse("bad.toml", text).map(|_| ()).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|error| error.line).collect();
    assert!(lines.is_sorted() && errors.len() >= 7, "{errors:#?}");
    let syntax = Definition::parse("bad.toml", "a = \nb = 1\nc c = 2\n").map(|_| ()).unwrap_err();
    assert_eq!(syntax.iter().map(|error| error.line).collect::<Vec<_>>(), [Some(1), Some(3)]);
}

#[test]
fn too_many_steps_are_rejected() {
    let steps: String =
        (0..65).map(|i| format!("[[steps]]\nname = \"s{i}\"\nparticipant = \"order\"\ncommand = \"c\"\n")).collect();
    let errors = errors("[endings]", &format!("{steps}[endings]"));
    assert!(errors[0].contains("there are 69 steps"), "{errors:?}");
}
