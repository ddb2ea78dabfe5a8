//! Refunds of the provider's dashboard beside refunds that failed or were dismissed: no money counts twice, and none is
//! left out.

use common::messages::Reply;
use serde_json::json;

use super::fixture::*;
use super::partial_refunds::balances;
use super::reviews::{dismiss, event, external, listed, paid, part, part_state, retry};
use super::settlement::{answered, called, is_readable_again, with_failed_part};
use crate::provider::call::Refund;

/// The provider lists this refund of its dashboard.
fn in_dashboard(fixture: &mut Fixture, id: &str, amount_minor: i64, status: &str) {
    event(fixture, "pi_1");
    listed(fixture, &json!([external(id, amount_minor, status)]), &json!([]));
    assert_eq!(fixture.payment().refunded_minor(), balances(fixture)[3]);
    is_readable_again(fixture);
}

/// The outcome and the refunded amount of another request for this part.
fn requested_again(fixture: &mut Fixture, id: &str, amount_minor: i64) -> (String, i64) {
    let reply = reply(&fixture.refund_part(id, Some(amount_minor)));
    let Reply::Ok { data } = reply else { panic!("{reply:?}") };
    (data["outcome"].as_str().unwrap().to_owned(), data["refundedMinor"].as_i64().unwrap())
}

#[test]
fn a_refund_of_the_dashboard_takes_the_place_of_a_part_of_its_amount_that_failed_or_was_dismissed() {
    for is_dismissed in [false, true] {
        let mut fixture = with_failed_part();
        if is_dismissed {
            dismiss(&mut fixture, "r1");
        }
        for _ in 0..2 {
            event(&mut fixture, "pi_1");
            let both = json!([part(&fixture, "r1", 0, "failed"), external("re_x", 300, "made")]);
            listed(&mut fixture, &both, &json!([]));
            assert_eq!((fixture.payment().refunded_minor(), fixture.payment().refundable_minor()), (300, 750));
            assert_eq!(fixture.payment().partial_refunds.list.len(), 1);
            assert!(part_state(&fixture, "r1")["refunded"].is_object());
        }
        assert_eq!(requested_again(&mut fixture, "r1", 300), ("refunded".to_owned(), 300));
        assert_eq!(fixture.refund(1), []);
        assert_eq!(called(&fixture).unwrap().amount.map(|amount| amount.0), Some(750), "all of the rest");
        assert_eq!(reply(&answered(&mut fixture, "refunded")), done("refunded"));
        assert_eq!((fixture.payment().refunded_minor(), balances(&fixture)[3]), (1050, 1050));
    }
}

#[test]
fn a_failure_that_is_listed_together_with_the_refund_in_its_place_is_read_first() {
    let mut fixture = paid();
    fixture.refund_part("r1", Some(300));
    fixture.part_answered("r1", 1, "pending");
    event(&mut fixture, "pi_1");
    let newest_first = json!([external("re_x", 300, "made"), part(&fixture, "r1", 0, "failed")]);
    listed(&mut fixture, &newest_first, &json!([]));
    assert_eq!((fixture.payment().refunded_minor(), fixture.payment().refundable_minor()), (300, 750));
    event(&mut fixture, "pi_1");
    let newest_first =
        json!([external("re_y", 300, "made"), external("re_x", 300, "failed"), part(&fixture, "r1", 0, "failed")]);
    listed(&mut fixture, &newest_first, &json!([]));
    assert_eq!((fixture.payment().refunded_minor(), fixture.payment().refundable_minor()), (300, 750));
    assert_eq!(balances(&fixture)[3], 300);
}

#[test]
fn a_refund_of_the_dashboard_is_booked_also_after_the_full_refund_was_dismissed() {
    let mut fixture = paid();
    fixture.refund(1);
    answered(&mut fixture, "refund_failed");
    dismiss(&mut fixture, Refund::WHOLE);
    for (id, amount_minor, refunded_minor) in [("re_x", 300, 300), ("re_y", 750, 1050), ("re_z", 100, 1050)] {
        in_dashboard(&mut fixture, id, amount_minor, "made");
        assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", refunded_minor), "{id}");
    }
}

#[test]
fn a_part_follows_the_refund_of_the_dashboard_that_took_its_place_until_it_is_made_again() {
    let mut fixture = with_failed_part();
    in_dashboard(&mut fixture, "re_x", 300, "pending");
    assert_eq!(requested_again(&mut fixture, "r1", 300), ("pending".to_owned(), 300));
    in_dashboard(&mut fixture, "re_x", 300, "failed");
    assert!(part_state(&fixture, "r1")["failed"].is_object());
    in_dashboard(&mut fixture, "re_y", 300, "made");
    assert_eq!((fixture.payment().refunded_minor(), fixture.payment().refundable_minor()), (300, 750));
    in_dashboard(&mut fixture, "re_y", 300, "failed");
    retry(&mut fixture, "r1");
    assert_eq!(called(&fixture).unwrap().amount.map(|amount| amount.0), Some(300));
    answered(&mut fixture, "refunded");
    in_dashboard(&mut fixture, "re_y", 300, "failed");
    assert_eq!(fixture.payment().refunded_minor(), 300, "it was made again");
}

#[test]
fn a_larger_refund_of_the_dashboard_takes_the_rest_and_then_the_amounts_of_failed_parts() {
    let mut fixture = paid();
    for (id, amount_minor) in [("r1", 300), ("r2", 400)] {
        fixture.refund_part(id, Some(amount_minor));
        answered(&mut fixture, "refund_failed");
    }
    in_dashboard(&mut fixture, "re_x", 900, "made");
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("approved", 900));
    assert_eq!(fixture.payment().left_of(0), Some(0));
    retry(&mut fixture, "r2");
    assert_eq!(called(&fixture).unwrap().amount.map(|amount| amount.0), Some(150), "the rest of it");
    answered(&mut fixture, "refunded");
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050));
    assert_eq!(requested_again(&mut fixture, "r1", 300), ("refunded".to_owned(), 300));
    assert_eq!(requested_again(&mut fixture, "r2", 400), ("refunded".to_owned(), 400));
    assert_eq!(refused(&reply(&fixture.refund_part("r2", Some(150)))), "refund_id_reused");
    in_dashboard(&mut fixture, "re_x", 900, "failed");
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("approved", 150));
}

#[test]
fn a_smaller_refund_of_the_dashboard_leaves_a_failed_part_to_be_made_again() {
    let mut fixture = with_failed_part();
    in_dashboard(&mut fixture, "re_x", 200, "made");
    assert_eq!((fixture.payment().refunded_minor(), fixture.payment().refundable_minor()), (200, 550));
    fixture.refund(1);
    for amount_minor in [300, 550] {
        assert_eq!(called(&fixture).unwrap().amount.map(|amount| amount.0), Some(amount_minor));
        answered(&mut fixture, "refunded");
    }
    assert_eq!((fixture.status(), fixture.payment().refunded_minor()), ("refunded", 1050));
}
