//! Topics that are not as they should be: made beforehand with other settings, altered while the services run, with
//! records deleted, with partitions added.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use common::topics;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PARTITIONS};
use tests::command;
use tests::kafka::Kafka;
use tests::process::{Name, Service};
use tests::sums::{COMMANDS, Command, RESULTS};
use tests::topics::{Topics, command_in, run_command};
use tests::wait::{PATIENT, SOON, until, until_is};

use crate::deployments;

crate::group::scenarios!(
    a_journal_made_with_other_settings_is_refused_until_it_is_mended,
    a_journal_altered_while_running_is_noticed,
    a_compacted_journal_names_its_topic_and_the_remedy,
    a_view_that_the_journal_cannot_rebuild_is_kept,
    a_replaced_view_is_kept_until_the_new_one_is_complete,
    partitions_added_to_payment_results_are_read_after_a_restart,
    partitions_added_to_the_topic_of_a_deployed_definition_are_noticed,
    partitions_added_to_a_journal_stay_unused,
);

const JOURNAL: &str = "sums-journal";

/// The smallest service, with topics of its own.
struct Sums {
    service: Service,
    topics: Topics,
    cluster: Arc<Cluster>,
}

impl Sums {
    /// A service without topics and view.
    async fn new(cluster: &Arc<Cluster>, scenario: &str) -> Result<Self> {
        let settings = [
            ("KAFKA__BROKERS", cluster.brokers.clone()),
            ("KAFKA__PARTITIONS", PARTITIONS.to_string()),
            ("KAFKA__SESSION_TIMEOUT", "6s".to_owned()),
            ("KAFKA__TOPIC_CHECK", "1s".to_owned()),
            ("LOG__FORMAT", "text".to_owned()),
        ];
        let service = Service::new(Name::Sums, 0, &cluster.scratch(scenario)?, &settings)?;
        let topics = Topics::new(&cluster.kafka)?;
        let existing = cluster.kafka.topics().await?;
        for topic in existing.keys().filter(|name| name.starts_with("sums-")) {
            topics.delete(topic).await?;
        }
        Ok(Self { service, topics, cluster: Arc::clone(cluster) })
    }

    /// Sends a command and waits for its result.
    async fn add(&self, account: &str, n: i64) -> Result<()> {
        self.send(account, n).await?;
        self.has_added(account, n).await
    }

    async fn send(&self, account: &str, n: i64) -> Result<()> {
        let command = serde_json::to_value(Command { account: account.to_owned(), n, once: false })?;
        self.cluster.kafka.event(COMMANDS, "sums.add", account, &command).await
    }

    async fn has_added(&self, account: &str, n: i64) -> Result<()> {
        until(&format!("the result of adding {n} to {account}"), PATIENT, || async {
            let results = self.cluster.kafka.about(RESULTS, account).await?;
            let added = |value: &[u8]| serde_json::from_slice::<Value>(value).is_ok_and(|value| value["n"] == n);
            Ok(results.iter().any(|message| added(&message.value)).then_some(()))
        })
        .await
    }

    /// Changes the view of the stopped service. Closing it also writes its log into the file.
    fn change_view(&self, statement: &str) -> Result<()> {
        let view = rusqlite::Connection::open(self.service.view().join("view.db"))?;
        view.execute(statement, [])?;
        Ok(view.close().map_err(|(_, error)| error)?)
    }

    fn has_view(&self, name: &str) -> bool {
        self.service.view().join(name).exists()
    }
}

/// Starts a process of the service that must end by itself; returns its output.
async fn refused(service: &Service, settings: &[(&str, &str)]) -> Result<String> {
    let mut command = service.command()?;
    command.envs(settings.iter().map(|(key, value)| (service.name.variable(key), (*value).to_owned())));
    command::refused(command).await
}

fn has_words(text: &str, words: &[&str]) -> Result<()> {
    words.iter().try_for_each(|word| ensure_word(text, word))
}

