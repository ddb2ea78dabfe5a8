//! Measures the dashboard's queries with many sagas in the view: `cargo bench -p orchestrator`; `SAGAS=1000000` sets
//! their number (100,000 by default). Prints the median and the slowest of 21 runs of each.

#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

use std::time::{Duration, Instant};

use common::time::Timestamp;
use common::view::{Rebuild, Row, Rows as _, ViewFile};
use orchestrator::entity::{Entity, saga_key};
use orchestrator::filter::{Filter, Sort};
use orchestrator::stats::{self, Period, Window};
use orchestrator::view::{self, Cursor, SagaRows};
use rusqlite::Connection;
use saga::{Action, Callback, Data, Definition, Input, Outcome, Saga, decide};
use serde_json::json;
use uuid::Uuid;

const RUNS: usize = 21;
/// Sagas written in one transaction.
const BATCH: u64 = 5_000;
/// The time between two orders, in milliseconds.
const INTERVAL: i64 = 500;
const CUSTOMERS: u64 = 5_000;

fn main() {
    let count: u64 = std::env::var("SAGAS").ok().map_or(100_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = ViewFile::open(folder.path(), SagaRows::SCHEMA, "bench", Rebuild::Possible).unwrap();
    let started = Instant::now();
    let now = fill(&file, count);
    let took = started.elapsed();
    let size = std::fs::metadata(file.path()).unwrap().len() / 1_000_000;
    println!("{count} sagas written in {:.1} s, {size} MB", took.as_secs_f64());
    let per_write = started.elapsed().as_secs_f64() * 1e6 / count.max(1) as f64;
    println!(
        "a saga written, with its state: {per_write:.0} µs; {:.0} µs for each state of one",
        transition_time(&definition())
    );
    let connection = file.connect(true).unwrap();
    let version = definition().version;
    for Case { name, filter, sort, cursor } in cases(now) {
        let filter = filter.checked(Timestamp(now)).unwrap();
        let found = view::list(&connection, &filter, sort, cursor.as_ref(), 51).unwrap().len();
        measure(&format!("list {name} ({found} shown)"), || {
            view::list(&connection, &filter, sort, cursor.as_ref(), 51).unwrap()
        });
        if cursor.is_none() && !filter.is_empty() && sort == Sort::Newest {
            measure(&format!("count {name}, up to 10,000"), || {
                view::count(&connection, &filter, Sort::Newest, 10_000).unwrap()
            });
        }
    }
    for window in Window::ALL {
        let name = window.as_str();
        let minutes = Period::Last(window).minutes(now);
        measure(&format!("flow, {name}"), || stats::recent(&connection, "order", version, minutes).unwrap());
        measure(&format!("course of the flow, {name}"), || {
            stats::flow_history(&connection, "order", version, minutes, 60).unwrap()
        });
        measure(&format!("throughput, {name}"), || stats::counts_by_minute(&connection, minutes).unwrap());
    }
    let week = Period::Last(Window::Week).minutes(now);
    let history = stats::recent(&connection, "order", version, week).unwrap();
    measure("current waits", || stats::current(&connection, "order", version, now, &history).unwrap());
    measure("incidents", || stats::incidents(&connection).unwrap());
    measure("totals", || stats::totals(&connection).unwrap());
}

/// A query of the list.
struct Case {
    name: &'static str,
    filter: Filter,
    sort: Sort,
    cursor: Option<Cursor>,
}

fn cases(now: i64) -> Vec<Case> {
    let text = |text: &str| Some(text.to_owned());
    let by = Filter::default;
    let middle = Cursor { waiting: 0, started: now - 3 * 24 * 3_600_000, id: "x".to_owned() };
    let all = [
        ("everything", by(), None),
        ("everything, in the middle", by(), Some(middle)),
        ("status=incident", Filter { status: text("incident"), ..by() }, None),
        ("status=completed", Filter { status: text("completed"), ..by() }, None),
        ("status=paused (none)", Filter { status: text("paused"), ..by() }, None),
        ("step=payment-result", Filter { step: text("payment-result"), ..by() }, None),
        ("step=finalize (none)", Filter { step: text("finalize"), ..by() }, None),
        ("waitingLongerThan=1h", Filter { waiting_longer_than: text("1h"), ..by() }, None),
        ("customer", Filter { customer: text(&customer(7)), ..by() }, None),
        ("customer (none)", Filter { customer: text("unknown"), ..by() }, None),
        ("customer, status=incident", Filter { customer: text(&customer(7)), status: text("incident"), ..by() }, None),
        ("definition, version", Filter { definition: text("order"), version: Some(5), ..by() }, None),
        ("version=9 (none)", Filter { definition: text("order"), version: Some(9), ..by() }, None),
        ("definition (none)", Filter { definition: text("other"), ..by() }, None),
        ("order id", Filter { id: Some(Uuid::from_u128(12_345)), ..by() }, None),
        ("order id (none)", Filter { id: Some(Uuid::from_u128(u128::MAX)), ..by() }, None),
        ("text", Filter { text: text("ticket"), ..by() }, None),
        ("text (none)", Filter { text: text("nothing has this"), ..by() }, None),
        ("status, text (none)", Filter { status: text("completed"), text: text("nothing"), ..by() }, None),
    ];
    let time = |ms: i64| Some(Timestamp(ms).to_string());
    let hour = now - 40 * 3_600_000;
    let period = Filter { from: time(hour), to: time(hour + 3_600_000), ..by() };
    let waiting = [
        ("longest wait", by()),
        ("longest wait, status=running", Filter { status: text("running"), ..by() }),
        ("longest wait, status=completed (none)", Filter { status: text("completed"), ..by() }),
        ("longest wait, definition", Filter { definition: text("order"), ..by() }),
        ("longest wait, retrying", Filter { retrying: Some(true), ..by() }),
    ];
    let more = [
        ("retrying", Filter { retrying: Some(true), ..by() }),
        ("an hour", period.clone()),
        ("an hour, status=incident", Filter { status: text("incident"), ..period }),
    ];
    let newest = all.into_iter().map(|(name, filter, cursor)| Case { name, filter, sort: Sort::Newest, cursor });
    let more = more.into_iter().map(|(name, filter)| Case { name, filter, sort: Sort::Newest, cursor: None });
    let waiting = waiting.into_iter().map(|(name, filter)| Case { name, filter, sort: Sort::Waiting, cursor: None });
    newest.chain(more).chain(waiting).collect()
}

fn measure<T>(name: &str, query: impl Fn() -> T) {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            std::hint::black_box(query());
            started.elapsed()
        })
        .collect();
    times.sort();
    let ms = |place: usize| times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    println!("{name:60} median {:8.2} ms   slowest {:8.2} ms", ms(RUNS / 2), ms(RUNS - 1));
}

