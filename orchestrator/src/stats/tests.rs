//! Tests of the sums: those of the latest states, even if states are skipped or written twice.

use std::collections::BTreeMap;

use common::time::Timestamp;
use common::view::{Row, Rows as _};
use proptest::prelude::*;
use rusqlite::Connection;
use saga::{Action, Data, Definition, Input, Operate, Operation, Outcome, Saga, decide};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::entity::{Entity, saga_key};
use crate::filter::Sort;
use crate::view::SagaRows;
use crate::view::testing::empty;

const STARTED: i64 = 1_700_000_000_000;
const EVER: Minutes = Minutes { first: 0, until: i64::MAX };

fn definition() -> Definition {
    Definition::parse("order.toml", include_str!("../../core/tests/kept/order-2.toml")).unwrap()
}

fn write(connection: &mut Connection, saga: &Saga) {
    let tx = connection.transaction().unwrap();
    let state = Entity::Saga(Box::new(saga.clone()));
    let key = saga_key(saga.id);
    let at = Timestamp(saga.updated.0);
    SagaRows::apply(&tx, &Row { partition: 0, key: &key, state: Some(&state), at }).unwrap();
    tx.commit().unwrap();
}

/// All rows of the tables, as text.
fn all(connection: &Connection) -> Vec<String> {
    let queries = [
        "SELECT definition || version || step || what || ' ' || minute || ' ' || bucket || ' ' || n FROM minutes \
         JOIN names ON names.id = minutes.name WHERE n <> 0 ORDER BY 1",
        "SELECT definition || version || step || since || id || state || reason FROM waits ORDER BY 1",
        "SELECT definition || ' ' || step || ' ' || state || ' ' || n FROM waiting WHERE n <> 0 ORDER BY 1",
        "SELECT definition || version || status || n FROM totals WHERE n <> 0 ORDER BY 1",
    ];
    let rows = |sql: &&str| {
        let mut query = connection.prepare(sql).unwrap();
        query.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    queries.iter().flat_map(rows).collect()
}

/// The successive states of a saga with these answers.
fn states(id: u128, answers: &[u8]) -> Vec<Saga> {
    let definition = definition();
    let id = Uuid::from_u128(id);
    let order = json!({"orderId": id, "customerId": "c1", "items": [], "amountMinor": 1, "currency": "BRL"});
    let data = Data::with(&definition.start.output, order);
    let mut now = saga::Timestamp(STARTED);
    let mut saga = decide(&definition, None, Input::Start { id, data, traceparent: None }, now).saga.unwrap();
    let mut states = vec![saga.clone()];
    for answer in answers {
        now = saga::Timestamp(now.0 + i64::from(*answer) * 997);
        let Some(step) = saga.current().next().cloned() else { break };
        let undoing = step.status == saga::StepStatus::Compensating;
        let (action, attempt) =
            if undoing { (Action::Compensate, step.compensations) } else { (Action::Execute, step.attempts) };
        let reply = |outcome| Input::Reply { step: step.name.clone(), attempt, action, outcome };
        let input = match answer % 8 {
            0..4 => reply(Outcome::Ok { data: json!({}) }),
            4 => reply(Outcome::Refused { reason: "no".to_owned(), detail: None }),
            5 => reply(Outcome::Failed { error: "away".to_owned(), retry_after_ms: None }),
            6 => {
                now = saga::Timestamp(saga.wake_at().unwrap_or(now.0).max(now.0));
                Input::Timer
            }
            _ => {
                let what = if saga.status == saga::Status::Incident {
                    Operate::Retry { step: None }
                } else {
                    Operate::Skip { step: step.name.clone(), answer: json!(null) }
                };
                Input::Operator(Operation { id: now.0.to_string(), by: "x".into(), why: "y".into(), from: None, what })
            }
        };
        saga = decide(&definition, Some(saga), input, now).saga.unwrap();
        states.push(saga.clone());
    }
    states
}

proptest! {
    #[test]
    fn skipping_and_repeating_states_changes_no_sum(
        sagas in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6),
        written in prop::collection::vec(any::<bool>(), 64),
    ) {
        let ways: Vec<Vec<Saga>> = (1..).zip(&sagas).map(|(id, answers)| states(id, answers)).collect();
        let mut each = empty();
        let mut last = empty();
        let mut some = empty();
        for way in &ways {
            write(&mut last, way.last().unwrap());
            for (state, twice) in way.iter().zip(written.iter().cycle()) {
                write(&mut each, state);
                if *twice {
                    write(&mut some, state);
                    write(&mut some, state);
                }
            }
            write(&mut some, way.last().unwrap());
        }
        prop_assert_eq!(all(&each), all(&last));
        prop_assert_eq!(all(&some), all(&last));
    }
}

