//! What a definition's author is told, and what makes two definitions the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod harness;

use harness::{ORDER, definition};
use saga::Definition;

/// The order definition with one text replaced, and what is said about it.
fn errors(from: &str, to: &str) -> Vec<String> {
    let bare: Vec<&str> = ORDER.lines().map(|line| if line.starts_with('#') { "#" } else { line }).collect();
    let bare = bare.join("\n");
    assert!(bare.contains(from), "{from}");
    let errors = Definition::parse("order.toml", &bare.replacen(from, to, 1)).map(|_| ()).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

/// The only error starts with the file and a line and says all of this.
fn says(from: &str, to: &str, parts: &[&str]) {
    let errors = errors(from, to);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    for part in parts {
        assert!(errors[0].contains(part), "{part:?} in {}", errors[0]);
    }
    assert!(errors[0].starts_with("order.toml:"), "{}", errors[0]);
    assert!(errors[0].contains("; write "), "{}", errors[0]);
}

#[test]
fn the_order_definition_is_good() {
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

/// A change of one line of the order definition, by the step it is put in front of.
fn says_of(name: &str, line: &str, parts: &[&str]) {
    let from = format!("name = \"{name}\"");
    says(&from, &format!("{from}\n{line}"), parts);
}

#[test]
fn a_condition_is_checked() {
    says_of("finalize", "when = 'order.gift &&'", &["step \"finalize\": when: it ends where a path"]);
    says_of("finalize", "when = true", &["when in [[steps]] is true", "has(order.delivery)"]);
    says_of("reserve", "when = 'has(payment.id)'", &["when: nothing before it provides payment.id", "inside order"]);
}

#[test]
fn the_pivot_is_one_and_divides_the_steps() {
    says_of("payment-result", "pivot = 1", &["pivot in [[steps]] is 1", "pivot = true or false"]);
    says_of(
        "reserve",
        "pivot = true",
        &["step \"request-payment\"", "comes after the pivot \"reserve\"", "no compensate"],
    );
    let two = ORDER.replace("receive = {", "pivot = true\nreceive = {");
    let two = two.replace("name = \"finalize\"", "name = \"finalize\"\npivot = true");
    let errors = Definition::parse("two.toml", &two).unwrap_err();
    assert!(errors[0].problem.contains("\"payment-result\" is the pivot already"), "{errors:?}");
    let aside = ORDER.replace("receive = {", "pivot = true\nreceive = {");
    let aside = aside.replace("name = \"finalize\"", "name = \"finalize\"\nafter = [\"reserve\"]");
    let errors = Definition::parse("aside.toml", &aside).unwrap_err();
    assert!(errors[0].problem.contains("side by side with the pivot"), "{errors:?}");
}

#[test]
fn a_step_that_can_never_begin_is_told() {
    let errors = errors("name = \"request-payment\"", "name = \"request-payment\"\nafter = [\"what\"]");
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(errors[0].contains("after names \"what\", which is no step"));
    assert!(
        errors[1].contains("step \"payment-result\": it can never begin, because \"request-payment\" before it can't")
    );
}

#[test]
fn deadline_and_customer_are_checked() {
    says(
        "customer = \"order.customerId\"",
        "customer = \"payment.who\"",
        &["payment.who is not in the starting event"],
    );
    says("[start]", "deadline = \"0s\"\n[start]", &["deadline in the file is \"0s\"", "a duration above zero"]);
}

#[test]
fn a_cancelling_event_is_another_than_the_starting_one() {
    let cancel = "cancel = { event = \"order.cancel-requested\", reason = \"cancelled_by_customer\" }";
    says(cancel, "cancel = { event = \"order.created\", reason = \"r\" }", &["begins the saga", "another event"]);
    says(cancel, "cancel = { event = \"x\" }", &["reason", "cancelled_by_customer"]);
}

#[test]
fn it_can_be_shown_as_json() {
    let json = serde_json::to_value(definition(ORDER)).unwrap();
    assert_eq!(json["steps"][0]["execute"]["retry"]["first"], "200ms");
    assert_eq!(json["steps"][0]["execute"]["input"]["orderId"], "order.orderId");
    assert_eq!(json["steps"][2]["receive"]["timeout"], "15m");
    assert_eq!(json["conclude"]["retry"]["attempts"], "unlimited");
    assert_eq!(json["participants"]["inventory"]["key"]["default"], "main");
    assert_eq!(json["hash"].as_str().unwrap().len(), 32);
}

#[test]
fn the_hash_is_of_what_it_means() {
    let hash = |text: &str| definition(text).hash().to_owned();
    assert_eq!(hash(ORDER), hash(&format!("# a comment\n{ORDER}")));
    assert_eq!(hash(ORDER), hash(&ORDER.replace("timeout = \"15m\"", "timeout = \"900s\"")));
    assert_ne!(hash(ORDER), hash(&ORDER.replace("timeout = \"15m\"", "timeout = \"16m\"")));
    assert_ne!(hash(ORDER), hash(&ORDER.replacen("version = 2", "version = 3", 1)));
}

#[test]
fn errors_say_where_what_and_what_to_write() {
    let message = &errors("participant = \"inventory\"\ncommand", "participent = \"inventory\"\ncommand")[0];
    let line = 1 + ORDER.lines().position(|line| line == "[[steps]]").unwrap();
    assert_eq!(
        *message,
        format!(
            "order.toml:{line}: step \"reserve\": participant is missing in [[steps]]; write participant = a name from \
             [participants], receive = {{ ... }} for a step that waits, or rules = [...] for one that checks"
        )
    );
}

#[test]
fn unknown_keys_are_refused() {
    says(
        "timeout = \"10s\"\nretry = { attempts = 5",
        "timeot = \"10s\"\nretry = { attempts = 5",
        &["step \"reserve\"", "unknown key \"timeot\" in [[steps]]", "timeout"],
    );
    says("topic = \"payment-commands\"", "topic = \"p\"\ncolor = \"red\"", &["\"color\" in [participants.payment]"]);
    says("no = [\"declined\"]", "nope = [\"declined\"]", &["step \"payment-result\"", "\"nope\" in receive"]);
    says("[conclude]", "[typo]\n[conclude]", &["unknown key \"typo\" in the file"]);
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    says("version = 2", "version = 0", &["version in the file is 0", "version = 1"]);
    says("name = \"order\"", "name = \"My Order\"", &["name in the file is \"My Order\""]);
    says("timeout = \"15m\"", "timeout = \"0s\"", &["timeout in receive is \"0s\"", "above zero"]);
    says("attempts = 10,", "attempts = 1.5,", &["attempts in retry is 1.5", "\"unlimited\""]);
    says("factor = 2", "factor = 0.5", &["factor in retry is 0.5"]);
    says("first = \"200ms\"", "first = \"1h\"", &["max is shorter than first"]);
    says("no = [\"declined\"]", "no = [\"Approved\"]", &["\"approved\" is both a yes and a no"]);
    says("label = { en = \"Order\", pt", "label = { pt", &["en is missing in [label]"]);
    says("output = \"reservation\"", "output = \"a b\"", &["output in [[steps]] is \"a b\""]);
    says("status = \"confirmed\"", "status = 3", &["status in [endings.completed] is 3"]);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    says("name = \"finalize\"", "name = \"reserve\"", &["there are two steps \"reserve\""]);
    says("name = \"finalize\"", "name = \"conclude\"", &["kept for the telling of the ending"]);
    says("name = \"finalize\"", "name = \"finalize\"\nafter = [\"pay\"]", &["after names \"pay\"", "request-payment"]);
    says(
        "participant = \"payment\"",
        "participant = \"bank\"",
        &["\"bank\" is not in [participants]", "inventory, order, payment"],
    );
    says(
        "amountMinor = \"order.amountMinor\"",
        "amountMinor = \"paymentResult.amount\"",
        &[
            "step \"request-payment\"",
            "amountMinor: nothing before it provides paymentResult.amount",
            "a path inside order, reservation",
        ],
    );
    says("output = \"payment\"", "output = \"reservation\"", &["the output reservation is already another's"]);
    says("output = \"payment\"", "output = \"saga.x\"", &["kept for the engine"]);
}

#[test]
fn circles_are_found() {
    let errors = errors("name = \"reserve\"", "name = \"reserve\"\nafter = [\"finalize\"]");
    assert_eq!(errors.iter().filter(|error| error.contains("it waits for itself")).count(), 4, "{errors:#?}");
}

#[test]
fn endings_of_unknown_steps_and_of_what_cannot_be_are_refused() {
    let found = errors("[endings.steps.reserve]", "[endings.steps.reserved]");
    assert!(found[0].contains("endings.steps.reserved: there is no such step"), "{found:?}");
    let found = errors(
        "timed_out = { status = \"payment_not_completed\", reason = \"payment_timed_out\" }",
        "failed = { status = \"x\" }",
    );
    assert!(found[0].contains("never fails"), "{found:?}");
}

#[test]
fn all_errors_come_at_once_by_line() {
    let text = "name = 1\nversion = \"x\"\nsteps = []\n";
    let errors = Definition::parse("bad.toml", text).map(|_| ()).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|error| error.line).collect();
    assert!(lines.is_sorted() && errors.len() >= 7, "{errors:#?}");
    let syntax = Definition::parse("bad.toml", "a = \nb = 1\nc c = 2\n").map(|_| ()).unwrap_err();
    assert_eq!(syntax.iter().map(|error| error.line).collect::<Vec<_>>(), [Some(1), Some(3)]);
}

#[test]
fn more_steps_than_a_definition_can_have_are_refused() {
    let steps: String =
        (0..65).map(|i| format!("[[steps]]\nname = \"s{i}\"\nparticipant = \"order\"\ncommand = \"c\"\n")).collect();
    let errors = errors("[endings]", &format!("{steps}[endings]"));
    assert!(errors[0].contains("there are 69 steps"), "{errors:?}");
}
