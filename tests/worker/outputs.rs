//! An output whose partitions are offline: its topic is on a second broker, which is killed.

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use tests::broker::Broker;
use tests::files;
use tests::kafka::Kafka;
use tests::process::{Name, Service};
use tests::sums::RESULTS;
use tests::topics::Topics;
use tests::wait::{PATIENT, until, until_is};

use crate::check;
use crate::harness::{self, PARTITIONS};
use crate::journal::JournalWatcher;

const MESSAGES: usize = 2_000;
/// `worker.undelivered_messages` of the test.
const LIMIT: usize = 50;
const BATCH: usize = 5;
const AHEAD: usize = 2;

/// Deciding stops at the bound, a take-over too, and nothing is lost or doubled when the output is online again.
pub async fn an_offline_output_makes_its_inputs_wait(broker: Arc<Broker>) -> Result<String> {
    let test = Outputs::start(&broker).await?;
    let result = test.run().await;
    result.map_err(|error| anyhow!("{error:#}\n{}", test.instance.report(15)))
}

struct Outputs {
    watch: JournalWatcher,
    kafka: Kafka,
    producer: rdkafka::producer::FutureProducer,
    instance: Service,
    /// Holds the results, and nothing else.
    second: Broker,
}

impl Outputs {
    async fn start(broker: &Broker) -> Result<Self> {
        let kafka = Kafka::new(&broker.address())?;
        let limit = LIMIT.to_string();
        let batch = BATCH.to_string();
        let ahead = AHEAD.to_string();
        let own = [
            ("WORKER__UNDELIVERED_MESSAGES", limit.as_str()),
            ("WORKER__BATCH_MESSAGES", batch.as_str()),
            ("WORKER__AHEAD_RECORDS", ahead.as_str()),
            ("VIEW__LAG_LIMIT", "2s"),
        ];
        let directory = harness::directory("outputs")?;
        let instance = Service::new(Name::Sums, 0, &directory, &harness::settings(broker, &own))?;
        // Its topics, and the group's, are created on the first broker while that is the only one.
        instance.restart().await?;
        instance.sigterm().await?;
        let second = Broker::join(broker, &files::target()?.join("test-brokers/worker-2"))?;
        let topics = Topics::new(&kafka)?;
        topics.delete(RESULTS).await?;
        topics.create_on(RESULTS, PARTITIONS, second.id).await?;
        instance.restart().await?;
        let watch = JournalWatcher::start(&broker.address(), PARTITIONS)?;
        Ok(Self { watch, kafka, producer: harness::producer(broker)?, instance, second })
    }

    async fn run(&self) -> Result<String> {
        tokio::task::block_in_place(|| self.second.kill9())?;
        harness::send(self.producer.clone(), 0..MESSAGES).await?;
        self.instance.not_ready("decides nothing for").await?;
        let decided = self.decided()?;
        let claims = self.watch.state().claims;
        self.instance.kill9()?;
        self.instance.start()?;
        let claimed = || async { Ok((self.watch.state().claims > claims).then_some(())) };
        until("the take-over", PATIENT, claimed).await?;
        self.instance.not_ready("decides nothing for").await?;
        let after = self.decided()?;
        ensure!(after < MESSAGES, "the output is offline, and all is decided");
        tokio::task::block_in_place(|| self.second.start_again())?;
        let arrived = || async { Ok(check::outputs(&self.kafka).await?.len()) };
        until_is("the outputs on their topic", MESSAGES, PATIENT, arrived).await?;
        self.instance.ready().await?;
        self.instance.sigterm().await?;
        let summary = check::check(&self.kafka, MESSAGES).await?;
        Ok(format!("{summary}; offline: {decided} decided, {after} after a take-over"))
    }

    /// The decided commands, which are bounded.
    fn decided(&self) -> Result<usize> {
        let decided = self.watch.state().decided.len();
        // Records that were appended when the bound was reached, and one that exceeds it.
        let most = usize::try_from(PARTITIONS)? * (LIMIT + (AHEAD + 1) * BATCH);
        ensure!(decided <= most, "{decided} outputs were decided, at most {most} may be");
        Ok(decided)
    }
}
