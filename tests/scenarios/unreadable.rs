//! Bytes that a client can't read: each damaged range becomes one dead letter, the message behind it is processed, and
//! no process ends.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use common::topics;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::kafka::ConsumedMessage;
use tests::process::Name;
use tests::raw::{self, RawRecord};
use tests::segment::{Damage, Segment};
use tests::wait::PATIENT;

crate::group::scenarios!(
    tombstones_are_dead_letters,
    messages_that_are_too_large_uncompressed_are_dead_letters,
    header_names_that_are_not_utf8_make_dead_letters,
    damaged_batches_are_dead_letters,
    an_empty_batch_is_passed_over,
    damage_at_the_end_of_an_input_is_no_loss,
    a_damaged_journal_is_not_skipped,
);

/// An input of each service; two services read payment-results.
const INPUTS: [&str; 5] = [
    topics::ORDER_COMMANDS,
    topics::INVENTORY_COMMANDS,
    topics::PAYMENT_COMMANDS,
    topics::PAYMENT_RESULTS,
    topics::SAGA_REPLIES,
];

/// Waits for the dead letter that names this origin on partition 0.
async fn letter_of(cluster: &Cluster, topic: &str, offset: i64) -> Result<ConsumedMessage> {
    letter_from(cluster, topic, 0, offset).await
}

/// Waits for the dead letter that names this origin.
async fn letter_from(cluster: &Cluster, topic: &str, partition: i32, offset: i64) -> Result<ConsumedMessage> {
    let is_wanted = |letter: &ConsumedMessage| {
        letter.header("__streams.errors.topic") == topic
            && letter.header("__streams.errors.partition") == partition.to_string()
            && letter.header("__streams.errors.offset") == offset.to_string()
    };
    cluster.dead_letter_that(&format!("names {topic}-{partition} at {offset}"), topic, is_wanted).await
}

fn pids(cluster: &Cluster) -> Result<BTreeMap<String, u32>> {
    cluster.services().map(|service| Ok((service.name.binary().to_owned(), service.pid()?))).collect()
}

/// Every service still runs, and orders end.
async fn all_go_on(cluster: &Arc<Cluster>, before: &BTreeMap<String, u32>) -> Result<()> {
    cluster.confirms_orders().await.context("orders behind the unreadable messages")?;
    ensure!(pids(cluster)? == *before, "a process ended");
    Ok(())
}

async fn tombstones_are_dead_letters(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let before = pids(&cluster)?;
    let others =
        [topics::CREATED_ORDERS, topics::SAGA_COMMANDS, topics::GOODS_RECEIVED, topics::CASES, topics::CASE_DECISIONS];
    for topic in INPUTS.into_iter().chain(others) {
        let types: [&[(&[u8], &[u8])]; 2] = [&[], &[(b"ce_type", b"order.place")]];
        for headers in types {
            let tombstone = RawRecord { key: Some(b"k"), value: None, headers };
            let offset = raw::produce(&cluster.brokers, topic, 0, &raw::batch(&[tombstone])?)?;
            let letter = letter_of(&cluster, topic, offset).await?;
            ensure!(letter.value.is_empty(), "{topic}: {letter:?}");
        }
    }
    all_go_on(&cluster, &before).await
}

async fn messages_that_are_too_large_uncompressed_are_dead_letters(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let before = pids(&cluster)?;
    for topic in INPUTS {
        for (codec, megabytes, kept) in
            [("gzip", 9, true), ("zstd", 30, true), ("lz4", 9, true), ("snappy", 9, true), ("zstd", 100, false)]
        {
            let value = vec![b'x'; megabytes << 20];
            let offset = cluster.kafka.append_compressed(topic, 0, &value, codec).await?;
            let letter = letter_of(&cluster, topic, offset).await?;
            let reason = letter.header("__streams.errors.message");
            ensure!(reason.starts_with(&format!("offset {offset} can't be read")), "{topic}, {codec}: {reason}");
            ensure!(letter.value.is_empty() != kept, "{topic}, {codec}: {} bytes", letter.value.len());
            ensure!(!letter.header("dead_letter_cut").is_empty(), "{topic}, {codec}: it is not whole");
        }
    }
    all_go_on(&cluster, &before).await
}

