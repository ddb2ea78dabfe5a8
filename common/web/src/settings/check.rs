//! The limits of the common sections, beyond their types.

use std::time::Duration;

use vocabulary::topics::BATCH_MAX_BYTES;

use super::sections::{Http, Kafka, Settings, WorkerSettings};
use super::{client, log_level};

/// The shortest and the longest session timeout of a broker's defaults (`group.min.session.timeout.ms`,
/// `group.max.session.timeout.ms`).
const SESSION: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(30 * 60));

/// Reports a key as invalid with its allowed values, unless the condition is true.
type Need<'a> = dyn FnMut(bool, [&str; 2], &str) + 'a;

/// Calls `fault` with the path of each invalid value, and the allowed values.
pub(super) fn check<S>(settings: &Settings<S>, fault: &mut dyn FnMut(&[String], &str)) {
    let Settings { http, edge, auth, kafka, view, worker, log, traces, own: _ } = settings;
    let mut of_edge = |key: &[&str], allowed: &str| {
        fault(&key.iter().map(|segment| (*segment).to_owned()).collect::<Vec<_>>(), allowed);
    };
    edge.check(&mut of_edge);
    traces.check(&mut of_edge);
    if let Some(auth) = auth {
        auth.check(&mut of_edge);
    }
    let mut need = |is_valid: bool, key: [&str; 2], allowed: &str| {
        if !is_valid {
            fault(&key.map(str::to_owned), allowed);
        }
    };
    check_http(http, &mut need);
    check_kafka(kafka, &mut need);
    need(!view.directory.as_os_str().is_empty(), ["view", "directory"], "must be a directory");
    need(!view.lag_limit.is_zero(), ["view", "lag_limit"], "must be more than 0s");
    check_worker(worker, &mut need);
    if let Err(allowed) = log_level::filter(&log.level) {
        need(false, ["log", "level"], &allowed);
    }
    for (name, value) in &kafka.client {
        if let Some(reason) = client::refuses(name, value) {
            fault(&["kafka".to_owned(), "client".to_owned(), name.clone()], &reason);
        }
    }
}

fn check_http(http: &Http, need: &mut Need<'_>) {
    let all_hosts = http.hosts == ["*"];
    let hosts = "must be host names without a port, such as \"orders.example\", or \"*\" alone";
    need(all_hosts || http.hosts.iter().all(|host| is_host_name(host)), ["http", "hosts"], hosts);
    need(http.body_limit >= 1024, ["http", "body_limit"], "must be at least 1 KiB");
    need(http.timeout >= Duration::from_secs(1), ["http", "timeout"], "must be at least 1s");
    let header = (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&http.header_timeout);
    need(header, ["http", "header_timeout"], "must be from 1s to 1h");
    need((1..=1_000_000).contains(&http.connections), ["http", "connections"], "must be from 1 to 1000000");
}

fn check_kafka(kafka: &Kafka, need: &mut Need<'_>) {
    let brokers = "must be host:port, or several separated by commas, such as \"kafka-1:9092,kafka-2:9092\"";
    need(kafka.brokers.split(',').all(is_broker), ["kafka", "brokers"], brokers);
    need((1..=10_000).contains(&kafka.partitions), ["kafka", "partitions"], "must be a whole number from 1 to 10000");
    need((1..=1_000).contains(&kafka.replication), ["kafka", "replication"], "must be a whole number from 1 to 1000");
    let group = "must be a name without spaces, or empty for the service's name";
    need(!kafka.group.contains(char::is_whitespace), ["kafka", "group"], group);
    let session = kafka.session_timeout >= SESSION.0 && kafka.session_timeout <= SESSION.1;
    need(session, ["kafka", "session_timeout"], "must be from 6s to 30m, which brokers accept by default");
    let check = (Duration::from_secs(1)..=Duration::from_secs(60 * 60)).contains(&kafka.topic_check);
    need(check, ["kafka", "topic_check"], "must be from 1s to 1h");
}

fn check_worker(worker: &WorkerSettings, need: &mut Need<'_>) {
    need((1..=100_000).contains(&worker.batch_messages), ["worker", "batch_messages"], "must be from 1 to 100000");
    let batch = (1024..=BATCH_MAX_BYTES).contains(&worker.batch_bytes);
    need(batch, ["worker", "batch_bytes"], "must be from 1 KiB to 1 MiB: the largest decision must fit into a record");
    need(worker.open_in_memory > 0, ["worker", "open_in_memory"], "must be at least 1");
    need((1..=64).contains(&worker.ahead_records), ["worker", "ahead_records"], "must be from 1 to 64");
    let ahead = worker.ahead_bytes >= worker.batch_bytes && worker.ahead_bytes <= 256 << 20;
    need(ahead, ["worker", "ahead_bytes"], "must be from worker.batch_bytes to 256 MiB");
    let undelivered = (1..=100_000).contains(&worker.undelivered_messages);
    need(undelivered, ["worker", "undelivered_messages"], "must be from 1 to 100000");
    let undelivered = (64 << 10..=256 << 20).contains(&worker.undelivered_bytes);
    need(undelivered, ["worker", "undelivered_bytes"], "must be from 64 KiB to 256 MiB");
    need((1..=10_000).contains(&worker.side_effects), ["worker", "side_effects"], "must be from 1 to 10000");
    let timeout = Duration::from_millis(100)..=Duration::from_secs(300);
    need(timeout.contains(&worker.command_timeout), ["worker", "command_timeout"], "must be from 100ms to 5m");
    need(timeout.contains(&worker.effect_timeout), ["worker", "effect_timeout"], "must be from 100ms to 5m");
}

/// A name, or an IPv4 address.
fn is_host_name(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    text.len() <= 253 && text.split('.').all(is_label)
}

/// `host:port`, with an optional protocol, as librdkafka accepts it (`ssl://host:port`).
fn is_broker(text: &str) -> bool {
    let text = text.trim();
    let address = text.split_once("://").map_or(text, |(_, rest)| rest);
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
