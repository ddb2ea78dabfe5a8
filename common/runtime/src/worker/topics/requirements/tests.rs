//! The requirements, topic by topic.

use super::*;

fn used(topic: Topic, is_read: bool) -> UsedTopic {
    UsedTopic { topic, is_read }
}

/// A topic with its own settings, except these.
fn state(topic: &Topic, replicas: i32, others: &[(&str, &str)]) -> TopicState {
    let defaults = [
        ("retention.bytes", "-1"),
        ("message.timestamp.type", "CreateTime"),
        ("min.insync.replicas", "1"),
        ("segment.ms", "604800000"),
    ];
    let own = topic.settings().into_iter().map(|(name, value)| (name.to_owned(), value));
    let text = |all: &[(&str, &str)]| {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let settings = text(&defaults).into_iter().chain(own).chain(text(others)).collect();
    TopicState { partitions: 2, replicas, settings: Ok(settings) }
}

fn of(topic: &Topic, replicas: i32, others: &[(&str, &str)]) -> Vec<(Effect, String)> {
    let all = check_settings(topic, &state(topic, replicas, others), 1);
    all.into_iter()
        .map(|deviation| match deviation.mend {
            Mend::Setting(name, value) => (deviation.effect, format!("{name}={value}")),
            Mend::Partitions(_) | Mend::Described => (deviation.effect, deviation.text),
        })
        .collect()
}

fn mends(effect: Effect, setting: &str) -> Vec<(Effect, String)> {
    vec![(effect, setting.to_owned())]
}

#[test]
fn topics_as_the_services_create_them_have_no_deviations() {
    for topic in [Topic::journal("j"), Topic::input("i"), Topic::dead_letters_of("i")] {
        assert_eq!(of(&topic, 1, &[]), []);
        assert_eq!(of(&topic, 3, &[("min.insync.replicas", "2")]), []);
    }
}

#[test]
fn a_journal_that_loses_records_stops_the_start() {
    let journal = Topic::journal("j");
    for (name, found, needed) in [
        ("retention.ms", "604800000", "-1"),
        ("retention.bytes", "1000000", "-1"),
        ("max.message.bytes", "100000", "8388608"),
        ("cleanup.policy", "compact", "delete"),
        ("cleanup.policy", "compact,delete", "delete"),
        ("message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("min.insync.replicas", "2", "1"),
    ] {
        assert_eq!(of(&journal, 1, &[(name, found)]), mends(Effect::Stops, &format!("{name}={needed}")));
    }
}

#[test]
fn an_input_that_rejects_or_merges_messages_stops_the_start_and_a_shorter_retention_warns() {
    let input = Topic::input("i");
    assert_eq!(of(&input, 1, &[("cleanup.policy", "compact")]), mends(Effect::Stops, "cleanup.policy=delete"));
    assert_eq!(of(&input, 1, &[("max.message.bytes", "1000")]), mends(Effect::Stops, "max.message.bytes=1048576"));
    assert_eq!(of(&input, 1, &[("max.message.bytes", "99999999")]), mends(Effect::Warns, "max.message.bytes=1048576"));
    assert_eq!(of(&input, 1, &[("retention.ms", "60000")]), mends(Effect::Warns, "retention.ms=604800000"));
    assert_eq!(of(&input, 1, &[("retention.bytes", "60000")]), mends(Effect::Warns, "retention.bytes=-1"));
    for harmless in [("retention.ms", "-1"), ("retention.ms", "999999999"), ("max.message.bytes", "2000000")] {
        assert_eq!(of(&input, 1, &[harmless]), []);
    }
}

#[test]
fn replicas_in_sync_are_at_least_two_and_not_all() {
    let input = Topic::input("i");
    let found = |replicas, found| of(&input, replicas, &[("min.insync.replicas", found)]);
    assert_eq!(found(3, "1"), mends(Effect::Warns, "min.insync.replicas=2"));
    assert_eq!(found(3, "3"), mends(Effect::Warns, "min.insync.replicas=2"));
    assert_eq!(found(3, "4"), mends(Effect::Stops, "min.insync.replicas=2"));
    assert_eq!(found(2, "1"), mends(Effect::Warns, "min.insync.replicas=2"));
    assert_eq!(found(2, "2"), []);
    let fewer = check_settings(&input, &state(&input, 1, &[]), 3);
    assert!(fewer[0].text.contains("kafka.replication is 3"), "{fewer:?}");
}

#[test]
fn unreadable_settings_are_reported_as_not_checked() {
    let topic = Topic::journal("j");
    let state = TopicState { partitions: 1, replicas: 1, settings: Err("authorization failed".to_owned()) };
    let all = check_settings(&topic, &state, 1);
    assert_eq!(all.len(), 1);
    assert!(all[0].effect == Effect::Warns && all[0].text.contains("not checked"), "{all:?}");
}

#[test]
fn partitions_that_are_not_read_stop_and_those_that_are_warn() {
    let input = used(Topic::input("i"), true);
    let output = used(Topic::input("o"), false);
    let effect =
        |used: &UsedTopic, count, moment| check_partitions(used, count, 2, moment).map(|deviation| deviation.effect);
    let running = |at_start| Moment::Running { at_start };
    for used in [&input, &output] {
        for moment in [Moment::FirstStart, Moment::Start, running(2)] {
            assert_eq!(effect(used, 2, moment), None);
            assert_eq!(effect(used, 1, moment), Some(Effect::Stops), "{moment:?}");
        }
        assert_eq!(effect(used, 3, Moment::FirstStart), Some(Effect::Stops));
        assert_eq!(effect(used, 3, Moment::Start), Some(Effect::Warns));
        assert_eq!(effect(used, 3, running(3)), Some(Effect::Warns));
    }
    assert_eq!(effect(&input, 3, running(2)), Some(Effect::Stops));
    assert_eq!(effect(&output, 3, running(2)), Some(Effect::Warns));
}

#[test]
fn added_partitions_never_change_the_setting_once_a_journal_is_written() {
    let input = used(Topic::input("i"), true);
    for moment in [Moment::Start, Moment::Running { at_start: 2 }, Moment::Running { at_start: 3 }] {
        let text = check_partitions(&input, 3, 2, moment).unwrap().text;
        assert!(text.contains("Keep kafka.partitions = 2"), "{text}");
    }
    let text = check_partitions(&input, 3, 2, Moment::FirstStart).unwrap().text;
    assert!(text.contains("set kafka.partitions = 3"), "{text}");
}
