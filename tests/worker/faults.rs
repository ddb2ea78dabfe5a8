//! 20,000 messages over 4 partitions and two instances of `sums`, with SIGKILL, SIGSTOP past the session timeout,
//! rebalances and a broker restart, and messages at which the handler panics or sends too much; then every sum must be
//! exact.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use rdkafka::producer::FutureProducer;
use tests::broker::Broker;
use tests::kafka::Kafka;
use tests::process::{Name, Service};
use tests::sums::{Command, PANICS, SENDS_TOO_MUCH};
use tests::wait::{PATIENT, until, until_is};
use tokio::task::JoinHandle;

use crate::check;
use crate::harness::{self, PARTITIONS, send, send_all};
use crate::journal::JournalWatcher;

const WAVES: usize = 5;
const WAVE: usize = 4_000;
/// Commands that can't be processed, and those that are sent behind them.
const POISON: usize = 12;
const BEHIND: usize = 400;

pub async fn sums_are_exact_under_all_faults(broker: Arc<Broker>) -> Result<String> {
    let test = WorkerTest::start(broker).await?;
    let result = test.run().await;
    match result {
        Ok(summary) => Ok(summary),
        Err(error) => Err(anyhow!("{error:#}\n{}", test.report().await)),
    }
}

struct WorkerTest {
    watch: JournalWatcher,
    kafka: Kafka,
    producer: FutureProducer,
    /// Two that share the partitions, and one that joins and leaves.
    instances: [Service; 3],
    broker: Arc<Broker>,
    begun: Instant,
}

impl WorkerTest {
    async fn start(broker: Arc<Broker>) -> Result<Self> {
        let directory = harness::directory("faults")?;
        let own = [
            // Many small records, so that every fault interrupts some.
            ("WORKER__BATCH_MESSAGES", "5"),
            // Decisions run far ahead, so that a stopped instance has records to append when it continues.
            ("WORKER__AHEAD_RECORDS", "64"),
        ];
        let settings = harness::settings(&broker, &own);
        let new = |instance| Service::new(Name::Sums, instance, &directory, &settings);
        let instances = [new(0)?, new(1)?, new(2)?];
        for instance in &instances[..2] {
            instance.start()?;
        }
        for instance in &instances[..2] {
            instance.ready().await?;
        }
        let producer = harness::producer(&broker)?;
        let kafka = Kafka::new(&broker.address())?;
        let watch = JournalWatcher::start(&broker.address(), PARTITIONS)?;
        Ok(Self { watch, kafka, producer, instances, broker, begun: Instant::now() })
    }

    /// The owners by the journal, the readiness of each instance, and the ends of their logs.
    async fn report(&self) -> String {
        let mut report = format!("owners: {:?}\n", self.watch.state().owners);
        for instance in &self.instances {
            report += &format!("{}\n", instance.readiness().await);
        }
        report + &self.instances.iter().map(|instance| instance.report(15)).collect::<String>()
    }

    fn log(&self, what: &str) {
        let state = self.watch.state();
        let seconds = self.begun.elapsed().as_secs_f64();
        let counted = state.counted();
        let void = state.void;
        eprintln!("[{seconds:.1} s] {what}: {counted} counted, {} claims, {void} void", state.claims);
    }

    async fn run(&self) -> Result<String> {
        let [first, second, third] = &self.instances;
        self.watch.owned_by(&[first, second]).await?;
        self.killed(first, second).await?;
        self.stopped(1, first, second).await?;
        self.rebalanced(third).await?;
        self.broker_restarted().await?;
        self.stopped(4, second, first).await?;
        self.set_aside().await?;
        let all = WAVES * WAVE + BEHIND;
        until_is("the outputs on their topic", all, PATIENT, || async { Ok(check::outputs(&self.kafka).await?.len()) })
            .await?;
        for instance in [first, second] {
            instance.sigterm().await?;
        }
        check::check(&self.kafka, all).await
    }

