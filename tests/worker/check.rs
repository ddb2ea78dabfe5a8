//! The final check, from the topics alone: commands, decisions of the journal, and sent results.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, ensure};
use common::{ids, topics};
use tests::kafka::{ConsumedMessage, Kafka};
use tests::process::Name;
use tests::sums::{COMMANDS, Command, RESULTS, Sum, Summed, key};

use crate::journal::JournalState;

/// The expected results of the commands: each account's sum, and each output.
#[derive(Default)]
struct Expected {
    sums: BTreeMap<String, Sum>,
    outputs: BTreeMap<String, Summed>,
    ends: BTreeMap<i32, i64>,
}

impl Expected {
    fn of(commands: &[ConsumedMessage]) -> Result<Self> {
        let mut expected = Self::default();
        for message in commands {
            let command: Command = serde_json::from_slice(&message.value)?;
            expected.ends.insert(message.partition, message.offset + 1);
            if command.is_poison() {
                continue;
            }
            let sum = expected.sums.entry(key(&command.account)).or_default();
            *sum = sum.plus(command.n);
            let id = ids::derive(&[message.id(), "sum"]).to_string();
            let before = expected.outputs.insert(id, command.result(*sum));
            ensure!(before.is_none(), "command {} is on its topic twice: the test's producer failed", message.id());
        }
        Ok(expected)
    }
}

/// The ids of the outputs on their topic, with their counts.
pub async fn outputs(kafka: &Kafka) -> Result<BTreeMap<String, usize>> {
    let mut times = BTreeMap::new();
    for message in kafka.read(RESULTS).await? {
        *times.entry(message.id().to_owned()).or_default() += 1;
    }
    Ok(times)
}

/// The reasons of the dead letters of commands, by the command's id.
pub async fn dead_letters(kafka: &Kafka) -> Result<BTreeMap<String, String>> {
    let all = kafka.read(&topics::dead_letters(COMMANDS)).await?;
    let reason = |letter: &ConsumedMessage| letter.header("__streams.errors.message").to_owned();
    Ok(all.iter().map(|letter| (letter.id().to_owned(), reason(letter))).collect())
}

/// Checks everything and returns a summary.
pub async fn check(kafka: &Kafka, messages: usize) -> Result<String> {
    let expected = Expected::of(&kafka.read(COMMANDS).await?)?;
    ensure!(expected.outputs.len() == messages, "{} commands are on their topic", expected.outputs.len());
    let mut journal = JournalState::default();
    for message in kafka.read(Name::Sums.journal()).await? {
        journal.apply(message.partition, message.offset, &message.value)?;
    }
    let wrong: Vec<_> = expected.sums.iter().filter(|(k, sum)| journal.sums.get(*k) != Some(sum)).collect();
    ensure!(wrong.is_empty(), "expected {wrong:?}, the journal has {:?}", journal.sums);
    ensure!(journal.sums.len() == expected.sums.len(), "unexpected accounts: {:?}", journal.sums.keys());
    for (partition, end) in &expected.ends {
        let position = journal.positions.get(partition).and_then(|p| p.get(COMMANDS));
        ensure!(position == Some(end), "partition {partition} ends at {end}, its position is {position:?}");
    }
    ensure!(journal.decided_twice.is_empty(), "decided twice: {:?}", journal.decided_twice);
    ensure!(journal.decided.len() == messages, "{} outputs were decided", journal.decided.len());

    let mut sent = BTreeMap::<String, ConsumedMessage>::new();
    let mut repeated = 0;
    for message in kafka.read(RESULTS).await? {
        let id = message.id().to_owned();
        let wanted = expected.outputs.get(&id).ok_or_else(|| anyhow!("output {id} belongs to no command"))?;
        let is: Summed = serde_json::from_slice(&message.value)?;
        ensure!(is == *wanted, "output {id} is {is:?}, expected {wanted:?}");
        ensure!(journal.decided.get(&id) == Some(&message.value), "output {id} differs from the decision");
        if let Some(first) = sent.get(&id) {
            repeated += 1;
            ensure!(
                (&first.key, &first.headers) == (&message.key, &message.headers),
                "output {id} was sent twice with different headers"
            );
        } else {
            sent.insert(id, message);
        }
    }
    ensure!(sent.len() == messages, "{} outputs of {messages} were sent", sent.len());
    let void = if journal.void == 0 { "no void records".to_owned() } else { format!("{} void", journal.void) };
    Ok(format!(
        "{messages} messages, {} sums exact, all outputs sent, {repeated} of them repeated; {} claims, {} valid \
         entries, {void}",
        journal.sums.len(),
        journal.claims,
        journal.valid
    ))
}
