//! The list of sagas: its order, its filters, and the index of each query.

use common::time::Timestamp;

use super::*;
use crate::view::testing;

#[test]
fn a_text_is_found_ignoring_ascii_case() {
    let whole = "{\"name\":\"Ingresso São Paulo\",\"n\":1}".as_bytes();
    for (text, is_found) in [
        ("ingresso", true),
        ("PAULO\"", true),
        ("São", true),
        ("}", true),
        ("", true),
        ("paolo", false),
        ("1}x", false),
    ] {
        assert_eq!(has_text(whole, text.as_bytes()), is_found, "{text}");
    }
}

/// A row of a saga: its number is its start and its id, and `waiting` the start of its wait.
fn insert(connection: &Connection, number: i64, status: &str, waiting: Option<i64>, retrying: bool) {
    connection
        .execute(
            "INSERT INTO sagas(started, id, definition, version, status, step, waiting, updated, retrying, counted, \
             attempt_step, attempt, undoing, error, amount, currency) \
             VALUES (?1, ?2, 'order', 5, ?3, 'pay', ?4, 0, ?5, '', 'pay', 3, 1, '503', 1050, 'BRL')",
            (number, format!("id-{number}"), status, waiting, retrying),
        )
        .unwrap();
    if let Some(since) = waiting {
        connection
            .execute(
                "INSERT INTO waits VALUES ('order', 5, 'pay', ?1, ?2, ?3, 'running', '', 0, ?1)",
                (since, format!("id-{number}"), number),
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO waiting VALUES ('order', 'pay', 'running', 1) \
                 ON CONFLICT(definition, step, state) DO UPDATE SET n = n + 1",
                [],
            )
            .unwrap();
    }
    connection
        .execute(
            "INSERT INTO totals VALUES ('order', 5, ?1, 1) \
             ON CONFLICT(definition, version, status) DO UPDATE SET n = n + 1",
            [status],
        )
        .unwrap();
}

/// Five sagas: 1 waits longest, then 3, then 2 and 4 as long as each other; 5 has ended.
fn with_five() -> Connection {
    let connection = testing::empty();
    insert(&connection, 1, "running", Some(10), false);
    insert(&connection, 2, "running", Some(30), true);
    insert(&connection, 3, "incident", Some(20), false);
    insert(&connection, 4, "compensating", Some(30), true);
    insert(&connection, 5, "completed", None, false);
    connection
}

fn starts(connection: &Connection, filter: &Filter, sort: Sort) -> Vec<i64> {
    let filter = filter.clone().checked(Timestamp(0)).unwrap();
    let mut all = Vec::new();
    let mut after = None;
    // Page by page, so that the cursors are part of every case.
    loop {
        let page = list(connection, &filter, sort, after.as_ref(), 2).unwrap();
        let Some(last) = page.last() else { return all };
        after = Some(Cursor { waiting: last.waiting.unwrap_or(0), started: last.started, id: last.id.clone() });
        all.extend(page.iter().map(|saga| saga.started));
    }
}