    /// SIGKILL during a wave, then a restart.
    async fn killed(&self, victim: &Service, other: &Service) -> Result<()> {
        let wave = self.wave(0).await?;
        victim.kill9()?;
        victim.restart().await?;
        self.summed(1, wave).await?;
        self.watch.owned_by(&[victim, other]).await?;
        self.log("kill -9");
        Ok(())
    }

    /// One instance is stopped until the other owns its partitions, and then continues with its pending records.
    async fn stopped(&self, number: usize, victim: &Service, other: &Service) -> Result<()> {
        let wave = self.wave(number).await?;
        victim.sigstop()?;
        self.watch.owned_by(&[other]).await?;
        victim.sigcont()?;
        self.summed(number + 1, wave).await?;
        self.watch.owned_by(&[victim, other]).await?;
        self.log("SIGSTOP past the session timeout");
        Ok(())
    }

    /// A third instance joins and leaves.
    async fn rebalanced(&self, third: &Service) -> Result<()> {
        let [first, second, _] = &self.instances;
        let wave = self.wave(2).await?;
        third.restart().await?;
        self.watch.owned_by(&[first, second, third]).await?;
        third.sigterm().await?;
        self.watch.owned_by(&[first, second]).await?;
        self.summed(3, wave).await?;
        self.log("a third instance joined and left");
        Ok(())
    }

    async fn broker_restarted(&self) -> Result<()> {
        let wave = self.wave(3).await?;
        tokio::task::block_in_place(|| self.broker.kill9().and_then(|()| self.broker.start_again()))?;
        self.summed(4, wave).await?;
        let [first, second, _] = &self.instances;
        first.ready().await?;
        second.ready().await?;
        self.watch.owned_by(&[first, second]).await?;
        self.log("the broker was killed and restarted");
        Ok(())
    }

    /// Commands that can't be processed are set aside, and those behind them are processed.
    async fn set_aside(&self) -> Result<()> {
        let poison = |number: usize| {
            let n = if number.is_multiple_of(2) { PANICS } else { SENDS_TOO_MUCH };
            (format!("poison-{number}"), Command { account: format!("p{number}"), n, once: false })
        };
        send_all(self.producer.clone(), (0..POISON).map(poison)).await?;
        let all = WAVES * WAVE + BEHIND;
        send(self.producer.clone(), WAVES * WAVE..all).await?;
        self.watch.until_counted(all).await.context("behind the poison")?;
        let letters = until("the dead letters", PATIENT, || async {
            let letters = check::dead_letters(&self.kafka).await?;
            Ok((letters.len() >= POISON).then_some(letters))
        })
        .await?;
        for number in 0..POISON {
            let (id, command) = poison(number);
            let reason = letters.get(&id).cloned().unwrap_or_default();
            let cause = if command.n == PANICS { "the handler panicked" } else { "longer than topic" };
            ensure!(reason.starts_with("set aside") && reason.contains(cause), "{id}: {reason}");
        }
        let mut reports = String::new();
        for instance in &self.instances[..2] {
            instance.ready().await?;
            reports += &reqwest::get(instance.url("/health/ready")).await?.text().await?;
        }
        ensure!(reports.contains("messages set aside"), "{reports}");
        self.log("poison was set aside");
        Ok(())
    }

    /// Sends a wave and returns when its first commands are summed.
    async fn wave(&self, number: usize) -> Result<JoinHandle<Result<()>>> {
        let before = self.watch.state().counted();
        let wave = tokio::spawn(send(self.producer.clone(), number * WAVE..(number + 1) * WAVE));
        let started = || async { Ok((self.watch.state().counted() > before).then_some(())) };
        until("the first sums of a wave", PATIENT, started).await?;
        Ok(wave)
    }

    /// Waits until the commands of `waves` waves are summed.
    async fn summed(&self, waves: usize, last: JoinHandle<Result<()>>) -> Result<()> {
        last.await??;
        self.watch.until_counted(waves * WAVE).await
    }
}
