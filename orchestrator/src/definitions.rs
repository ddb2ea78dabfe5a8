//! The definitions this instance knows: those of a directory, or those built in. How they fit together is checked here;
//! each by itself is checked by the engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use common::service::MoreTopics;
use common::topics;
use saga::{CancelEvent, Definition, DefinitionError, Receive};

const BUILT_IN: [(&str, &str); 2] =
    [("order.toml", include_str!("../sagas/order.toml")), ("return.toml", include_str!("../sagas/return.toml"))];
/// The longest name of a topic that Kafka takes.
const LONGEST_TOPIC: usize = 249;

/// Definitions, each name and version once.
#[derive(Clone, Debug, Default)]
pub struct Definitions(Vec<Arc<Definition>>);

impl Definitions {
    /// Reads and checks all definitions.
    ///
    /// # Errors
    /// Everything that is wrong with any of them, a line each.
    pub fn load(directory: &Path) -> anyhow::Result<Self> {
        if directory.as_os_str().is_empty() {
            return Self::parse(BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        }
        let shown = directory.display();
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).with_context(|| format!("sagas.directory = {shown}: it can't be read"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                let text =
                    fs::read_to_string(&path).with_context(|| format!("{}: it can't be read", path.display()))?;
                files.push((path.display().to_string(), text));
            }
        }
        ensure!(!files.is_empty(), "sagas.directory = {shown}: no *.toml in it");
        files.sort();
        Self::parse(files.into_iter())
    }

    fn parse(files: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let (mut all, mut wrong) = (Self::default(), Vec::new());
        for (name, text) in files {
            wrong.extend(all.add(&name, &text).err().into_iter().flatten());
        }
        wrong.extend(all.mixed_up());
        if !wrong.is_empty() {
            bail!("saga definitions:\n{}", wrong.join("\n"));
        }
        Ok(all)
    }

    /// Reads and checks one more.
    ///
    /// # Errors
    /// Everything that is wrong with it, a line each.
    pub fn add(&mut self, file: &str, text: &str) -> Result<Arc<Definition>, Vec<String>> {
        let told = |errors: Vec<DefinitionError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        let new = Arc::new(Definition::parse(file, text).map_err(told)?);
        let wrong: Vec<String> =
            self.clashes(&new).into_iter().chain(bad_topics(&new)).map(|wrong| format!("{file}: {wrong}")).collect();
        self.0.push(new.clone());
        if wrong.is_empty() { Ok(new) } else { Err(wrong) }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Definition> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// All of them, to be kept.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.0.iter()
    }

    /// Those that such an event begins: versions of one definition, the newest first.
    pub fn begun_by(&self, topic: &str, event: &str) -> Vec<&Arc<Definition>> {
        let mut fit: Vec<_> = self.0.iter().filter(|d| d.start.topic == topic && d.start.event == event).collect();
        fit.sort_by_key(|d| std::cmp::Reverse(d.version));
        fit
    }

    /// Those that such an event calls off.
    pub fn cancelled_by(&self, topic: &str, event: &str) -> Option<&CancelEvent> {
        let starts = self.all().map(|definition| &definition.start).filter(|start| start.topic == topic);
        starts.filter_map(|start| start.cancel.as_ref()).find(|cancel| cancel.event == event)
    }

    /// The one of this name and version.
    pub fn of(&self, name: &str, version: u32) -> Option<&Arc<Definition>> {
        self.0.iter().find(|d| d.name == name && d.version == version)
    }

    /// The waits on a topic.
    pub fn receives<'d>(&'d self, topic: &'d str) -> impl Iterator<Item = &'d Receive> {
        self.all().flat_map(Definition::receives).filter(move |receive| receive.topic == topic)
    }

    /// Whether a topic is waited on.
    pub fn is_received(&self, topic: &str) -> bool {
        self.receives(topic).next().is_some()
    }

    /// The topics they name.
    pub fn topics(&self) -> MoreTopics {
        let received = self.all().flat_map(Definition::receives).map(|receive| receive.topic.clone());
        let inputs = self.all().map(|d| d.start.topic.clone()).chain(received).collect();
        let outputs = self.all().flat_map(|d| d.participants.values()).map(|p| p.topic.clone()).collect();
        MoreTopics { inputs, outputs }
    }

