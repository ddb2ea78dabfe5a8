//! The definitions of this instance: those of a directory, or the built-in ones. The engine checks each definition,
//! this module that they fit together.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use common::bounds::json_bytes;
use common::service::MoreTopics;
use common::{schemas, topics};
use saga::{CancelEvent, Definition, DefinitionError, Receive};

const BUILT_IN: [(&str, &str); 5] = [
    ("order.toml", include_str!("../sagas/order.toml")),
    ("return.toml", include_str!("../sagas/return.toml")),
    ("parcel.toml", include_str!("../sagas/parcel.toml")),
    ("failed-refund.toml", include_str!("../sagas/failed-refund.toml")),
    ("dispute.toml", include_str!("../sagas/dispute.toml")),
];
/// The maximum length of a topic name in Kafka.
const MAX_TOPIC_LENGTH: usize = 249;

/// The most bytes of all texts.
pub(crate) const TEXTS_BYTES: usize = 4 << 20;

/// Definitions, unique by name and version.
#[derive(Clone, Debug, Default)]
pub struct Definitions(Vec<Arc<Definition>>);

impl Definitions {
    /// Reads and checks all definitions.
    ///
    /// # Errors
    /// All problems of all definitions, a line each.
    pub fn load(directory: &Path) -> anyhow::Result<Self> {
        if directory.as_os_str().is_empty() {
            return Self::parse(BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        }
        let directory_name = directory.display();
        let mut files = Vec::new();
        for entry in
            fs::read_dir(directory).with_context(|| format!("sagas.directory = {directory_name}: it can't be read"))?
        {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                let text =
                    fs::read_to_string(&path).with_context(|| format!("{}: it can't be read", path.display()))?;
                files.push((path.display().to_string(), text));
            }
        }
        ensure!(!files.is_empty(), "sagas.directory = {directory_name}: no *.toml in it");
        files.sort();
        Self::parse(files.into_iter())
    }

    fn parse(files: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut all = Self::default();
        let mut problems = Vec::new();
        for (name, text) in files {
            problems.extend(all.add(&name, &text).err().into_iter().flatten());
        }
        problems.extend(all.ambiguous_topics());
        if !problems.is_empty() {
            bail!("saga definitions:\n{}", problems.join("\n"));
        }
        Ok(all)
    }

    /// Parses, checks and adds a definition.
    ///
    /// # Errors
    /// All problems of it, a line each.
    pub fn add(&mut self, file: &str, text: &str) -> Result<Arc<Definition>, Vec<String>> {
        let new = Arc::new(parse(file, text)?);
        let problems = self.insert(file, new.clone());
        if problems.is_empty() { Ok(new) } else { Err(problems) }
    }

    /// Checks that a definition fits these. Returns them with it.
    ///
    /// # Errors
    /// All problems, a line each.
    pub fn fitting(&self, name: &str, new: &Arc<Definition>) -> Result<Self, Vec<String>> {
        let mut all = self.clone();
        let mut problems = all.insert(name, new.clone());
        if problems.is_empty() {
            problems = all.ambiguous_topics();
        }
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    /// Adds a definition. Returns all problems of it, a line each.
    fn insert(&mut self, file: &str, new: Arc<Definition>) -> Vec<String> {
        let problems = self.conflicts(&new).into_iter().chain(invalid_topics(&new)).chain(invalid_paths(&new));
        let problems = problems.chain(self.oversize(new.source()));
        let problems = problems.map(|problem| format!("{file}: {problem}")).collect();
        self.0.push(new);
        problems
    }

    /// The problem with texts that are too long to be stored: a claim writes all of them in one record.
    fn oversize(&self, new: &str) -> Option<String> {
        let stored = |text: &str| json_bytes(text);
        let all = self.all().map(|known| stored(known.source())).sum::<usize>() + stored(new);
        (all > TEXTS_BYTES).then(|| {
            format!(
                "the definitions have {all} bytes together; at most {TEXTS_BYTES} are possible: remove old versions"
            )
        })
    }

    /// All definitions.
    pub fn all(&self) -> impl Iterator<Item = &Definition> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// All definitions, shared.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.0.iter()
    }

    /// These definitions and others, of which those with the name and version of one of these are left out.
    #[must_use]
    pub fn with(&self, others: impl IntoIterator<Item = Arc<Definition>>) -> Self {
        let mut all = self.clone();
        for other in others {
            if all.of(&other.name, other.version).is_none() {
                all.0.push(other);
            }
        }
        all
    }

    /// The versions of the definition that an event starts, the newest first.
    pub fn started_by(&self, topic: &str, event: &str) -> Vec<&Arc<Definition>> {
        self.newest_first(|d| d.start.topic == topic && d.start.event == event)
    }

    /// The versions of the definition with this name, the newest first.
    pub fn versions_of(&self, name: &str) -> Vec<&Arc<Definition>> {
        self.newest_first(|d| d.name == name)
    }

