//! Tests of attempts to mail a notice.

use std::time::Duration;

use common::ids::OrderId;
use common::topics;
use serde_json::json;

use crate::fixture::Shop;
use crate::handler::OrderHandler;
use crate::messages::{MAILED, NOTIFY};
use crate::order::entity::OrderEntity;
use crate::order::mailing::{Mailing, Outcome};
use crate::order::policy::Policy;

fn shop() -> (Shop, OrderId, String) {
    let policy = Policy { mails: true, ..Policy::default() };
    let mut shop = Shop { handler: OrderHandler { policy }, ..Shop::default() };
    let order = shop.place(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}}));
    shop.request(NOTIFY, order, &json!({"orderId": order}));
    let notice = shop.sent_to(topics::NOTIFICATIONS)[0]["noticeId"].as_str().unwrap().to_owned();
    (shop, order, notice)
}

fn mailing(shop: &Shop, notice: &str) -> Mailing {
    let entity = shop.entities.get(&Mailing::key(notice)).unwrap();
    let OrderEntity::Mailing(mailing) = entity else { panic!("{entity:?}") };
    (**mailing).clone()
}

fn report(shop: &mut Shop, order: OrderId, notice: &str, attempt: u32, outcome: &str) {
    let value = json!({"orderId": order, "noticeId": notice, "attempt": attempt, "outcome": outcome});
    shop.request(MAILED, order, &value);
}

#[test]
fn a_notice_is_mailed_once() {
    let (mut shop, order, notice) = shop();
    let first = mailing(&shop, &notice).intent().unwrap();
    assert_eq!((first.id.as_str(), first.due), (format!("mail/{notice}/1").as_str(), shop.now));
    report(&mut shop, order, &notice, 1, "sent");
    assert_eq!(mailing(&shop, &notice).intent(), None);
    report(&mut shop, order, &notice, 1, "failed");
    assert_eq!(mailing(&shop, &notice).outcome, Some(Outcome::Sent), "a late report changes nothing");
}

#[test]
fn a_failed_attempt_is_repeated_with_growing_pauses_for_two_days() {
    let (mut shop, order, notice) = shop();
    let mut pauses = Vec::new();
    for attempt in 1.. {
        let Some(intent) = mailing(&shop, &notice).intent() else { break };
        pauses.push(intent.due.since(shop.now).as_secs());
        shop.now = intent.due;
        report(&mut shop, order, &notice, attempt, "failed");
    }
    assert_eq!(pauses[..4], [0, 10, 20, 40]);
    assert!(pauses.iter().all(|pause| *pause <= 3600));
    let days = pauses.iter().sum::<u64>() / (24 * 3600);
    assert_eq!((days, mailing(&shop, &notice).outcome), (2, Some(Outcome::Failed)));
}

#[test]
fn a_mail_beyond_the_limit_of_its_address_is_due_when_the_next_one_is_allowed() {
    let (mut shop, order, notice) = shop();
    for (attempt, minutes, expected) in [(1, 20, 20), (2, 600, 60)] {
        let not_before = shop.now.plus(Duration::from_secs(minutes * 60));
        let value = json!({"orderId": order, "noticeId": notice, "attempt": attempt, "outcome": "failed",
            "error": "limit", "notBefore": not_before});
        shop.request(MAILED, order, &value);
        let due = mailing(&shop, &notice).intent().unwrap().due;
        assert_eq!(due.since(shop.now).as_secs(), expected * 60, "at most an hour later");
    }
}

#[test]
fn a_refused_mail_is_not_tried_again() {
    let (mut shop, order, notice) = shop();
    report(&mut shop, order, &notice, 1, "refused");
    let mailing = mailing(&shop, &notice);
    assert_eq!((mailing.outcome, mailing.is_open()), (Some(Outcome::Refused), false));
}

#[test]
fn without_a_mail_server_there_is_no_mailing() {
    let mut shop = Shop::default();
    let order = shop.place(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}}));
    shop.request(NOTIFY, order, &json!({"orderId": order}));
    assert!(shop.entities.states().all(|(key, _)| !key.starts_with("mail/")));
}
