//! How a mail is tried, one test a rule.

use serde_json::json;

use super::*;
use crate::fixture::Shop;
use crate::order::Orders;

fn shop() -> (Shop, OrderId, String) {
    let mut shop = Shop { rules: Orders { mails: true, ..Orders::default() }, ..Shop::default() };
    let order = shop.places(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}}));
    shop.take(crate::notices::NOTIFY, order, &json!({"orderId": order}));
    let notice = shop.sent_on(topics::NOTIFICATIONS)[0]["noticeId"].as_str().unwrap().to_owned();
    (shop, order, notice)
}

fn mailing(shop: &Shop, notice: &str) -> Mailing {
    let kept = shop.kept.get(&Mailing::key(notice)).unwrap();
    let Kept::Mailing(mailing) = kept else { panic!("{kept:?}") };
    (**mailing).clone()
}

fn says(shop: &mut Shop, order: OrderId, notice: &str, attempt: u32, outcome: &str) {
    let said = json!({"orderId": order, "noticeId": notice, "attempt": attempt, "outcome": outcome});
    shop.take(MAILED, order, &said);
}

#[test]
fn a_notice_is_mailed_once() {
    let (mut shop, order, notice) = shop();
    let first = mailing(&shop, &notice).intent().unwrap();
    assert_eq!((first.id.as_str(), first.due), (format!("mail/{notice}/1").as_str(), shop.now));
    says(&mut shop, order, &notice, 1, "sent");
    assert_eq!(mailing(&shop, &notice).intent(), None);
    says(&mut shop, order, &notice, 1, "failed");
    assert_eq!(mailing(&shop, &notice).outcome, Some(Outcome::Sent), "what comes again changes nothing");
}

#[test]
fn one_that_could_not_be_taken_now_is_tried_again_later_and_later_for_two_days() {
    let (mut shop, order, notice) = shop();
    let mut pauses = Vec::new();
    for attempt in 1.. {
        let Some(intent) = mailing(&shop, &notice).intent() else { break };
        pauses.push(intent.due.since(shop.now).as_secs());
        shop.now = intent.due;
        says(&mut shop, order, &notice, attempt, "failed");
    }
    assert_eq!(pauses[..4], [0, 10, 20, 40]);
    assert!(pauses.iter().all(|pause| *pause <= 3600));
    let days = pauses.iter().sum::<u64>() / (24 * 3600);
    assert_eq!((days, mailing(&shop, &notice).outcome), (2, Some(Outcome::Failed)));
}

#[test]
fn one_that_is_refused_is_not_tried_again() {
    let (mut shop, order, notice) = shop();
    says(&mut shop, order, &notice, 1, "refused");
    assert_eq!((mailing(&shop, &notice).outcome, mailing(&shop, &notice).is_open()), (Some(Outcome::Refused), false));
}

#[test]
fn nothing_is_kept_for_mailing_where_there_is_no_mail_server() {
    let mut shop = Shop::default();
    let order = shop.places(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}}));
    shop.take(crate::notices::NOTIFY, order, &json!({"orderId": order}));
    assert!(shop.kept.states().all(|(key, _)| !key.starts_with("mail/")));
}
