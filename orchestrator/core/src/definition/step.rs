//! Parses the steps of a definition. A step sends a command, waits for a callback or checks rules; its keys depend on
//! that.

use super::fields::{call, compensation, condition, label, path};
use super::keys::{self, CALLBACK_STEP, COMMAND_STEP, COMPENSATE, Key, RECEIVE, RULE, RULE_STEP};
use super::model::{Call, Rule, Step, Work};
use super::read::{Places, Reader, name, text, texts, word};
use super::read_human::human;
use super::receive::receive;
use super::retry::Retry;

/// The keys that are not allowed in a step that checks rules.
const NOT_WITH_RULES: [&str; 10] =
    ["receive", "human", "participant", "command", "input", "output", "timeout", "retry", "compensate", "pivot"];

pub(super) fn steps(file: &Reader<'_>) -> (Vec<Step>, Places) {
    let wants = "one table [[steps]] for each step, with name and participant, receive or rules";
    let mut steps: Vec<Step> = Vec::new();
    let mut places = Places::new();
    let Some(value) = file.value(&keys::file::STEPS) else { return (steps, places) };
    let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
        file.error(value.span(), "steps is empty or not a list of tables", format!("write {wants}"));
        return (steps, places);
    };
    for item in list.iter() {
        let before = steps.last().map(|step| step.name.clone());
        let has = |key: &Key| item.get_ref().as_table().is_some_and(|table| table.contains_key(key.name));
        let kind = if has(&keys::step::RULES) {
            &RULE_STEP
        } else if has(&keys::step::RECEIVE_OF) {
            &CALLBACK_STEP
        } else {
            &COMMAND_STEP
        };
        if let Some(table) = file.as_table("[steps]", item, kind) {
            steps.push(step(table, before));
            places.push(item.span());
        }
    }
    (steps, places)
}

fn step(table: Reader<'_>, before: Option<String>) -> Step {
    let step_name = table.get(&keys::step::NAME, name).unwrap_or_default();
    let mut table = table.in_step(Some(&step_name));
    let label = label(&table, &keys::step::LABEL_OF, &step_name);
    let after = table.get(&keys::step::AFTER, texts).unwrap_or_else(|| before.into_iter().collect());
    let when = condition(&table, &keys::step::WHEN);
    let status = table.get(&keys::step::STATUS, word);
    if table.has(&keys::step::RULES) {
        let work = Work::Check(rules(&table));
        table.forbid(
            &NOT_WITH_RULES,
            "a step with rules, which sends no command and waits for nothing",
            "the rules in a step of their own",
        );
        table.finish();
        return Step {
            name: step_name,
            label,
            after,
            when,
            pivot: false,
            work,
            human: None,
            output: None,
            compensate: None,
            status,
        };
    }
    let output = table.get(&keys::step::OUTPUT, path);
    let pivot = table.get(&keys::step::PIVOT, |value| value.as_bool()).unwrap_or(false);
    let received = if table.has(&keys::step::RECEIVE_OF) {
        table.table(&keys::step::RECEIVE_OF, &RECEIVE).map(receive)
    } else {
        let place = "a step that sends a command, which its participant answers";
        table.forbid(&[keys::step::HUMAN_OF.name], place, "human in a step with receive");
        None
    };
    let human = received.as_ref().and_then(|receive| human(&table, receive));
    let (work, compensate) = received.map_or_else(|| commands(&table), |receive| (Work::Receive(receive), None));
    table.finish();
    Step { name: step_name, label, after, when, pivot, work, human, output, compensate, status }
}

/// The command of a step and its compensation.
fn commands(table: &Reader<'_>) -> (Work, Option<Call>) {
    let execute = call(table, &Retry::default());
    let compensate = table.table(&keys::step::COMPENSATE_OF, &COMPENSATE).map(|table| {
        let call = compensation(&table, &execute);
        table.finish();
        call
    });
    (Work::Execute(execute), compensate)
}

/// `rules = [{ must = "...", reason = "..." }]`
fn rules(table: &Reader<'_>) -> Vec<Rule> {
    let key = &keys::step::RULES;
    let Some(value) = table.value(key) else { return Vec::new() };
    let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
        let wants = format!("write {}", key.wants());
        table.error(value.span(), "rules is empty or not a list of tables", wants);
        return Vec::new();
    };
    list.iter().filter_map(|item| rule(table.as_table(key.name, item, &RULE)?)).collect()
}

fn rule(table: Reader<'_>) -> Option<Rule> {
    let must = condition(&table, &keys::rule::MUST);
    let reason = table.get(&keys::rule::REASON, text);
    let detail = table.get(&keys::rule::DETAIL, text);
    table.finish();
    Some(Rule { must: must?, reason: reason?, detail })
}
