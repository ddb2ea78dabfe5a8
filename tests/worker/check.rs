//! The check when all is over, from the topics alone: what was asked, what the journal decided, what was said.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, ensure};
use common::ids;
use tests::kafka::{Kafka, Lying};
use tests::process::Name;
use tests::sums::{COMMANDS, Command, RESULTS, Sum, Summed, key};

use crate::ledger::Ledger;

/// What should have come of the commands as they lie: each account's sum, and each output.
#[derive(Default)]
struct Expected {
    sums: BTreeMap<String, Sum>,
    outputs: BTreeMap<String, Summed>,
    ends: BTreeMap<i32, i64>,
}

impl Expected {
    fn of(commands: &[Lying]) -> Result<Self> {
        let mut expected = Self::default();
        for lying in commands {
            let command: Command = serde_json::from_slice(&lying.value)?;
            let sum = expected.sums.entry(key(&command.account)).or_default();
            *sum = sum.plus(command.n);
            let id = ids::derive(&[lying.id(), "sum"]).to_string();
            let before = expected.outputs.insert(id, command.result(*sum));
            ensure!(before.is_none(), "command {} lies twice on its topic: the test's own producer failed", lying.id());
            expected.ends.insert(lying.partition, lying.offset + 1);
        }
        Ok(expected)
    }
}

/// Ids of the outputs that lie on their topic, and how often.
pub async fn outputs(kafka: &Kafka) -> Result<BTreeMap<String, usize>> {
    let mut times = BTreeMap::new();
    for lying in kafka.read(RESULTS).await? {
        *times.entry(lying.id().to_owned()).or_default() += 1;
    }
    Ok(times)
}

/// Judges all of it.
pub async fn check(kafka: &Kafka, messages: usize) -> Result<String> {
    let expected = Expected::of(&kafka.read(COMMANDS).await?)?;
    ensure!(expected.outputs.len() == messages, "{} commands lie on their topic", expected.outputs.len());
    let mut ledger = Ledger::default();
    for lying in kafka.read(Name::Sums.journal()).await? {
        ledger.take(lying.partition, lying.offset, &lying.value)?;
    }
    let wrong: Vec<_> = expected.sums.iter().filter(|(k, sum)| ledger.sums.get(*k) != Some(sum)).collect();
    ensure!(wrong.is_empty(), "expected {wrong:?}, the journal has {:?}", ledger.sums);
    ensure!(ledger.sums.len() == expected.sums.len(), "accounts that nobody asked for: {:?}", ledger.sums.keys());
    for (partition, end) in &expected.ends {
        let position = ledger.positions.get(partition).and_then(|p| p.get(COMMANDS));
        ensure!(position == Some(end), "partition {partition} ends at {end}, its position is {position:?}");
    }
    ensure!(ledger.decided_twice.is_empty(), "decided twice: {:?}", ledger.decided_twice);
    ensure!(ledger.decided.len() == messages, "{} outputs were decided", ledger.decided.len());

    let mut said = BTreeMap::<String, Lying>::new();
    let mut repeated = 0;
    for lying in kafka.read(RESULTS).await? {
        let id = lying.id().to_owned();
        let wanted = expected.outputs.get(&id).ok_or_else(|| anyhow!("output {id} answers no command"))?;
        let is: Summed = serde_json::from_slice(&lying.value)?;
        ensure!(is == *wanted, "output {id} is {is:?} and should be {wanted:?}");
        ensure!(ledger.decided.get(&id) == Some(&lying.value), "output {id} is not what was decided");
        if let Some(first) = said.get(&id) {
            repeated += 1;
            ensure!(
                (&first.key, &first.headers) == (&lying.key, &lying.headers),
                "output {id} came twice, differently"
            );
        } else {
            said.insert(id, lying);
        }
    }
    ensure!(said.len() == messages, "{} outputs of {messages} are there", said.len());
    let void = if ledger.void == 0 { "no void record was seen".to_owned() } else { format!("{} void", ledger.void) };
    Ok(format!(
        "{messages} messages, {} sums exact, all outputs there, {repeated} of them repeated; {} claims, {} valid \
         entries, {void}",
        ledger.sums.len(),
        ledger.claims,
        ledger.valid
    ))
}