fn ensure_word(text: &str, word: &str) -> Result<()> {
    ensure!(text.contains(word), "'{word}' is missing in:\n{text}");
    Ok(())
}

/// Waits until `/health/ready` has this status; returns a check of its body.
async fn readiness(service: &Service, status: u16, check: &str, at_most: Duration) -> Result<String> {
    let client = tests::http::client().build()?;
    until(&format!("readiness {status} with {check}"), at_most, || async {
        let answer = client.get(service.url("/health/ready")).send().await?;
        let found = answer.status().as_u16();
        let body: Value = answer.json().await?;
        let text = body["checks"][check].as_str().map(str::to_owned);
        match text.filter(|_| found == status) {
            Some(text) => Ok(Some(text)),
            None => Err(anyhow!("{found} {body}")),
        }
    })
    .await
}

async fn a_journal_made_with_other_settings_is_refused_until_it_is_mended(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let topics = Topics::new(&cluster.kafka)?;
    let orders = cluster.service(Name::Orders)?;
    orders.sigterm().await?;
    let needed = topics::Topic::journal("order-journal").settings();
    let wrong = [
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000"),
        ("max.message.bytes", "100000"),
        ("cleanup.policy", "compact"),
        ("message.timestamp.type", "CreateTime"),
    ];
    let view = cluster.scratch("refused-view")?;
    let settings = [("VIEW__DIRECTORY", view.to_str().unwrap_or_default()), ("HTTP__LISTEN", "127.0.0.1:0")];
    for found in wrong {
        let others = needed.iter().map(|(name, value)| (*name, value.as_str()));
        let made: Vec<_> = others.filter(|(name, _)| *name != found.0).chain([found]).collect();
        topics.delete("order-journal").await?;
        topics.create("order-journal", PARTITIONS, &made).await?;
        let output = refused(orders, &settings).await?;
        let value = needed.iter().find(|(name, _)| *name == found.0).map_or("", |(_, value)| value.as_str());
        let command = format!("--entity-name order-journal --add-config {}={value}", found.0);
        has_words(&output, &["order-journal", &format!("{} is {}, needed: {value}", found.0, found.1), &command])?;
    }
    ensure!(!view.join("view.db").exists(), "the view is opened before the topics are checked");
    topics.delete("order-journal").await?;
    topics.create("order-journal", PARTITIONS, &wrong).await?;
    let output = refused(orders, &settings).await?;
    run_command(&command_in(&output)?)?;
    orders.restart().await?;
    cluster.item(1).await?.order(1).place().await?.payment("pending").await
}

async fn a_journal_altered_while_running_is_noticed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let sums = Sums::new(&cluster, "altered").await?;
    sums.service.restart().await?;
    sums.topics.alter(JOURNAL, "retention.ms=604800000,segment.ms=100000000")?;
    let text = readiness(&sums.service, 503, "topic sums-journal", PATIENT).await?;
    has_words(&text, &["retention.ms is 604800000, needed: -1"])?;
    sums.topics.alter(COMMANDS, "retention.ms=3600000")?;
    readiness(&sums.service, 503, "topic sums-commands", PATIENT).await?;
    run_command(&command_in(&text)?)?;
    let text = readiness(&sums.service, 200, "topic sums-commands", PATIENT).await?;
    has_words(&text, &["retention.ms is 3600000"])?;
    let log = std::fs::read_to_string(sums.service.log())?;
    let lines = log.lines().filter(|line| line.contains("ERROR") && line.contains("topic sums-journal")).count();
    ensure!(lines == 1, "logged {lines} times:\n{log}");
    has_words(&log, &["topic sums-journal is as it must be again"])?;
    sums.service.sigterm().await
}