#[test]
fn a_paid_order_is_counted_at_each_step_and_waits_at_none() {
    let mut connection = empty();
    let way = states(1, &[1, 2, 7, 3, 1]);
    write(&mut connection, &way[1]);
    let at = way[1].updated.0 + 5_000;
    let none = BTreeMap::new();
    let here = current(&connection, "order", 2, at, &none).unwrap();
    assert_eq!(here.len(), 1);
    let waits = &here["request-payment"];
    assert_eq!((waits.count, waits.oldest, waits.overdue, waits.failing), (1, Some(5_000), 0, 0));
    assert_eq!(waits.times.count(), 1);
    let oldest = oldest_waits(&connection).unwrap();
    let of = |step: &str| oldest.iter().find(|wait| wait.step == step).map(|wait| wait.since);
    assert_eq!(of("request-payment"), Some(Some(at - 5_000)), "{oldest:?}");
    let later = current(&connection, "order", 2, way[1].updated.0 + 60_001, &none).unwrap();
    assert_eq!(later["request-payment"].overdue, 1, "without history, a minute is long");
    for state in &way[2..] {
        write(&mut connection, state);
    }
    let done = way.last().unwrap();
    assert_eq!(done.status, saga::Status::Completed);
    assert!(current(&connection, "order", 2, at, &none).unwrap().is_empty());
    assert!(oldest_waits(&connection).unwrap().iter().all(|wait| wait.since.is_none()));
    let past = recent(&connection, "order", 2, EVER).unwrap();
    let steps = ["reserve", "request-payment", "payment-result", "finalize", "conclude"];
    let known = Known { recent: &past, history: &past, current: &BTreeMap::new() };
    for step in step_stats(steps.into_iter(), known) {
        assert_eq!((step.started, step.done, step.seen()), (1, 1, 1), "{step:?}");
    }
    // Skipped by an operator after 7 times 997 ms; exact to a bucket.
    let took = past["payment-result"].answered_times.quantile(1.0).unwrap();
    assert!((4_900..9_900).contains(&took), "{took}");
    let ends = counts_by_minute(&connection, EVER).unwrap();
    assert_eq!(ends.len(), 2);
    assert_eq!(ends[1].ending.as_deref(), Some("confirmed"));
    assert_eq!(totals(&connection).unwrap()[0].status, "completed");
}

#[test]
fn outcomes_are_counted_for_ever_and_never_subtracted() {
    let mut connection = empty();
    // Reserved, the payment refused, the release refused, retried by an operator, and done.
    let way = states(7, &[1, 4, 4, 7, 1, 1, 1]);
    for state in way.iter().flat_map(|state| [state, state]) {
        write(&mut connection, state);
    }
    let all = outcomes(&connection).unwrap();
    let count = |name: &str, what| {
        let counted = all.iter().find(|counted| counted.name == name && counted.what == what);
        counted.map_or(0, |counted| counted.times.count())
    };
    assert_eq!(
        (count("", What::Started), count("reserve", What::Done), count("request-payment", What::Refused)),
        (1, 1, 1)
    );
    assert_eq!(count("payment_not_completed", What::Ended), 1, "{all:?}");
    assert_eq!(all.iter().map(|counted| counted.definition.as_str()).max(), Some("order"));
    assert!(waiting(&connection).unwrap().iter().all(|waiting| waiting.count == 0));
}