fn customer(number: u64) -> String {
    Uuid::from_u128(u128::from(number % CUSTOMERS) << 64).to_string()
}

/// Writes the sagas of `count` orders. Returns the time of the last one.
fn fill(file: &ViewFile, count: u64) -> i64 {
    let mut connection = file.connect(false).unwrap();
    let now = 1_790_000_000_000;
    let first = now - i64::try_from(count).unwrap() * INTERVAL;
    let templates = templates();
    for block in (0..count).step_by(BATCH as usize) {
        let tx = connection.transaction().unwrap();
        for number in block..count.min(block + BATCH) {
            // Of a thousand: one incident, some waiting, some rejected or not paid, most confirmed.
            let kind = match number % 1_000 {
                0 => 4,
                1..=5 => 3,
                6..=55 => 2,
                56..=105 => 1,
                _ => 0,
            };
            let saga = shifted(&templates[kind], number, first + i64::try_from(number).unwrap() * INTERVAL);
            let kept = Entity::Saga(Box::new(saga.clone()));
            let key = saga_key(saga.id);
            let at = Timestamp(saga.updated.0);
            tx.prepare_cached("INSERT INTO entities(partition, key, state, open) VALUES (0, ?, ?, ?)")
                .unwrap()
                .execute((&key, serde_json::to_string(&kept).unwrap(), saga.is_open()))
                .unwrap();
            SagaRows::apply(&tx, &Row { partition: 0, key: &key, state: Some(&kept), at }).unwrap();
        }
        tx.commit().unwrap();
    }
    checkpoint(&connection);
    now
}