async fn a_compacted_journal_names_its_topic_and_the_remedy(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let sums = Sums::new(&cluster, "compacted").await?;
    sums.service.restart().await?;
    sums.add("a", 1).await?;
    sums.topics.alter(JOURNAL, "cleanup.policy=compact")?;
    sums.send("a", 2).await?;
    let line = until("a line about the rejected append", PATIENT, || async {
        let log = std::fs::read_to_string(sums.service.log())?;
        Ok(log.lines().find(|line| line.contains("an append to sums-journal failed")).map(str::to_owned))
    })
    .await?;
    has_words(&line, &["cleanup.policy", "--entity-name sums-journal"])?;
    run_command(&command_in(&line)?)?;
    sums.has_added("a", 2).await?;
    sums.service.ready().await?;
    sums.service.sigterm().await
}

async fn a_view_that_the_journal_cannot_rebuild_is_kept(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let sums = Sums::new(&cluster, "truncated").await?;
    sums.service.restart().await?;
    sums.add("a", 1).await?;
    sums.service.sigterm().await?;
    for partition in 0..PARTITIONS {
        let journal = cluster.kafka.read(JOURNAL).await?;
        let next = journal.iter().filter(|m| m.partition == partition).map(|m| m.offset + 1).max();
        sums.topics.delete_before(JOURNAL, partition, next.unwrap_or(0)).await?;
    }
    // The view needs none of the deleted records.
    sums.service.restart().await?;
    sums.add("a", 2).await?;
    sums.service.sigterm().await?;
    has_words(&std::fs::read_to_string(sums.service.log())?, &["the last whole copy"])?;

    let path = sums.service.view().join("view.db");
    sums.change_view("UPDATE meta SET value = value")?;
    let whole = std::fs::read(&path)?;
    sums.change_view("UPDATE meta SET value = 'another' WHERE name = 'schema'")?;
    let output = refused(&sums.service, &[]).await?;
    has_words(&output, &["sums-journal", "begins at offset", "It is kept", "Start the release that wrote it"])?;
    let kept = rusqlite::Connection::open(&path)?;
    let states: i64 = kept.query_row("SELECT count(*) FROM entities", [], |row| row.get(0))?;
    ensure!(states == 1, "{states} states in the kept view");
    kept.close().map_err(|(_, error)| error)?;

    std::fs::write(&path, "not a database")?;
    has_words(&refused(&sums.service, &[]).await?, &["begins at offset", "Copy the view of another instance"])?;
    ensure!(std::fs::read(&path)? == b"not a database", "the broken view is not kept");
    std::fs::remove_file(&path)?;
    has_words(&refused(&sums.service, &[]).await?, &["there is no file", "begins at offset"])?;
    std::fs::write(&path, whole)?;
    sums.service.restart().await?;
    sums.add("a", 3).await?;
    sums.service.sigterm().await
}

async fn a_replaced_view_is_kept_until_the_new_one_is_complete(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let sums = Sums::new(&cluster, "replaced").await?;
    sums.service.restart().await?;
    sums.add("a", 1).await?;
    sums.service.sigterm().await?;
    sums.change_view("UPDATE meta SET value = 'another' WHERE name = 'schema'")?;
    sums.service.restart().await?;
    until_is("the replaced view", false, SOON, || async { Ok(sums.has_view("view.replaced.db")) }).await?;
    sums.add("a", 2).await?;
    sums.service.sigterm().await?;
    // A view of another cluster is never deleted: this journal does not contain it.
    sums.change_view("UPDATE meta SET value = 'another' WHERE name = 'cluster'")?;
    sums.service.restart().await?;
    sums.add("a", 3).await?;
    ensure!(sums.has_view("view.other-log.db"), "the view of another cluster is deleted");
    sums.service.sigterm().await
}

