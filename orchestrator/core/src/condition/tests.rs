//! The semantics of conditions, in tables; and robustness against any text and data.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn data() -> Data {
    let Value::Object(map) = json!({
        "order": {
            "amountMinor": 1050, "currency": "BRL", "paid": true, "note": null, "rate": 1.5, "big": u64::MAX,
            "items": [{"id": "a", "quantity": 2}, {"id": "b", "quantity": 1}],
            "delivery-address": {"city": "São Paulo"},
        },
    }) else {
        unreachable!()
    };
    Data::from(map)
}

fn holds(text: &str) -> Option<bool> {
    Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).holds(&data())
}

#[test]
fn conditions_that_hold() {
    for text in [
        "true",
        "order.paid",
        "has(order)",
        "has(order.items[1].id)",
        r#"has(order["delivery-address"].city)"#,
        "!has(order.note)",
        "!has(order.delivery.country)",
        "!has(order.items[2])",
        r#"order.currency == "BRL""#,
        "order.currency == 'BRL'",
        "order.currency != 'EUR'",
        "order.amountMinor == 1050",
        "order.amountMinor == 1050.0",
        "order.amountMinor > 1049 && order.amountMinor < 1051",
        "order.amountMinor >= 1050 && order.amountMinor <= 1050",
        "order.rate > 1 && order.rate < 2 && order.rate == 1.5",
        "order.big > -1 && order.big == 18446744073709551615",
        "order.currency > 'BRK' && order.currency < 'BRM'",
        "order.note == null",
        "order.note != 0",
        "order.currency != 7",
        "order.items[0].quantity == 2",
        "order.items[0] != order.items[1]",
        "order.items == order.items",
        "!(order.paid == false)",
        "!!order.paid",
        "false || true && true",
        "true || false && false",
        "(order.paid && has(order.items)) == true",
        "order . paid",
        "  order.paid\n",
        r#"'it\'s' == "it's""#,
        r#""a\\b\n\t\"" == 'a\\b\n\t"'"#,
    ] {
        assert_eq!(holds(text), Some(true), "{text}");
    }
}

#[test]
fn conditions_that_do_not_hold() {
    for text in [
        "false",
        "!order.paid",
        "has(order.note)",
        "has(nothing)",
        "has(order.items[2])",
        "has(order.currency.deeper)",
        "order.currency == 'brl'",
        "order.currency == 1",
        "order.amountMinor != 1050.0",
        "order.amountMinor < 1050",
        "order.amountMinor > 1050",
        "order.paid && false",
        "false || false",
        "(true || true) && false",
    ] {
        assert_eq!(holds(text), Some(false), "{text}");
    }
}

#[test]
fn undecidable_conditions() {
    for text in [
        "nothing",
        "!nothing",
        "order.currency",
        "order.items",
        "order.delivery.country == 'PT'",
        "!(order.delivery.country == 'PT')",
        "order.currency < 5",
        "order.paid > false",
        "order.note < 1",
        "nothing && true",
        "true && nothing",
        "nothing && nothing",
        "nothing || false",
        "false || nothing",
        "order.currency && true",
    ] {
        assert_eq!(holds(text), None, "{text}");
    }
}

#[test]
fn an_undecidable_operand_does_not_matter_if_the_other_one_decides() {
    assert_eq!(holds("nothing || true"), Some(true));
    assert_eq!(holds("true || nothing"), Some(true));
    assert_eq!(holds("nothing && false"), Some(false));
    assert_eq!(holds("false && nothing"), Some(false));
}

#[test]
fn syntax_errors_name_their_position() {
    let deep = format!("{}true{}", "(".repeat(32), ")".repeat(32));
    let long = format!("{} true", "true && ".repeat(125));
    for (text, expected) in [
        ("", "expected a path, a string, a number, has(, ! or ( at the end"),
        ("order.", "expected a name at the end"),
        ("order.paid &&", "expected a path, a string, a number, has(, ! or ( at the end"),
        ("order.paid order", "expected &&, || or the end at character 12, found 'o'"),
        ("é", "at character 1, found 'é'"),
        ("a = 1", "at character 3, found '='"),
        ("a & b", "at character 3, found '&'"),
        ("(a", r#"expected ")" at the end"#),
        ("has(1)", "expected a path at character 5, found '1'"),
        ("has(a", r#"expected ")" at the end"#),
        ("a[x]", "expected an index such as 0, or a quoted name at character 3, found 'x'"),
        ("a['b c']", "is not a path"),
        ("a == 1x", r#"(not "1x")"#),
        ("a == 01", r#"(not "01")"#),
        ("a == 'b", "the string that begins with ' is not closed"),
        (r"a == '\x'", r"unknown escape \x"),
        ("1 < 2 < 3", "at character 7, found '<'"),
        (&deep, "nested deeper than 32"),
        (&long, "longer than 1000 bytes"),
    ] {
        let error = Condition::parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(Condition::parse(&deep[1..deep.len() - 1]).is_ok());
}

#[test]
fn a_condition_has_its_text_and_paths() {
    let text = "has(a.b) || !(c == d[0].e) && 'f' < 'g'";
    let condition = Condition::parse(text).unwrap();
    let paths: Vec<_> = condition.paths().iter().map(|path| path.as_str().to_owned()).collect();
    assert_eq!(paths, ["a.b", "c", "d.0.e"]);
    assert_eq!((condition.as_str(), condition.to_string().as_str()), (text, text));
    assert_eq!(serde_json::to_value(&condition).unwrap(), json!(text));
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_rejected(text in "[ -~é]{0,40}") {
        if let Ok(condition) = Condition::parse(&text) {
            let _ = condition.holds(&data());
        }
    }

    #[test]
    fn any_sequence_of_tokens_is_parsed_or_rejected(
        parts in prop::collection::vec(prop::sample::select(vec![
            "order", ".", "paid", "[", "0", "]", "has(", ")", "(", "!", "&&", "||", "==", "<", ">=", "'x'", "1.5",
            "null",
        ]), 0..16),
    ) {
        let text = parts.join(" ");
        if let Ok(condition) = Condition::parse(&text) {
            prop_assert_eq!(condition.holds(&data()), Condition::parse(condition.as_str()).unwrap().holds(&data()));
        }
    }
}