    fn newest_first(&self, matches: impl Fn(&Definition) -> bool) -> Vec<&Arc<Definition>> {
        let mut versions: Vec<_> = self.0.iter().filter(|definition| matches(definition)).collect();
        versions.sort_by_key(|definition| std::cmp::Reverse(definition.version));
        versions
    }

    /// How an event cancels a saga, if it does.
    pub fn cancelled_by(&self, topic: &str, event: &str) -> Option<&CancelEvent> {
        let starts = self.all().map(|definition| &definition.start).filter(|start| start.topic == topic);
        starts.filter_map(|start| start.cancel.as_ref()).find(|cancel| cancel.event == event)
    }

    /// The definition with this name and version.
    pub fn of(&self, name: &str, version: u32) -> Option<&Arc<Definition>> {
        self.0.iter().find(|d| d.name == name && d.version == version)
    }

    /// The `receive` parts on a topic.
    pub fn receives<'d>(&'d self, topic: &'d str) -> impl Iterator<Item = &'d Receive> {
        self.all().flat_map(Definition::receives).filter(move |receive| receive.topic == topic)
    }

    /// Returns true if a step waits on this topic.
    pub fn is_received(&self, topic: &str) -> bool {
        self.receives(topic).next().is_some()
    }

    /// The topics that the definitions read and write.
    pub fn topics(&self) -> MoreTopics {
        let inputs = self.all().flat_map(inputs_of).cloned().collect();
        let outputs = self.all().flat_map(outputs_of).map(str::to_owned).collect();
        MoreTopics { inputs, outputs }
    }

    /// The conflicts of a new definition with these.
    fn conflicts(&self, new: &Definition) -> Vec<String> {
        let mut problems = Vec::new();
        if self.of(&new.name, new.version).is_some() {
            let Definition { name, version, .. } = new;
            problems.push(format!("{name} version {version} is defined twice; write another version"));
        }
        if let Some(other) = self.started_instead(new) {
            let name = &other.name;
            let event = &new.start.event;
            problems.push(format!("start: {event:?} starts {name:?} already; write another event or topic"));
        }
        problems
    }

    /// Another definition that the same event starts.
    fn started_instead(&self, new: &Definition) -> Option<&Arc<Definition>> {
        let started = self.started_by(&new.start.topic, &new.start.event);
        started.into_iter().find(|other| other.name != new.name)
    }

    /// The conflicts among these definitions.
    pub fn conflicting(&self) -> Vec<String> {
        let starts_two = |new: &Definition| {
            let other = self.started_instead(new)?;
            Some(format!("{:?} starts {:?} and {:?}", new.start.event, new.name, other.name))
        };
        self.all().filter_map(starts_two).chain(self.ambiguous_topics()).collect()
    }

    /// The topics that carry both start events and callbacks: the two could not be distinguished.
    pub fn ambiguous_topics(&self) -> Vec<String> {
        let started: BTreeSet<&str> = self.all().map(|d| d.start.topic.as_str()).collect();
        let both = started.into_iter().filter(|topic| self.is_received(topic));
        both.map(|topic| format!("topic {topic:?} starts sagas and is waited on; write one topic for each")).collect()
    }
}

/// Parses a definition.
///
/// # Errors
/// All problems of it, a line each.
pub fn parse(file: &str, text: &str) -> Result<Definition, Vec<String>> {
    let texts = |errors: Vec<DefinitionError>| errors.iter().map(ToString::to_string).collect();
    Definition::parse(file, text).map_err(texts)
}

/// The topics that a definition reads.
pub fn inputs_of(definition: &Definition) -> impl Iterator<Item = &String> {
    std::iter::once(&definition.start.topic).chain(definition.receives().map(|receive| &receive.topic))
}

/// The topics that a definition writes: those of commands, and those on which people who complete tasks answer.
fn outputs_of(definition: &Definition) -> impl Iterator<Item = &str> {
    let commands = definition.participants.values().map(|participant| participant.topic.as_str());
    commands.chain(definition.answered_topics())
}

/// Topics that only their services may read: a part of the commands reaches them in another way.
const COMMANDS: [&str; 3] = [topics::ORDER_COMMANDS, topics::INVENTORY_COMMANDS, topics::PAYMENT_COMMANDS];

/// The problems of the topics in a definition: invalid or reserved names.
fn invalid_topics(definition: &Definition) -> Vec<String> {
    let start = std::iter::once(("start", &definition.start.topic));
    let read = start.chain(definition.receives().map(|receive| ("receive", &receive.topic)));
    let written = definition.participants.iter().map(|(name, participant)| (name.as_str(), &participant.topic));
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut problems = Vec::new();
    let all = read.map(|read| (read, true)).chain(written.map(|written| (written, false)));
    for ((place, topic), is_read) in all {
        let is_reserved = [topics::SAGA_REPLIES, topics::SAGA_COMMANDS].contains(&topic.as_str())
            || is_read && COMMANDS.contains(&topic.as_str());
        let is_name =
            topic.len() <= MAX_TOPIC_LENGTH && topic.chars().all(is_allowed) && !topic.chars().all(|c| c == '.');
        if !is_name {
            problems.push(format!("{place}: {topic:?} is not a topic; write letters, digits, \".\", \"_\" and \"-\""));
        } else if is_reserved || topic.ends_with("-journal") || topic.ends_with(".dlq") {
            problems.push(format!("{place}: topic {topic:?} is reserved; write another"));
        }
    }
    problems
}

