//! Tests of replies and of unknown orders.

use std::collections::BTreeMap;

use common::ids::OrderId;
use common::journal::{Memory, Transaction};
use common::messages::{Reply, Unreadable, header};
use common::time::Timestamp;
use serde_json::json;

use super::RuleContext;
use crate::fixture::{message, value_of};
use crate::messages::CONFIRM;
use crate::order::policy::Policy;

#[test]
fn a_command_for_an_unknown_order_is_refused_and_another_message_is_unreadable() {
    let store = BTreeMap::new();
    let mut memory = Memory::default();
    let mut tx = Transaction::over(&mut memory, &store, 0, 1);
    let id = OrderId::generate();
    let message = message("m", CONFIRM, id, &json!({}));
    let policy = Policy::default();
    let mut ctx = RuleContext { tx: &mut tx, message: &message, policy: &policy, now: Timestamp(7) };
    assert!(matches!(ctx.update(id, |_, _| ()), Err(Unreadable::Malformed(_))));
    ctx.reply(id, |_, _| Reply::done()).unwrap();
    let [reply] = tx.sent() else { panic!("one reply, not {:?}", tx.sent()) };
    assert_eq!(value_of(reply)["reason"], "unknown_order");
    assert_eq!(reply.headers.get(header::CORRELATION_ID), Some("m"));
}
