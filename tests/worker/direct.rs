//! Commands that reach their worker without a topic, while instances are killed, stopped and restarted: each that was
//! accepted is counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use common::ids;
use tests::broker::Broker;
use tests::kafka::Kafka;
use tests::process::{Name, Service};
use tests::sums::{COMMANDS, Command, Sum, key};
use tests::wait::{PATIENT, until};

use crate::check;
use crate::harness::{self, PARTITIONS};
use crate::journal::{JournalState, JournalWatcher};

const COMMANDS_SENT: usize = 3_000;
const ACCOUNTS: usize = 41;
/// Commands that are sent at the same time.
const CLIENTS: usize = 8;
/// How long a client waits for an answer before it sends the command again.
const ANSWER: Duration = Duration::from_secs(8);

pub async fn accepted_commands_are_counted_once_whatever_happens(broker: Arc<Broker>) -> Result<String> {
    let instances = harness::pair(&broker, "direct", &[("WORKER__BATCH_MESSAGES", "5")])?;
    let result = run(&broker, &instances).await;
    result.map_err(|error| anyhow!("{error:#}\n{}{}", instances[0].report(15), instances[1].report(15)))
}

async fn run(broker: &Broker, [first, second]: &[Service; 2]) -> Result<String> {
    first.restart().await?;
    second.restart().await?;
    let watch = JournalWatcher::start(&broker.address(), PARTITIONS)?;
    watch.owned_by(&[first, second]).await?;
    let accepted = Arc::new(AtomicUsize::new(0));
    let clients = clients(&[first.url(""), second.url("")], &accepted);
    sent(&accepted, COMMANDS_SENT / 6).await?;
    first.kill9()?;
    sent(&accepted, COMMANDS_SENT / 3).await?;
    first.restart().await?;
    watch.owned_by(&[first, second]).await?;
    sent(&accepted, COMMANDS_SENT / 2).await?;
    second.sigstop()?;
    watch.owned_by(&[first]).await?;
    second.sigcont()?;
    watch.owned_by(&[first, second]).await?;
    first.sigterm().await?;
    first.restart().await?;
    for client in clients {
        client.await??;
    }
    watch.until_counted(COMMANDS_SENT).await?;
    first.sigterm().await?;
    second.sigterm().await?;
    check(&Kafka::new(&broker.address())?).await
}

/// Clients that send each command to one instance after the other until one answers that it is accepted.
fn clients(urls: &[String], accepted: &Arc<AtomicUsize>) -> Vec<tokio::task::JoinHandle<Result<()>>> {
    let client = |nth: usize| {
        let urls = urls.to_vec();
        let accepted = Arc::clone(accepted);
        tokio::spawn(async move {
            let client = tests::http::client().timeout(ANSWER).build()?;
            for number in (nth..COMMANDS_SENT).step_by(CLIENTS) {
                let body = command(number);
                let answered = AtomicUsize::new(number);
                until("a command accepted", PATIENT, || async {
                    let attempt = answered.fetch_add(1, Ordering::Relaxed);
                    let url = urls.get(attempt % urls.len()).map_or("", String::as_str);
                    let answer = client.post(format!("{url}/commands/{}", id(number))).json(&body).send().await?;
                    Ok(answer.error_for_status().map(Some)?)
                })
                .await?;
                accepted.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })
    };
    (0..CLIENTS).map(client).collect()
}

fn id(number: usize) -> String {
    format!("direct-{number}")
}

fn command(number: usize) -> Command {
    let n = i64::try_from(number % 1_009).unwrap_or_default();
    Command { account: format!("a{}", number * 31 % ACCOUNTS), n, once: true }
}

async fn sent(accepted: &AtomicUsize, number: usize) -> Result<()> {
    let enough = || async { Ok((accepted.load(Ordering::Relaxed) >= number).then_some(())) };
    until("accepted commands", PATIENT, enough).await
}

/// Checks the sums and the decisions, and that commands came both ways.
async fn check(kafka: &Kafka) -> Result<String> {
    let mut journal = JournalState::default();
    for message in kafka.read(Name::Sums.journal()).await? {
        journal.apply(message.partition, message.offset, &message.value)?;
    }
    let mut expected = BTreeMap::<String, Sum>::new();
    let mut outputs = BTreeSet::new();
    for number in 0..COMMANDS_SENT {
        let Command { account, n, .. } = command(number);
        let sum = expected.entry(key(&account)).or_default();
        *sum = sum.plus(n);
        outputs.insert(ids::derive(&[&id(number), "sum"]).to_string());
    }
    journal.sums.retain(|key, _| key.starts_with("sum/"));
    ensure!(journal.sums == expected, "expected {expected:?}, the journal has {:?}", journal.sums);
    ensure!(journal.decided_twice.is_empty(), "decided twice: {:?}", journal.decided_twice);
    ensure!(journal.decided.keys().eq(&outputs), "{} outputs were decided", journal.decided.len());
    let sent = check::outputs(kafka).await?;
    ensure!(sent.keys().eq(&outputs), "{} outputs were sent", sent.len());
    let over_topic = kafka.read(COMMANDS).await?.len();
    ensure!(0 < over_topic && over_topic < COMMANDS_SENT, "{over_topic} commands are on the topic");
    Ok(format!(
        "{COMMANDS_SENT} commands counted once, {over_topic} of them over the topic; {} claims, {} void",
        journal.claims, journal.void
    ))
}
