//! The definitions this instance knows: those of a directory, or those built in.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use common::service::Program as _;
use saga::{Definition, Saga};

use crate::program::Orchestrator;

const BUILT_IN: [(&str, &str); 1] = [("order.toml", include_str!("../sagas/order.toml"))];

/// Definitions, each name and version once.
#[derive(Clone, Debug)]
pub struct Definitions(Vec<Definition>);

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
        let (mut all, mut wrong) = (Vec::<Definition>::new(), Vec::new());
        for (name, text) in files {
            match Definition::parse(&name, &text) {
                Ok(new) if all.iter().any(|d| d.name == new.name && d.version == new.version) => {
                    wrong.push(format!("{name}: {} version {} is defined twice", new.name, new.version));
                }
                Ok(new) => {
                    wrong.extend(unread_topics(&name, &new));
                    all.push(new);
                }
                Err(errors) => wrong.extend(errors.iter().map(ToString::to_string)),
            }
        }
        if !wrong.is_empty() {
            bail!("saga definitions:\n{}", wrong.join("\n"));
        }
        Ok(Self(all))
    }

    /// None at all.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Definition> {
        self.0.iter()
    }

    /// The one that such an event begins: of several versions the newest.
    pub fn begun_by(&self, topic: &str, event: &str) -> Option<&Definition> {
        let fits = |d: &&Definition| d.start.topic == topic && d.start.event == event;
        self.0.iter().filter(fits).max_by_key(|d| d.version)
    }

    /// The one that a saga began with.
    pub fn of(&self, saga: &Saga) -> Option<&Definition> {
        self.0.iter().find(|d| d.name == saga.definition && d.version == saga.version)
    }
}

/// Topics of a definition that this program neither reads nor makes.
fn unread_topics(file: &str, definition: &Definition) -> Vec<String> {
    let known = |topic: &str, among: &[&str]| among.contains(&topic);
    let mut wrong = Vec::new();
    if !known(&definition.start.topic, Orchestrator::INPUTS) {
        wrong.push(format!(
            "{file}: start: topic '{}' is not read; write one of {:?}",
            definition.start.topic,
            Orchestrator::INPUTS
        ));
    }
    for receive in definition.receives().filter(|receive| receive.topic != common::topics::PAYMENT_RESULTS) {
        wrong.push(format!("{file}: receive: topic '{}' is not read; write \"payment-results\"", receive.topic));
    }
    for (name, participant) in definition.participants.iter().filter(|(_, p)| !known(&p.topic, Orchestrator::OUTPUTS)) {
        let allowed = Orchestrator::OUTPUTS;
        wrong.push(format!(
            "{file}: participant {name}: topic '{}' is unknown; write one of {allowed:?}",
            participant.topic
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_definitions_are_good() {
        let all = Definitions::load(Path::new("")).unwrap();
        assert_eq!(all.begun_by("created-orders", "order.created").unwrap().name, "order");
        assert!(all.begun_by("created-orders", "order.eaten").is_none());
    }

    #[test]
    fn what_is_wrong_with_a_directory_is_said_all_at_once() {
        let (_, text) = BUILT_IN[0];
        let files = [("a.toml", text.to_owned()), ("b.toml", text.to_owned()), ("c.toml", "version = 0".to_owned())];
        let wrong = Definitions::parse(files.into_iter().map(|(n, t)| (n.to_owned(), t))).unwrap_err().to_string();
        assert!(wrong.contains("b.toml: order version 1 is defined twice"), "{wrong}");
        assert!(wrong.contains("c.toml"), "{wrong}");
    }

    #[test]
    fn a_topic_nobody_reads_is_refused() {
        let text = BUILT_IN[0].1.replace("topic = \"payment-commands\"", "topic = \"pay\"");
        let wrong = Definitions::parse([("a.toml".to_owned(), text)].into_iter()).unwrap_err().to_string();
        assert!(wrong.contains("participant payment: topic 'pay' is unknown"), "{wrong}");
    }
}