    /// What of a further definition does not go with these.
    fn clashes(&self, new: &Definition) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.of(&new.name, new.version).is_some() {
            let (name, version) = (&new.name, new.version);
            wrong.push(format!("{name} version {version} is defined twice; write another version"));
        }
        let begun = self.begun_by(&new.start.topic, &new.start.event);
        if let Some(other) = begun.iter().find(|other| other.name != new.name) {
            let (name, event) = (&other.name, &new.start.event);
            wrong.push(format!("start: {event:?} begins {name:?} already; write another event or topic"));
        }
        wrong
    }

    /// Topics that are used for two things: a message there could not be told from another.
    pub fn mixed_up(&self) -> Vec<String> {
        let started: BTreeSet<&str> = self.all().map(|d| d.start.topic.as_str()).collect();
        let both = started.into_iter().filter(|topic| self.is_received(topic));
        both.map(|topic| format!("topic {topic:?} begins sagas and is waited on; write one topic for each")).collect()
    }
}

/// Topics of a definition that can't be, or that are something else here.
fn bad_topics(definition: &Definition) -> Vec<String> {
    let receives = definition.receives().map(|receive| ("receive", &receive.topic));
    let participants = definition.participants.iter().map(|(name, participant)| (name.as_str(), &participant.topic));
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut wrong = Vec::new();
    for (place, topic) in std::iter::once(("start", &definition.start.topic)).chain(receives).chain(participants) {
        let own = [topics::SAGA_REPLIES, topics::SAGA_COMMANDS].contains(&topic.as_str());
        let is_name = topic.len() <= LONGEST_TOPIC && topic.chars().all(good) && !topic.chars().all(|c| c == '.');
        if !is_name {
            wrong.push(format!("{place}: {topic:?} is no topic; write letters, digits, \".\", \"_\" and \"-\""));
        } else if own || topic.ends_with("-journal") || topic.ends_with(".dlq") {
            wrong.push(format!("{place}: topic {topic:?} is used for something else; write another"));
        }
    }
    wrong
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
    fn the_built_in_definitions_are_good() {
        let all = Definitions::load(Path::new("")).unwrap();
        assert_eq!(all.begun_by("created-orders", "order.created")[0].name, "order");
        assert_eq!(all.begun_by("created-orders", "return.requested")[0].name, "return");
        assert!(all.begun_by("created-orders", "order.eaten").is_empty());
        let topics = all.topics();
        assert_eq!(
            topics.inputs,
            BTreeSet::from(["created-orders", "goods-received", "payment-results"].map(str::to_owned))
        );
        assert!(topics.outputs.contains("inventory-commands"));
    }

    #[test]
    fn what_is_wrong_with_a_directory_is_said_all_at_once() {
        let wrong = wrong(&[("a.toml", ORDER.into()), ("b.toml", ORDER.into()), ("c.toml", "version = 0".into())]);
        assert!(wrong.contains("b.toml: order version 3 is defined twice"), "{wrong}");
        assert!(wrong.contains("c.toml"), "{wrong}");
    }

    #[test]
    fn the_newest_version_comes_first() {
        let newer = ORDER.replace("\nversion = 3", "\nversion = 7");
        let files = [("a".to_owned(), ORDER.to_owned()), ("b".to_owned(), newer)];
        let all = Definitions::parse(files.into_iter()).unwrap();
        let begun = all.begun_by("created-orders", "order.created");
        assert_eq!(begun.iter().map(|d| d.version).collect::<Vec<_>>(), [7, 3]);
        assert_eq!(all.of("order", 7).unwrap().version, 7);
    }

    #[test]
    fn a_topic_that_cannot_be_or_is_another_is_refused() {
        for (topic, told) in [
            ("pay ment", "is no topic"),
            ("saga-replies", "used for something else"),
            ("payment-journal", "used for something else"),
            ("x.dlq", "used for something else"),
            ("..", "is no topic"),
        ] {
            let text = ORDER.replace("topic = \"payment-commands\"", &format!("topic = \"{topic}\""));
            let wrong = wrong(&[("a.toml", text)]);
            assert!(wrong.contains("a.toml: payment: ") && wrong.contains(told), "{wrong}");
        }
    }

    #[test]
    fn an_event_begins_one_definition_and_a_topic_is_for_one_thing() {
        let other = ORDER.replace("name = \"order\"", "name = \"other\"");
        let told = wrong(&[("a.toml", ORDER.into()), ("b.toml", other)]);
        assert!(told.contains("b.toml: start: \"order.created\" begins \"order\" already"), "{told}");
        let mixed = ORDER.replace("receive = { topic = \"payment-results\"", "receive = { topic = \"created-orders\"");
        assert!(wrong(&[("a.toml", mixed)]).contains("\"created-orders\" begins sagas and is waited on"));
    }
}