/// Microseconds to write the rows of one state of a saga.
fn transition_time(definition: &Definition) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let file = ViewFile::open(folder.path(), SagaRows::SCHEMA, "bench", Rebuild::Possible).unwrap();
    let mut connection = file.connect(false).unwrap();
    let answers = ["ok", "ok", "approved", "ok", "ok"];
    let way: Vec<Saga> = (0..=answers.len()).map(|so_far| played(definition, &answers[..so_far])).collect();
    let sagas = 2_000;
    let started = Instant::now();
    let tx = connection.transaction().unwrap();
    for number in 0..sagas {
        for state in &way {
            let saga = shifted(state, number, 1_790_000_000_000 + i64::try_from(number).unwrap());
            let key = saga_key(saga.id);
            let at = Timestamp(saga.updated.0);
            SagaRows::apply(&tx, &Row { partition: 0, key: &key, state: Some(&Entity::Saga(Box::new(saga))), at })
                .unwrap();
        }
    }
    tx.commit().unwrap();
    started.elapsed().as_secs_f64() * 1e6 / (sagas as f64 * way.len() as f64)
}

fn definition() -> Definition {
    Definition::parse("order.toml", include_str!("../sagas/order.toml")).unwrap()
}

fn checkpoint(connection: &Connection) {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// The saga of another order, at another time.
fn shifted(template: &Saga, number: u64, at: i64) -> Saga {
    let mut saga = template.clone();
    let by = at - saga.started.0;
    let shift = |time: &mut saga::Timestamp| time.0 += by;
    saga.id = Uuid::from_u128(u128::from(number));
    saga.customer = Some(customer(number.wrapping_mul(2_654_435_761)));
    shift(&mut saga.started);
    shift(&mut saga.updated);
    saga.ended.iter_mut().for_each(shift);
    for step in saga.steps.iter_mut().chain([&mut saga.conclude]) {
        for time in [&mut step.started, &mut step.sent, &mut step.ended] {
            time.iter_mut().for_each(shift);
        }
        step.timer.iter_mut().for_each(|(_, at)| shift(at));
        if let Some(was) = &mut step.before_compensation {
            shift(&mut was.at);
            shift(&mut was.until);
        }
    }
    saga.history.iter_mut().for_each(|entry| shift(&mut entry.at));
    saga
}

/// Confirmed, rejected, not paid, waiting for the payment, in incident.
fn templates() -> [Saga; 5] {
    [
        &["ok", "ok", "approved", "ok", "ok"][..],
        &["no", "ok"],
        &["ok", "ok", "declined", "ok", "ok", "ok"],
        &["ok", "ok"],
        &["ok", "ok", "declined", "no"],
    ]
    .map(|answers| played(&definition(), answers))
}

fn played(definition: &Definition, answers: &[&str]) -> Saga {
    let id = Uuid::nil();
    let mut now = saga::Timestamp(1_700_000_000_000);
    let order = json!({
        "orderId": id, "customerId": customer(0), "amountMinor": 1050, "currency": "BRL",
        "items": [{"id": id, "name": "a ticket", "amountMinor": 1050, "quantity": 1}],
    });
    let data = Data::with(&definition.start.output, order);
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let mut saga = decide(definition, None, Input::Start { id, data, traceparent }, now).saga.unwrap();
    for answer in answers {
        now.0 += 40;
        let step = saga.current().next().unwrap().clone();
        let undoing = step.status == saga::StepStatus::Compensating;
        let (action, attempt) =
            if undoing { (Action::Compensate, step.compensations) } else { (Action::Execute, step.attempts) };
        let reply = |outcome| Input::Reply { step: step.name.clone(), attempt, action, outcome };
        let input = match *answer {
            "ok" => reply(Outcome::Ok { data: json!({"reservationId": id, "items": [{"id": id, "quantity": 1}]}) }),
            "no" => reply(Outcome::Refused { reason: "out_of_stock".to_owned(), detail: None }),
            status => Input::Callback(Callback {
                source: "payment-results".to_owned(),
                id: "1".to_owned(),
                status: status.to_owned(),
                payload: json!({"orderId": id, "status": status}),
            }),
        };
        saga = decide(definition, Some(saga), input, now).saga.unwrap();
    }
    saga
}