async fn header_names_that_are_not_utf8_make_dead_letters(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let before = pids(&cluster)?;
    let headers: &[(&[u8], &[u8])] = &[(b"ce_id", b"1"), (b"\xff\xfe", b"x"), (b"ce_type", b"x")];
    let record = raw::batch(&[RawRecord { key: Some(b"k"), value: Some(b"{}"), headers }])?;
    for topic in INPUTS {
        let offset = raw::produce(&cluster.brokers, topic, 0, &record)?;
        let letter = letter_of(&cluster, topic, offset).await?;
        let reason = letter.header("__streams.errors.message");
        ensure!(reason.ends_with("the name of header 2 of 3 is not UTF-8"), "{reason}");
        ensure!(letter.value == b"{}" && letter.id() == "1", "what can be read is kept: {letter:?}");
    }
    // The page of the dead letters reads such headers, too.
    let dlq = topics::dead_letters(topics::STOCK_EVENTS);
    if cluster.kafka.topics().await?.contains_key(&dlq) {
        raw::produce(&cluster.brokers, &dlq, 0, &record)?;
    }
    let dlq = topics::dead_letters(topics::GOODS_RECEIVED);
    raw::produce(&cluster.brokers, &dlq, 0, &record)?;
    let page = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/dead-letters/{dlq}")).await?;
    let page = page.unwrap_or_default().to_string();
    ensure!(page.contains("is not UTF-8"), "{page}");
    all_go_on(&cluster, &before).await
}

/// Writes the three records of a batch that is damaged later; returns the first offset.
fn write_batch(cluster: &Cluster, topic: &str, partition: i32, damage: Damage) -> Result<i64> {
    let text = format!("{{\"damaged\":\"{damage:?} {}\"}}", "x".repeat(200));
    let record = RawRecord { key: Some(b"k"), value: Some(text.as_bytes()), headers: &[] };
    raw::produce(&cluster.brokers, topic, partition, &raw::batch(&[record; 3])?)
}

/// The damaged batches of a topic's partition 0: the first offset, the last, and the damage.
async fn write_batches(cluster: &Cluster, topic: &str) -> Result<Vec<DamagedBatch>> {
    let mut damaged = Vec::new();
    for damage in [Damage::Checksum, Damage::Codec, Damage::Compression, Damage::Magic] {
        let first = write_batch(cluster, topic, 0, damage)?;
        cluster.kafka.append(topic, 0, format!("behind {damage:?}").as_bytes()).await?;
        damaged.push((first, first + 2, damage));
    }
    Ok(damaged)
}

/// The first and the last offset of a batch, and how it is damaged.
type DamagedBatch = (i64, i64, Damage);

/// Damages batches of partition 0 in the files of the stopped broker, and starts it again.
fn damage_segments(broker: &Broker, written: &[(&str, Vec<DamagedBatch>)]) -> Result<()> {
    damage_partitions(broker, 0, written)
}

/// Damages batches of a partition of each topic in the files of the stopped broker, and starts it again.
fn damage_partitions(broker: &Broker, partition: i32, written: &[(&str, Vec<DamagedBatch>)]) -> Result<()> {
    tokio::task::block_in_place(|| {
        broker.stop()?;
        for (topic, batches) in written {
            let mut segment = Segment::open(broker, topic, partition)?;
            for (first, _, damage) in batches {
                segment.damage(*first, *damage)?;
            }
            segment.save()?;
        }
        broker.start_again()
    })
}

/// Starts all services and waits until they are ready.
async fn start(cluster: &Cluster) -> Result<()> {
    for service in cluster.services() {
        service.start()?;
    }
    for service in cluster.services() {
        service.ready_within(PATIENT).await?;
    }
    Ok(())
}

async fn damaged_batches_are_dead_letters(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    cluster.stop().await?;
    let mut written = Vec::new();
    for topic in INPUTS {
        written.push((topic, write_batches(&cluster, topic).await?));
    }
    damage_segments(&broker, &written)?;
    start(&cluster).await?;
    let before = pids(&cluster)?;
    for (topic, batches) in written {
        for (first, last, damage) in batches {
            let letter = letter_of(&cluster, topic, first).await.with_context(|| format!("{damage:?}"))?;
            let reason = letter.header("__streams.errors.message");
            let range = format!("offsets {first} to {last} can't be read: ");
            ensure!(reason.starts_with(&range), "{topic}, {damage:?}: {reason}");
            let behind = letter_of(&cluster, topic, last + 1).await.with_context(|| format!("{damage:?}"))?;
            ensure!(behind.value == format!("behind {damage:?}").as_bytes(), "{topic}: {behind:?}");
        }
    }
    all_go_on(&cluster, &before).await
}