#[test]
fn a_list_is_filtered_and_sorted_page_by_page() {
    let connection = with_five();
    let by = Filter::default;
    let time = |ms: i64| Some(Timestamp(ms).to_string());
    let running = Filter { status: Some("running".to_owned()), ..by() };
    let order = Filter { definition: Some("order".to_owned()), ..by() };
    for (filter, sort, expected) in [
        (by(), Sort::Newest, &[5, 4, 3, 2, 1][..]),
        (by(), Sort::Waiting, &[1, 3, 2, 4]),
        (running.clone(), Sort::Waiting, &[1, 2]),
        (running, Sort::Newest, &[2, 1]),
        (order, Sort::Waiting, &[1, 3, 2, 4]),
        (Filter { status: Some("completed".to_owned()), ..by() }, Sort::Waiting, &[]),
        (Filter { retrying: Some(true), ..by() }, Sort::Newest, &[4, 2]),
        (Filter { retrying: Some(true), ..by() }, Sort::Waiting, &[2, 4]),
        (Filter { retrying: Some(false), ..by() }, Sort::Newest, &[5, 3, 1]),
        (Filter { from: time(2), to: time(4), ..by() }, Sort::Newest, &[3, 2]),
        (Filter { from: time(2), to: time(4), ..by() }, Sort::Waiting, &[3, 2]),
        (Filter { to: time(3), retrying: Some(true), ..by() }, Sort::Newest, &[2]),
    ] {
        assert_eq!(starts(&connection, &filter, sort), expected, "{filter:?} {sort:?}");
    }
    let three = Filter { from: time(2), to: time(5), ..by() }.checked(Timestamp(0)).unwrap();
    let number = |filter: &Filter, sort, limit| count(&connection, filter, sort, limit).unwrap();
    assert_eq!((number(&three, Sort::Newest, 10), number(&three, Sort::Newest, 2)), (3, 2));
    assert_eq!((number(&by(), Sort::Newest, 10), number(&by(), Sort::Waiting, 10)), (5, 4));
}

/// Sagas wait at one step: more than are sorted as a whole, or few.
#[test]
fn sagas_that_wait_are_found_whether_they_are_many_or_few() {
    let text = |text: &str| Some(text.to_owned());
    for many in [false, true] {
        let connection = with_five();
        let last = if many { 6 + i64::try_from(MANY).unwrap() } else { 9 };
        connection.execute_batch("BEGIN").unwrap();
        for number in 6..=last {
            insert(&connection, number, "running", Some(100), false);
        }
        insert(&connection, last + 1, "completed", None, false);
        connection.execute_batch("COMMIT").unwrap();
        let first = |filter: &Filter, sort| {
            let filter = filter.clone().checked(Timestamp(1_101)).unwrap();
            let page = list(&connection, &filter, sort, None, 4).unwrap();
            let counted = count(&connection, &filter, sort, 4).unwrap();
            assert_eq!(counted, page.len() as u64, "{filter:?} {sort:?}");
            page.iter().map(|saga| saga.started).collect::<Vec<_>>()
        };
        let at_step = Filter { step: text("pay"), ..Filter::default() };
        let waited = Filter { waiting_longer_than: text("1s"), ..Filter::default() };
        for filter in [at_step.clone(), waited.clone(), Filter { step: text("pay"), ..waited.clone() }] {
            assert_eq!(first(&filter, Sort::Newest), [last, last - 1, last - 2, last - 3], "{filter:?}");
            assert_eq!(first(&filter, Sort::Waiting), [1, 3, 2, 4], "{filter:?}");
            let closed = Filter { status: text("completed"), ..filter.clone() };
            assert_eq!(first(&closed, Sort::Newest), [0; 0], "{closed:?}");
            let incident = Filter { status: text("incident"), ..filter.clone() };
            assert_eq!(first(&incident, Sort::Newest), [3], "{incident:?}");
            assert_eq!(first(&incident, Sort::Waiting), [3], "{incident:?}");
        }
        let elsewhere = Filter { step: text("ay"), ..Filter::default() };
        assert_eq!(first(&elsewhere, Sort::Newest), [0; 0]);
    }
}

#[test]
fn a_text_search_is_cut_if_the_list_has_more_sagas_than_it_reads() {
    let connection = with_five();
    let limit = i64::try_from(TEXT_SEARCH_LIMIT).unwrap();
    for number in 6..=limit + 1 {
        insert(&connection, number, "completed", None, false);
    }
    let filter = Filter { text: Some("x".to_owned()), ..Filter::default() };
    assert!(is_text_search_cut(&connection, &filter, Sort::Newest).unwrap());
    assert!(!is_text_search_cut(&connection, &filter, Sort::Waiting).unwrap(), "few sagas wait");
    let running = Filter { status: Some("running".to_owned()), ..filter };
    assert!(!is_text_search_cut(&connection, &running, Sort::Newest).unwrap());
    assert!(!is_text_search_cut(&connection, &Filter::default(), Sort::Newest).unwrap(), "no text");
}

