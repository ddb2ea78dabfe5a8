//! Generates `docs/settings.md` from the services' `config/default.toml`: keys, defaults and comments. It reads lines
//! instead of parsing TOML, because parsers drop comments and the files have one key or comment per line.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use crate::files;

/// The document, relative to the root.
pub const FILE: &str = "docs/settings.md";
/// The command that generates it.
pub const COMMAND: &str = "cargo run -p tests --bin settings-doc > docs/settings.md";
/// The services, in the order of their ports.
pub const SERVICES: [&str; 4] = ["order-service", "inventory-service", "payment-service", "orchestrator"];

const INTRODUCTION: &str = "\
# Settings

Generated from the services' `config/default.toml`; to change a text, change it there and run
`cargo run -p tests --bin settings-doc > docs/settings.md`.

Each binary contains its defaults. A TOML file given with `--config FILE` overrides them, and environment variables
override the file. The name of a variable is the prefix of the service and the path of the key, joined by two
underscores: `ORDER_SERVICE__KAFKA__BROKERS` sets `kafka.brokers` of order-service. The prefixes are `ORDER_SERVICE`,
`INVENTORY_SERVICE`, `PAYMENT_SERVICE` and `ORCHESTRATOR`; below, `*` stands for any of them.

Durations are written `500ms`, `10s`, `1m 30s`; sizes `65536`, `64 KiB`, `1 MiB`. A list in a variable is a TOML array
or text with commas. Unknown keys and invalid values stop the start with the key, the value and the allowed values.
`--print-config` prints the settings in effect, with secrets masked.

Every secret can be read from a file: the key with `_file` appended, or the variable with `_FILE`, names it. A file that
is missing, empty, larger than 64 KiB or not UTF-8 text stops the start; a line break at its end is not part of the
secret. This also holds for the secrets in `kafka.client`: `\"sasl.password_file\" = \"/run/secrets/kafka\"`, or
`*__KAFKA__CLIENT__SASL_PASSWORD_FILE`.
";

/// A key of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The section, such as `kafka.client`.
    pub section: String,
    /// The name within the section.
    pub name: String,
    /// The default as TOML; of a key of an array of tables the defaults of all entries.
    pub default: String,
    comment: String,
}

/// A section of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    name: String,
    comment: String,
    is_array: bool,
    /// Its keys, in the order of the file.
    pub keys: Vec<Key>,
}

/// The document's text.
///
/// # Errors
/// A file that cannot be read or has a line that is no key, section or comment.
pub fn text() -> Result<String> {
    let mut services = Vec::new();
    for service in SERVICES {
        let path = files::root().join(service).join("config/default.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let sections = sections(&text, service).with_context(|| path.display().to_string())?;
        services.push((service, sections));
    }
    Ok(render(&services))
}

/// The sections of a `default.toml`. In comments the service's name and prefix become `SERVICE`, so that shared keys
/// have equal comments.
///
/// # Errors
/// A line that is no key, section or comment, or a key without a section.
pub fn sections(text: &str, service: &str) -> Result<Vec<Section>> {
    let prefix = prefix(service);
    let mut sections: Vec<Section> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() {
            comment.clear();
        } else if let Some(text) = line.strip_prefix('#') {
            comment.push(text);
        } else if line.starts_with('[') {
            let name = line.trim_matches(['[', ']']).to_owned();
            let comment = neutral(&std::mem::take(&mut comment), service, &prefix);
            let is_array = line.starts_with("[[");
            if !sections.iter().any(|known| known.name == name) {
                sections.push(Section { name, comment, is_array, keys: Vec::new() });
            }
        } else if let (Some((name, default)), Some(section)) = (line.split_once(" = "), sections.last_mut()) {
            let comment = neutral(&std::mem::take(&mut comment), service, &prefix);
            add(section, name, default, comment);
        } else {
            bail!("line {number} is no key, section or comment: {line}");
        }
    }
    Ok(sections)
}

fn add(section: &mut Section, name: &str, default: &str, comment: String) {
    if let Some(key) = section.keys.iter_mut().find(|key| key.name == name) {
        key.default = format!("{}, {default}", key.default);
        return;
    }
    let section_name = section.name.clone();
    section.keys.push(Key { section: section_name, name: name.to_owned(), default: default.to_owned(), comment });
}

/// The comment as one text, without the service's own name.
fn neutral(lines: &[&str], service: &str, prefix: &str) -> String {
    let mut text = String::new();
    let mut after_command = false;
    for line in lines {
        // An alternative such as `"manual" accepts ...` and an indented command begin a line of their own.
        let is_command = line.starts_with("   ");
        let is_alternative = line.trim().strip_prefix('"').is_some_and(|rest| rest.contains("\" "));
        if !text.is_empty() {
            text.push(if is_command || after_command || is_alternative { '\n' } else { ' ' });
        }
        text.push_str(line.trim());
        after_command = is_command;
    }
    text.replace(&format!("{prefix}__"), "SERVICE__").replace(&format!("\"{service}\""), "the service's name")
}

fn prefix(service: &str) -> String {
    service.to_ascii_uppercase().replace('-', "_")
}

type Service<'a> = (&'a str, Vec<Section>);