/// The messages before an empty batch, and behind it, are read.
async fn an_empty_batch_is_passed_over(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    cluster.stop().await?;
    let mut written = Vec::new();
    for topic in INPUTS {
        let first = write_batch(&cluster, topic, 1, Damage::Empty)?;
        cluster.kafka.append(topic, 1, b"behind an empty batch").await?;
        written.push((topic, vec![(first, first + 2, Damage::Empty)]));
    }
    damage_partitions(&broker, 1, &written)?;
    start(&cluster).await?;
    let before = pids(&cluster)?;
    for (topic, batches) in written {
        for (first, last, _) in batches {
            let behind = letter_from(&cluster, topic, 1, last + 1).await?;
            ensure!(behind.value == b"behind an empty batch", "{topic}: {behind:?}");
            has_no_letter(&cluster, topic, 1, first..=last).await?;
        }
    }
    all_go_on(&cluster, &before).await
}

/// Expects no dead letter of these offsets, which hold no message.
async fn has_no_letter(cluster: &Cluster, topic: &str, partition: i32, offsets: RangeInclusive<i64>) -> Result<()> {
    let letters = cluster.kafka.read(&topics::dead_letters(topic)).await?;
    let of = |letter: &&ConsumedMessage| {
        let offset = letter.header("__streams.errors.offset").parse();
        let is_there = letter.header("__streams.errors.partition") == partition.to_string();
        is_there && offset.is_ok_and(|offset| offsets.contains(&offset))
    };
    let found = letters.iter().find(of);
    ensure!(found.is_none(), "{topic}: {found:?}");
    Ok(())
}

/// A batch at the end of each input's partition 0, with other damage each.
async fn write_last_batches(cluster: &Cluster, kinds: &[Damage]) -> Result<Vec<(&'static str, Vec<DamagedBatch>)>> {
    let mut written = Vec::new();
    for (topic, damage) in INPUTS.into_iter().zip(kinds) {
        let first = write_batch(cluster, topic, 0, *damage)?;
        let last = first + 2;
        ensure!(cluster.kafka.end(topic, 0).await? == last + 1, "{topic}-0 has messages behind offset {last}");
        written.push((topic, vec![(first, last, *damage)]));
    }
    Ok(written)
}

async fn damage_at_the_end_of_an_input_is_no_loss(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    const KINDS: [Damage; 5] = [Damage::Checksum, Damage::Codec, Damage::Compression, Damage::Magic, Damage::Record];
    // The last message read is damaged afterwards.
    let read = write_last_batches(&cluster, &KINDS).await?;
    for (topic, batches) in &read {
        for (_, last, _) in batches {
            letter_of(&cluster, topic, *last).await?;
        }
    }
    cluster.stop().await?;
    damage_segments(&broker, &read)?;
    start(&cluster).await.context("the last message read is damaged")?;
    // The damage is read, and is the last that was.
    cluster.stop().await?;
    let [named @ .., _] = KINDS;
    let unread = write_last_batches(&cluster, &named).await?;
    damage_segments(&broker, &unread)?;
    start(&cluster).await?;
    for (topic, batches) in &unread {
        for (first, _, damage) in batches {
            letter_of(&cluster, topic, *first).await.with_context(|| format!("{damage:?}"))?;
        }
    }
    cluster.stop().await?;
    start(&cluster).await.context("the last offsets read are damaged")?;
    all_go_on(&cluster, &pids(&cluster)?).await
}

async fn a_damaged_journal_is_not_skipped(cluster: Arc<Cluster>, broker: Arc<Broker>) -> Result<()> {
    const JOURNAL: &str = "order-journal";
    cluster.stop().await?;
    let service = cluster.service(Name::Orders)?;
    std::fs::remove_dir_all(service.view()).context("remove the view")?;
    let whole = tokio::task::block_in_place(|| {
        broker.stop()?;
        let whole = Segment::open(&broker, JOURNAL, 1)?;
        let mut damaged = Segment::open(&broker, JOURNAL, 1)?;
        damaged.damage(0, Damage::Checksum)?;
        damaged.save()?;
        broker.start_again().map(|()| whole)
    })?;
    service.start()?;
    let status = service.ended(PATIENT).await?;
    ensure!(!status.success(), "{status}");
    let report = service.report(20);
    let expected = format!("{JOURNAL}, partition 1: offset 0 can't be read: ");
    ensure!(report.contains(&expected), "the log does not contain '{expected}':\n{report}");
    tokio::task::block_in_place(|| {
        broker.stop()?;
        whole.save()?;
        broker.start_again()
    })?;
    start(&cluster).await?;
    all_go_on(&cluster, &pids(&cluster)?).await
}