#[test]
fn a_row_has_what_support_asks_for() {
    let saga = list(&with_five(), &Filter::default(), Sort::Waiting, None, 1).unwrap().remove(0);
    let attempt = ListedAttempt { step: "pay".to_owned(), action: Action::Compensate, number: 3 };
    assert_eq!((saga.attempt, saga.error.as_deref()), (Some(attempt), Some("503")));
    assert_eq!(saga.money, Some(Money { minor: 1_050, currency: "BRL".to_owned() }));
}

/// With a million sagas, a query that reads them all takes seconds.
#[test]
fn every_query_of_the_list_uses_an_index() {
    let connection = with_five();
    let by = Filter::default;
    let text = |text: &str| Some(text.to_owned());
    let period = Filter { from: text("1970-01-01"), to: text("1970-01-02"), ..by() };
    let status = Filter { status: text("running"), ..by() };
    let waited = Filter { waiting_longer_than: text("1s"), ..by() };
    for (filter, by, sort, index) in [
        (by(), SearchBy::Time, Sort::Newest, "PRIMARY KEY ("),
        (period.clone(), SearchBy::Time, Sort::Newest, "PRIMARY KEY (started>?"),
        (status.clone(), SearchBy::Status, Sort::Newest, "sagas_by_status (status=?"),
        (
            Filter { definition: text("a"), version: Some(1), ..by() },
            SearchBy::Definition,
            Sort::Newest,
            "sagas_by_definition (definition=? AND version=?",
        ),
        (Filter { retrying: Some(true), ..by() }, SearchBy::Time, Sort::Newest, "sagas_that_retry (retrying=?"),
        (Filter { retrying: Some(true), ..by() }, SearchBy::Time, Sort::Waiting, "sagas_that_retry (retrying=?"),
        (by(), SearchBy::Waiting, Sort::Waiting, "sagas_that_wait ("),
        (period, SearchBy::Waiting, Sort::Waiting, "sagas_that_wait ("),
        (status.clone(), SearchBy::Waiting, Sort::Waiting, "sagas_that_wait ("),
        (status.clone(), SearchBy::Status, Sort::Waiting, "sagas_by_status (status=?"),
        (Filter { step: text("pay"), ..status.clone() }, SearchBy::Status, Sort::Newest, "sagas_by_status (status=?"),
        (Filter { step: text("pay"), ..by() }, SearchBy::Waiting, Sort::Waiting, "sagas_that_wait ("),
        (waited.clone(), SearchBy::Waiting, Sort::Newest, "sagas_that_wait (waiting<?"),
        (waited.clone(), SearchBy::Waiting, Sort::Waiting, "sagas_that_wait ((waiting,started,id)>"),
        (Filter { status: text("running"), ..waited }, SearchBy::Status, Sort::Newest, "sagas_by_status (status=?"),
    ] {
        let filter = filter.checked(Timestamp(0)).unwrap();
        let search = Search { filter, by };
        let Query { sql, .. } = query_of(SELECT, &search, sort, None, 51);
        let sql = format!("{sql} ORDER BY {} LIMIT :limit", order_by(by, sort));
        let plan = testing::plan(&connection, &sql);
        assert!(plan.first().is_some_and(|line| line.contains(index)), "{sql}: {plan:?}");
        // Only what an index narrows down is sorted.
        let is_sorted_by_index = (sort == Sort::Waiting) == (by == SearchBy::Waiting);
        let sorts = plan.iter().any(|line| line.contains("TEMP B-TREE"));
        assert!(!(is_sorted_by_index && sorts), "{sql}: {plan:?}");
    }
}
