//! Parses the steps of a definition. A step sends a command, waits for a callback or checks rules; its keys depend on
//! that.

use super::fields::{NAME, PATH, TIMEOUT, call, label, path};
use super::model::{Call, Rule, Step, Work};
use super::read::{Places, Reader, name, text, texts, word};
use super::receive::receive;
use super::retry::Retry;
use crate::condition::Condition;

/// The keys that are not allowed in a step that checks rules.
const NOT_WITH_RULES: [&str; 9] =
    ["receive", "participant", "command", "input", "output", "timeout", "retry", "compensate", "pivot"];
const A_CONDITION: &str = "a condition such as 'has(order.delivery)' or 'order.amountMinor > 1000 && !order.gift'";

pub(super) fn steps(file: &mut Reader<'_>) -> (Vec<Step>, Places) {
    let wants = "one table [[steps]] for each step, with name and participant, receive or rules";
    let mut steps: Vec<Step> = Vec::new();
    let mut places = Places::new();
    let Some(value) = file.value("steps") else {
        file.missing("steps", wants);
        return (steps, places);
    };
    let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
        file.error(value.span(), "steps is empty or not a list of tables", format!("write {wants}"));
        return (steps, places);
    };
    for item in list.iter() {
        let before = steps.last().map(|step| step.name.clone());
        if let Some(table) = file.as_table("[steps]", item) {
            steps.push(step(table, before));
            places.push(item.span());
        }
    }
    (steps, places)
}

fn step(mut table: Reader<'_>, before: Option<String>) -> Step {
    let step_name = table.need("name", &format!("name = {NAME}"), name).unwrap_or_default();
    let mut table = table.in_step(Some(&step_name));
    let label = label(&mut table, &step_name);
    let after = table.get("after", "after = a list of step names; [] for a step that begins first", texts);
    let after = after.unwrap_or_else(|| before.into_iter().collect());
    let when = condition(&mut table, "when");
    let status = table.get("status", "status = an identifier such as \"reserved\"", word);
    if let Some(rules) = rules(&mut table) {
        table.forbid(
            &NOT_WITH_RULES,
            "a step with rules, which sends no command and waits for nothing",
            "the rules in a step of their own",
        );
        table.finish();
        let work = Work::Check(rules);
        return Step {
            name: step_name,
            label,
            after,
            when,
            pivot: false,
            work,
            output: None,
            compensate: None,
            status,
        };
    }
    let output = table.get("output", &format!("output = {PATH}"), path);
    let pivot = table.get("pivot", "pivot = true or false", |value| value.as_bool()).unwrap_or(false);
    let (work, compensate) = match table.table("receive") {
        Some(received) => (Work::Receive(receive(received)), None),
        None => commands(&mut table),
    };
    table.finish();
    Step { name: step_name, label, after, when, pivot, work, output, compensate, status }
}

/// The command of a step and its compensation.
fn commands(table: &mut Reader<'_>) -> (Work, Option<Call>) {
    let execute = call(table, None, &Retry::default(), TIMEOUT);
    let compensate = table.table("compensate").map(|mut table| {
        let call = call(&mut table, Some(&execute.participant), &execute.retry, execute.timeout);
        table.finish();
        call
    });
    (Work::Execute(execute), compensate)
}

fn condition(table: &mut Reader<'_>, key: &'static str) -> Option<Condition> {
    let at = table.value(key)?.span();
    let condition = Condition::parse(&table.get(key, &format!("{key} = {A_CONDITION}"), text)?);
    condition.map_err(|error| table.error(at, format!("{key}: {error}"), format!("write {A_CONDITION}"))).ok()
}

/// `rules = [{ must = "...", reason = "..." }]`; `None` for a step of another kind.
fn rules(table: &mut Reader<'_>) -> Option<Vec<Rule>> {
    let value = table.value("rules")?;
    let wants = "write rules = [{ must = a condition, reason = an identifier }], one or more";
    let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
        table.error(value.span(), "rules is empty or not a list of tables", wants);
        return Some(Vec::new());
    };
    Some(list.iter().filter_map(|item| rule(table.as_table("rules", item)?)).collect())
}

fn rule(mut table: Reader<'_>) -> Option<Rule> {
    table.require("must", &format!("must = {A_CONDITION}"));
    let must = condition(&mut table, "must");
    let reason = table.need("reason", "reason = an identifier such as \"nothing_to_pay\"", text);
    let detail = table.get("detail", "detail = a human-readable sentence", text);
    table.finish();
    Some(Rule { must: must?, reason: reason?, detail })
}