/// One part for each set of services that share keys, the largest set first.
fn render(services: &[Service<'_>]) -> String {
    let mut owners: Vec<Vec<usize>> = Vec::new();
    for section in services.iter().flat_map(|(_, sections)| sections) {
        for set in section.keys.iter().map(|key| holders(services, key)).chain(empty(services, section)) {
            if !owners.contains(&set) {
                owners.push(set);
            }
        }
    }
    owners.sort_by_key(|set| (usize::MAX - set.len(), set.clone()));
    let mut text = INTRODUCTION.to_owned();
    for set in &owners {
        part(&mut text, services, set);
    }
    text
}

/// The services that have this key with this comment.
fn holders(services: &[Service<'_>], key: &Key) -> Vec<usize> {
    let has = |sections: &[Section]| {
        let same = |other: &Key| other.section == key.section && other.name == key.name && other.comment == key.comment;
        sections.iter().flat_map(|section| &section.keys).any(same)
    };
    (0..services.len()).filter(|i| services.get(*i).is_some_and(|(_, sections)| has(sections))).collect()
}

/// The services that have this section, if it has no keys.
fn empty(services: &[Service<'_>], section: &Section) -> Option<Vec<usize>> {
    let has = |i: &usize| services.get(*i).is_some_and(|(_, sections)| sections.contains(section));
    section.keys.is_empty().then(|| (0..services.len()).filter(has).collect())
}

fn part(text: &mut String, services: &[Service<'_>], set: &[usize]) {
    let members: Vec<&Service<'_>> = set.iter().filter_map(|i| services.get(*i)).collect();
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let title = match names.as_slice() {
        all if all.len() == services.len() => "All services".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
        [] => return,
    };
    let _ = write!(text, "\n## {title}\n");
    let Some((name, sections)) = members.first() else { return };
    let variable = if let [one] = names.as_slice() { prefix(one) } else { "*".to_owned() };
    for section in sections {
        let keys: Vec<&Key> = section.keys.iter().filter(|key| holders(services, key) == set).collect();
        let listed = !keys.is_empty() || empty(services, section).is_some_and(|owners| owners == set);
        if listed {
            heading(text, section, &variable, name);
            table(text, section, &keys, &members, &variable);
        }
    }
}

fn heading(text: &mut String, section: &Section, variable: &str, service: &str) {
    let brackets = if section.is_array { ("[[", "]]") } else { ("[", "]") };
    let _ = write!(
        text,
        "\n### `{}{}{}`\n\n{}\n",
        brackets.0,
        section.name,
        brackets.1,
        markdown(&section.comment, service)
    );
    if section.is_array {
        let path = section.name.to_ascii_uppercase().replace('.', "__");
        let _ = write!(text, "\nThe variable `{variable}__{path}` sets the whole list.\n");
    }
}

fn table(text: &mut String, section: &Section, keys: &[&Key], members: &[&Service<'_>], variable: &str) {
    if keys.is_empty() {
        return;
    }
    let entries = section.is_array;
    text.push_str(if entries {
        "\n| key | defaults of the entries | meaning |\n|---|---|---|\n"
    } else {
        "\n| key | default | environment variable | meaning |\n|---|---|---|---|\n"
    });
    for key in keys {
        let path = format!("{}__{}", section.name.replace('.', "__"), key.name).to_ascii_uppercase();
        let default = default(key, members);
        let meaning = markdown(&key.comment, members.first().map_or("", |(name, _)| name));
        let name = format!("{}.{}", section.name, key.name);
        let is_secret = common::settings::is_secret(&key.name);
        let file = if is_secret { format!("<br>or `{variable}__{path}_FILE`") } else { String::new() };
        let _ = if entries {
            writeln!(text, "| `{}` | {default} | {meaning} |", key.name)
        } else {
            writeln!(text, "| `{name}` | {default} | `{variable}__{path}`{file} | {meaning} |")
        };
    }
}

/// The default, or each service's where they differ.
fn default(key: &Key, members: &[&Service<'_>]) -> String {
    let of = |sections: &[Section]| {
        let same = |other: &&Key| other.section == key.section && other.name == key.name;
        let found = sections.iter().flat_map(|section| &section.keys).find(same);
        found.map(|key| key.default.clone()).unwrap_or_default()
    };
    let all: Vec<(&str, String)> = members.iter().map(|(name, sections)| (*name, of(sections))).collect();
    if all.iter().all(|(_, default)| *default == key.default) {
        return code(&key.default);
    }
    all.iter().map(|(name, default)| format!("{}: {}", name, code(default))).collect::<Vec<_>>().join("<br>")
}

fn code(value: &str) -> String {
    format!("`{}`", value.replace('|', "\\|"))
}

/// A comment as Markdown in a table's cell, with the prefix of `service` again.
fn markdown(comment: &str, service: &str) -> String {
    let mut text = String::new();
    let mut in_code = false;
    for c in comment.chars() {
        in_code ^= c == '`';
        if !in_code && matches!(c, '*' | '<' | '>' | '|') {
            text.push('\\');
        }
        text.push(c);
    }
    text.replace("SERVICE__", &format!("{}__", prefix(service))).replace('\n', "<br>")
}