#[test]
fn incidents_are_grouped_by_step_and_reason_and_found_by_them() {
    let mut connection = empty();
    // Reserved, the payment refused, and the release refused: only an operator can resolve it.
    let way = states(7, &[1, 4, 4]);
    let saga = way.last().unwrap();
    assert_eq!(saga.status, saga::Status::Incident);
    write(&mut connection, saga);
    let groups = incidents(&connection).unwrap().groups;
    assert_eq!((groups.len(), groups[0].step.as_str(), groups[0].count), (1, "reserve", 1));
    let reason = Some(groups[0].reason.clone());
    let found =
        |filter: crate::filter::Filter| crate::view::list(&connection, &filter, Sort::Newest, None, 10).unwrap().len();
    let by = |step: Option<&str>, reason: Option<String>| {
        found(crate::filter::Filter { step: step.map(str::to_owned), reason, ..Default::default() })
    };
    assert_eq!(by(Some("reserve"), None), 1);
    assert_eq!(by(Some("finalize"), None), 0);
    assert_eq!(by(None, reason.clone()), 1);
    assert_eq!(by(Some("reserve"), reason), 1);
    assert_eq!(by(Some("reserve"), Some("another".to_owned())), 0);
}

#[test]
fn statistics_are_stored_for_seven_days() {
    let mut connection = empty();
    for state in states(1, &[1]) {
        write(&mut connection, &state);
    }
    let mut later = states(2, &[]).remove(0);
    let day = 24 * 60 * MINUTE;
    later.started = saga::Timestamp(STARTED + 8 * day);
    later.updated = later.started;
    write(&mut connection, &later);
    assert!(counts_by_minute(&connection, EVER).unwrap().iter().all(|minute| minute.minute > (STARTED + day) / MINUTE));
}

#[test]
fn a_failed_attempt_counts_while_its_saga_waits() {
    let mut connection = empty();
    let none: BTreeMap<String, Recent> = BTreeMap::new();
    // The first attempt of the reservation fails; then the next one is in flight.
    let way = states(3, &[5, 6]);
    for (state, retrying) in [(&way[1], 1), (&way[2], 0)] {
        write(&mut connection, state);
        let here = current(&connection, "order", 2, state.updated.0 + 1_000, &none).unwrap();
        let known = Known { recent: &none, history: &none, current: &here };
        let step = step_stats(["reserve"].into_iter(), known).remove(0);
        assert_eq!((step.retrying, step.failing, step.unanswered, step.retried), (retrying, 1, 0, 1), "{step:?}");
        assert!((step.failure_percent - 100.0).abs() < 1e-9, "{step:?}");
        assert!(step.p50_ms >= Some(1_000), "{step:?}");
        assert_eq!(rank(&[step]).first().unwrap().why, Why::Retries);
    }
}

#[test]
fn a_cohort_has_the_endings_durations_retries_and_incidents_of_its_sagas() {
    let mut connection = empty();
    let paid = states(1, &[1, 2, 7, 3, 1]);
    let retried = states(2, &[5, 6]);
    write(&mut connection, paid.last().unwrap());
    write(&mut connection, retried.last().unwrap());
    let now = STARTED + 600_000;
    let of = |version, minutes| cohort(&connection, "order", version, minutes, now).unwrap();
    let found = of(2, EVER);
    let took = paid.last().unwrap().ended.unwrap().0 - STARTED;
    assert_eq!((found.sagas, found.ended, found.completed, found.open()), (2, 1, 1, 1), "{found:?}");
    assert_eq!((found.with_retries, found.with_incident, found.is_cut), (1, 0, false), "{found:?}");
    assert_eq!(found.p50.map(|p50| p50.value), Some(took as f64), "{found:?}");
    assert_eq!(found.endings.values().sum::<u64>(), 1);
    assert_eq!(of(3, EVER).sagas, 0, "another version");
    let before = Minutes { first: 0, until: STARTED / MINUTE };
    assert_eq!(of(2, before).sagas, 0, "they started later");
}