async fn partitions_added_to_payment_results_are_read_after_a_restart(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let results = topics::PAYMENT_RESULTS;
    let readers = [cluster.service(Name::Payments)?, cluster.service(Name::Orchestrator)?];
    let item = cluster.item(10).await?;
    let first = item.order(1).place().await?;
    first.payment("pending").await?;
    Topics::new(&cluster.kafka)?.expand(results, 4).await?;
    for service in readers {
        let text = readiness(service, 503, "topic payment-results", PATIENT).await?;
        has_words(&text, &["4 partitions", "restart the service", "Keep kafka.partitions = 2"])?;
    }
    // The cluster's client does not know the added partitions.
    let added = Kafka::new(&cluster.brokers)?;
    let approve = |order: String, partition: i32| {
        let kafka = added.clone();
        let value = json!({"orderId": order, "status": "approved"}).to_string();
        async move { kafka.publish(results, Some(partition), value.as_bytes()).await }
    };
    approve(first.id.clone(), 2 + first.partition()).await?;
    let partitions = [("KAFKA__PARTITIONS", "4"), ("HTTP__LISTEN", "127.0.0.1:0")];
    for service in readers {
        has_words(&refused(service, &partitions).await?, &["Set kafka.partitions = 2", service.name.journal()])?;
        service.sigterm().await?;
        service.restart().await?;
        readiness(service, 200, "topic payment-results", SOON).await?;
    }
    first.ends("confirmed").await.context("approved on an added partition")?;
    // On the wrong one of the added partitions, like every second message of an operator.
    for _ in 0..2 {
        let order = item.order(1).place().await?;
        order.payment("pending").await?;
        approve(order.id.clone(), 3 - order.partition()).await?;
        order.ends("confirmed").await.context("approved on the wrong added partition")?;
    }
    added.publish(results, Some(3), b"garbage").await?;
    let letter = cluster.dead_letter(results, b"garbage").await?;
    ensure!(letter.header("__streams.errors.partition") == "3", "{letter:?}");
    cluster.confirms_an_order().await
}

async fn partitions_added_to_the_topic_of_a_deployed_definition_are_noticed(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let (status, deployed) = deployments::deploy(&cluster, &deployments::named("ticket")).await?;
    ensure!(status == StatusCode::CREATED, "{status}: {deployed:#}");
    orchestrator.ready().await?;
    Topics::new(&cluster.kafka)?.expand("requested-ticket", 3).await?;
    let text = readiness(orchestrator, 503, "topic requested-ticket", PATIENT).await?;
    has_words(&text, &["3 partitions", "restart the service"])?;
    orchestrator.sigterm().await?;
    orchestrator.restart().await?;
    let text = readiness(orchestrator, 200, "topic requested-ticket", PATIENT).await?;
    has_words(&text, &["the others are read too"])?;
    cluster.confirms_an_order().await
}

async fn partitions_added_to_a_journal_stay_unused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let sums = Sums::new(&cluster, "expanded").await?;
    sums.service.restart().await?;
    sums.add("a", 1).await?;
    for topic in [JOURNAL, COMMANDS] {
        sums.topics.expand(topic, 3).await?;
    }
    readiness(&sums.service, 503, "topic sums-commands", PATIENT).await?;
    sums.service.sigterm().await?;
    let output = refused(&sums.service, &[("KAFKA__PARTITIONS", "3")]).await?;
    has_words(&output, &["kafka.partitions is 3", "sums-journal is written with 2", "Set kafka.partitions = 2"])?;
    sums.service.restart().await?;
    let text = readiness(&sums.service, 200, "topic sums-journal", SOON).await?;
    has_words(&text, &["the service writes to the first 2 only"])?;
    sums.add("a", 2).await?;
    let value = serde_json::to_vec(&Command { account: "b".to_owned(), n: 5, once: false })?;
    // The cluster's client does not know the added partition.
    Kafka::new(&cluster.brokers)?.append(COMMANDS, 2, &value).await?;
    sums.has_added("b", 5).await?;
    let added = cluster.kafka.read(JOURNAL).await?.into_iter().filter(|message| message.partition >= PARTITIONS);
    ensure!(added.count() == 0, "an added partition of the journal is written");
    sums.service.sigterm().await
}
