//! Positions that are gone: messages that expired before they were read, and topics made anew.

use std::process::Output;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use tests::broker::Broker;
use tests::command::{self, text};
use tests::kafka::Kafka;
use tests::process::{Name, Service};
use tests::sums::COMMANDS;
use tests::topics::Topics;
use tests::wait::{PATIENT, until_is};

use crate::harness::{self, PARTITIONS};
use crate::journal::JournalWatcher;

const WAVE: usize = 200;

struct Positions {
    kafka: Kafka,
    producer: rdkafka::producer::FutureProducer,
    instance: Service,
    watch: JournalWatcher,
}

impl Positions {
    /// An instance that has summed a wave.
    async fn start(broker: &Broker, name: &str) -> Result<Self> {
        let kafka = Kafka::new(&broker.address())?;
        let directory = harness::directory(name)?;
        let instance = Service::new(Name::Sums, 0, &directory, &harness::settings(broker, &[]))?;
        instance.restart().await?;
        let watch = JournalWatcher::start(&broker.address(), PARTITIONS)?;
        let test = Self { kafka, producer: harness::producer(broker)?, instance, watch };
        test.send(0..WAVE).await?;
        test.counted(WAVE).await?;
        Ok(test)
    }

    async fn send(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        harness::send(self.producer.clone(), numbers).await
    }

    async fn counted(&self, messages: usize) -> Result<()> {
        self.watch.until_counted(messages).await
    }

    fn position(&self, partition: i32) -> i64 {
        let state = self.watch.state();
        state.positions.get(&partition).and_then(|all| all.get(COMMANDS)).copied().unwrap_or(0)
    }

    /// Runs the binary's subcommand.
    async fn command(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.instance.command()?;
        command.arg("positions").args(arguments);
        command::run(command).await
    }

    async fn accept(&self, partition: i32, more: &[&str]) -> Result<Output> {
        let partition = partition.to_string();
        let mut arguments = vec!["accept-loss", "--topic", COMMANDS, "--partition", &partition, "--why", "a test"];
        arguments.extend(more);
        self.command(&arguments).await
    }

    fn report<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| anyhow!("{error:#}\n{}", self.instance.report(15)))
    }
}

pub async fn a_lost_position_stops_its_partition_until_an_operator_decides(broker: Arc<Broker>) -> Result<String> {
    let test = Positions::start(&broker, "lost").await?;
    let result = lost(&test).await;
    test.report(result)
}

async fn lost(test: &Positions) -> Result<String> {
    let good = test.command(&["show"]).await?;
    ensure!(good.status.success(), "{}", text(&good));
    test.instance.sigterm().await?;
    test.send(WAVE..2 * WAVE).await?;
    let position = test.position(1);
    let end = test.kafka.end(COMMANDS, 1).await?;
    ensure!(position < end, "partition 1 got no message");
    let missing = usize::try_from(end - position)?;
    Topics::new(&test.kafka)?.delete_before(COMMANDS, 1, end).await?;

    test.instance.start()?;
    let response = test.instance.not_ready("sums positions accept-loss --topic sums-commands --partition 1").await?;
    ensure!(response.contains(&format!("it begins at {end}")), "{response}");
    // The others go on.
    test.counted(2 * WAVE - missing).await?;

    let shown = test.command(&["show"]).await?;
    ensure!(!shown.status.success() && text(&shown).contains("accept-loss --topic"), "{}", text(&shown));
    let refused = test.accept(0, &[]).await?;
    ensure!(!refused.status.success() && text(&refused).contains("nothing is lost"), "{}", text(&refused));
    let accepted = test.accept(1, &[]).await?;
    ensure!(accepted.status.success(), "{}", text(&accepted));
    test.instance.ready().await?;
    until_is("the acceptances", 1, PATIENT, || async { Ok(test.watch.state().acceptances.len()) }).await?;
    let recorded = test.watch.state().acceptances.clone();
    let [acceptance] = recorded.as_slice() else { return Err(anyhow!("recorded: {recorded:?}")) };
    ensure!((acceptance.from, acceptance.to) == (position, end), "{acceptance:?}");
    ensure!(acceptance.why == "a test" && !acceptance.by.is_empty(), "{acceptance:?}");
    test.send(2 * WAVE..3 * WAVE).await?;
    test.counted(3 * WAVE - missing).await?;
    test.instance.sigterm().await?;
    Ok(format!("{missing} messages lost and accepted"))
}