/// The problems of waits on topics whose messages have a schema: paths that these do not have.
fn invalid_paths(definition: &Definition) -> Vec<String> {
    let mut problems = Vec::new();
    for receive in definition.receives() {
        let Some(schema) = schemas::of_topic(&receive.topic) else { continue };
        let id = schemas::id_path(schema);
        let status = schemas::STATUS_PATH;
        for (key, path, known) in [("correlation", &receive.correlation, id), ("status", &receive.status, status)] {
            if path.as_str() != known {
                let topic = &receive.topic;
                problems.push(format!("receive: {key} = \"{path}\" on {topic:?}; write {key} = \"{known}\""));
            }
        }
    }
    problems
}

/// Parses a definition stored in the journal. `None` if this release cannot read it; the errors are logged.
pub fn parse_stored(name: &str, version: u32, text: &str) -> Option<Definition> {
    match Definition::parse(&format!("{name} version {version} in the journal"), text) {
        Ok(definition) => Some(definition),
        Err(errors) => {
            for error in errors {
                tracing::error!("{error}");
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = BUILT_IN[0].1;

    fn wrong(files: &[(&str, String)]) -> String {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.clone()));
        Definitions::parse(files).unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_definitions_are_valid() {
        let all = Definitions::load(Path::new("")).unwrap();
        assert_eq!(all.started_by("created-orders", "order.created")[0].name, "order");
        assert_eq!(all.started_by("created-orders", "return.requested")[0].name, "return");
        assert_eq!(all.started_by("cases", "parcel.undelivered")[0].name, "parcel");
        assert_eq!(all.started_by("cases", "refund.failed")[0].name, "failed-refund");
        assert_eq!(all.started_by("cases", "dispute.opened")[0].name, "dispute");
        assert!(all.started_by("created-orders", "order.eaten").is_empty());
        let topics = all.topics();
        let inputs = ["case-decisions", "cases", "created-orders", "goods-received", "payment-results"];
        assert_eq!(topics.inputs, BTreeSet::from(inputs.map(str::to_owned)));
        assert!(topics.outputs.contains("inventory-commands"));
    }

    #[test]
    fn all_problems_of_a_directory_are_reported_at_once() {
        let wrong = wrong(&[("a.toml", ORDER.into()), ("b.toml", ORDER.into()), ("c.toml", "version = 0".into())]);
        assert!(wrong.contains("b.toml: order version 8 is defined twice"), "{wrong}");
        assert!(wrong.contains("c.toml"), "{wrong}");
    }

    #[test]
    fn the_newest_version_comes_first() {
        let newer = ORDER.replace("\nversion = 8", "\nversion = 9");
        let files = [("a".to_owned(), ORDER.to_owned()), ("b".to_owned(), newer)];
        let all = Definitions::parse(files.into_iter()).unwrap();
        let started = all.started_by("created-orders", "order.created");
        assert_eq!(started.iter().map(|d| d.version).collect::<Vec<_>>(), [9, 8]);
        assert_eq!(all.of("order", 9).unwrap().version, 9);
    }

    #[test]
    fn an_invalid_or_reserved_topic_is_refused() {
        for (topic, problem) in [
            ("pay ment", "is not a topic"),
            ("saga-replies", "is reserved"),
            ("payment-journal", "is reserved"),
            ("x.dlq", "is reserved"),
            ("..", "is not a topic"),
        ] {
            let text = ORDER.replace("topic = \"payment-commands\"", &format!("topic = \"{topic}\""));
            let wrong = wrong(&[("a.toml", text)]);
            assert!(wrong.contains("a.toml: payment: ") && wrong.contains(problem), "{wrong}");
        }
    }

    #[test]
    fn commands_of_a_service_start_no_saga_and_are_waited_on_by_none() {
        for (read, place) in [("created-orders", "start"), ("payment-results", "receive")] {
            let text = ORDER.replace(&format!("topic = \"{read}\""), "topic = \"order-commands\"");
            let wrong = wrong(&[("a.toml", text)]);
            assert!(wrong.contains(&format!("a.toml: {place}: topic \"order-commands\" is reserved")), "{wrong}");
        }
    }

    #[test]
    fn an_event_starts_one_definition_and_a_topic_has_one_use() {
        let other = ORDER.replace("name = \"order\"", "name = \"other\"");
        let problem = wrong(&[("a.toml", ORDER.into()), ("b.toml", other)]);
        assert!(problem.contains("b.toml: start: \"order.created\" starts \"order\" already"), "{problem}");
        let mixed = ORDER.replace("topic = \"payment-results\"", "topic = \"created-orders\"");
        assert!(wrong(&[("a.toml", mixed)]).contains("\"created-orders\" starts sagas and is waited on"));
    }
}
