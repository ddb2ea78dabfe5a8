//! Parses `human`: the task of a step that waits.

use toml::de::DeValue;

use super::callback::Receive;
use super::fields::{condition, label};
use super::human::Human;
use super::keys::{self, HUMAN};
use super::read::{Reader, display_text, duration, texts, word};

/// `human = true` or `human = { label, role, due, when, fields }` of a step that waits for `receive`.
pub(super) fn human(step: &Reader<'_>, receive: &Receive) -> Option<Human> {
    let key = &keys::step::HUMAN_OF;
    let value = step.value(key)?;
    match value.get_ref() {
        DeValue::Boolean(true) => {
            let human = Human::default();
            check(step, receive, &human);
            Some(human)
        }
        DeValue::Table(_) => {
            let table = step.as_table(key.name, value, &HUMAN)?;
            let human = of_table(&table);
            check(&table, receive, &human);
            table.finish();
            Some(human)
        }
        other @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)) => {
            let problem = format!("human in [[steps]] is {}", display_text(other));
            step.error(
                value.span(),
                problem,
                "write human = true, or a table with role, due or fields; or leave it out",
            );
            None
        }
    }
}

fn of_table(table: &Reader<'_>) -> Human {
    use keys::human as key;
    Human {
        label: table.has(&key::LABEL_OF).then(|| label(table, &key::LABEL_OF, "")),
        role: table.get(&key::ROLE, word),
        due: table.get(&key::DUE, duration),
        when: condition(table, &key::WHEN),
        fields: table.get(&key::FIELDS, texts),
    }
}

/// Reports fields that a form can't ask for, and those that the message needs and nothing gives it.
fn check(table: &Reader<'_>, receive: &Receive, human: &Human) {
    let all = receive.form(&Human::default());
    let can_ask: Vec<&str> = all.iter().skip(1).map(|field| &*field.path).collect();
    let names = if can_ask.is_empty() { "none".to_owned() } else { can_ask.join(", ") };
    let asked = human.fields.as_deref().unwrap_or_default();
    for (place, name) in asked.iter().enumerate() {
        let problem = if asked.iter().take(place).any(|other| other == name) {
            format!("{name} is twice in fields of human")
        } else if receive.status.as_str() == name {
            format!("{name} in fields of human is the status, which every form asks for")
        } else if can_ask.contains(&name.as_str()) {
            continue;
        } else {
            format!("{name} in fields of human is not a field of receive that a form can ask for")
        };
        table.error(table.span(), problem, format!("write some of: {names}"));
    }
    let form = receive.form(human);
    for field in receive.message_schema().fields.iter().filter(|field| field.required) {
        if receive.filled(field).is_none() && !form.iter().any(|asked| asked.path == field.path) {
            let problem = format!("the message needs {}, which fields of human lacks", field.path);
            table.error(table.span(), problem, format!("write it into fields; a form can ask for: {names}"));
        }
    }
}