pub async fn a_topic_made_anew_is_noticed(broker: Arc<Broker>) -> Result<String> {
    let test = Positions::start(&broker, "anew").await?;
    let result = made_anew(&test, &broker).await;
    test.report(result)
}

pub async fn a_topic_made_anew_while_it_is_read_is_noticed(broker: Arc<Broker>) -> Result<String> {
    let test = Positions::start(&broker, "anew-running").await?;
    let result = made_anew_while_read(&test, &broker).await;
    test.report(result)
}

async fn made_anew_while_read(test: &Positions, broker: &Broker) -> Result<String> {
    make_anew(test, broker).await?;
    continue_anew(test).await?;
    Ok("all partitions of a topic made anew while it was read were stopped, and then read from the beginning"
        .to_owned())
}

async fn made_anew(test: &Positions, broker: &Broker) -> Result<String> {
    test.instance.sigterm().await?;
    make_anew(test, broker).await?;
    test.instance.start()?;
    continue_anew(test).await?;
    Ok("all partitions of a topic made anew were stopped, and then read from the beginning".to_owned())
}

/// Deletes the topic, and makes it again with more messages than before: every position is within the topic again.
async fn make_anew(test: &Positions, broker: &Broker) -> Result<()> {
    let topics = Topics::new(&test.kafka)?;
    topics.delete(COMMANDS).await?;
    topics.create_on(COMMANDS, PARTITIONS, 1).await?;
    // The old producer knows the old topic.
    harness::send(harness::producer(broker)?, WAVE..3 * WAVE).await?;
    for partition in 0..PARTITIONS {
        let end = test.kafka.end(COMMANDS, partition).await?;
        ensure!(test.position(partition) <= end, "partition {partition} ends before the position");
    }
    Ok(())
}

/// Nothing of the new topic is decided before an operator accepts the loss of the old one's messages.
async fn continue_anew(test: &Positions) -> Result<()> {
    for partition in 0..PARTITIONS {
        test.instance.not_ready(&format!("accept-loss --topic {COMMANDS} --partition {partition} ")).await?;
    }
    ensure!(test.watch.state().counted() == u64::try_from(WAVE)?, "a message of the new topic was decided");
    for partition in 0..PARTITIONS {
        let accepted = test.accept(partition, &["--at", "begin"]).await?;
        ensure!(accepted.status.success(), "{}", text(&accepted));
    }
    test.instance.ready().await?;
    test.counted(3 * WAVE).await?;
    test.instance.sigterm().await
}

pub async fn an_expired_marker_is_no_loss(broker: Arc<Broker>) -> Result<String> {
    let test = Positions::start(&broker, "marker").await?;
    let result = expired_marker(&test).await;
    test.report(result)
}

async fn expired_marker(test: &Positions) -> Result<String> {
    test.kafka.publish_in_transaction(COMMANDS, 2, r#"{"account":"in a transaction","n":1}"#).await?;
    test.counted(WAVE + 1).await?;
    let end = test.kafka.end(COMMANDS, 2).await?;
    // The last offset is the transaction's marker.
    until_is("the position", end, PATIENT, || async { Ok(test.position(2)) }).await?;
    test.instance.sigterm().await?;
    Topics::new(&test.kafka)?.delete_before(COMMANDS, 2, end).await?;
    test.instance.restart().await?;
    test.send(WAVE..2 * WAVE).await?;
    test.counted(2 * WAVE + 1).await?;
    test.instance.sigterm().await?;
    Ok("a marker expired, and nothing was lost".to_owned())
}
