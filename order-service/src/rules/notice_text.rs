//! The texts of notices, rendered from `templates/` in the customer's language.

use std::sync::LazyLock;

use common::time::Timestamp;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};

use crate::order::Order;
use crate::order::delivery::{Customer, Language};
use crate::order::notice::NoticeKind;
use crate::order::parts::Return;

/// A rendered notice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoticeText {
    /// One line.
    pub(super) subject: String,
    pub(super) text: String,
}

/// The values that the templates use.
pub(super) fn values(order: &Order, customer: &Customer, about: Option<&Return>) -> Value {
    let placed = &order.placed;
    let shipment = order.shipment.as_ref();
    let reported = order.tracking.as_ref();
    let action = order.action.as_ref();
    let items: Vec<_> =
        placed.items.iter().map(|item| context!(name => item.name.as_str(), quantity => item.quantity.get())).collect();
    context!(
        name => customer.name.as_str(),
        order => placed.order_id.to_string(),
        amount => order.money(placed.amount_minor).to_string(),
        currency => placed.currency.as_str(),
        reason => order.reason.as_deref(),
        items => items,
        invoice => order.invoice.as_ref().map(|invoice| invoice.number.clone()),
        pickup => shipment.is_some_and(|shipment| shipment.method.as_deref() == Some("pickup")),
        carrier => shipment.and_then(|shipment| shipment.carrier.clone()),
        tracking => reported.and_then(|known| known.tracking_number.clone())
            .or_else(|| shipment.and_then(|shipment| shipment.tracking_number.clone())),
        expected => reported.and_then(|known| known.estimated_date.clone())
            .or_else(|| shipment.and_then(|shipment| shipment.estimated_date.clone())),
        delivered => reported.and_then(|known| known.delivered_at).map(day_of),
        refund => about.map(|known| order.money(known.refund_minor).to_string()),
        code => action.and_then(|action| action.code.clone()),
        url => action.and_then(|action| action.url.clone()),
        until => action.and_then(|action| action.expires_at).map(|at| at.to_string()),
        why => about.and_then(|known| known.outcome_reason.clone()),
    )
}

/// The day of a time (UTC), such as `2026-11-27`.
fn day_of(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned())
}

/// Renders a notice. The first line of a template is the subject.
pub(super) fn render(kind: NoticeKind, language: Language, values: &Value) -> NoticeText {
    static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = Environment::new();
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            environment.set_syntax(syntax);
        }
        // A missing value is no text, never the word "none".
        environment.set_formatter(|output, state, value| {
            if value.is_none() { Ok(()) } else { minijinja::escape_formatter(output, state, value) }
        });
        environment
    });
    // Rendering cannot fail: a test renders every template, and all values are optional in them.
    let text = TEMPLATES.render_str(template(kind, language), values).unwrap_or_default();
    let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
    NoticeText { subject: subject.trim().replace(char::is_control, " "), text: text.trim().to_owned() }
}

const fn template(kind: NoticeKind, language: Language) -> &'static str {
    match (language, kind) {
        (Language::En, NoticeKind::Confirmed) => include_str!("../../templates/en/confirmed.txt"),
        (Language::En, NoticeKind::Shipped) => include_str!("../../templates/en/shipped.txt"),
        (Language::En, NoticeKind::Delivered) => include_str!("../../templates/en/delivered.txt"),
        (Language::En, NoticeKind::Late) => include_str!("../../templates/en/late.txt"),
        (Language::En, NoticeKind::NotPaid) => include_str!("../../templates/en/not_paid.txt"),
        (Language::En, NoticeKind::Rejected) => include_str!("../../templates/en/rejected.txt"),
        (Language::En, NoticeKind::Cancelled) => include_str!("../../templates/en/cancelled.txt"),
        (Language::En, NoticeKind::Refunded) => include_str!("../../templates/en/refunded.txt"),
        (Language::En, NoticeKind::NotDelivered) => include_str!("../../templates/en/not_delivered.txt"),
        (Language::En, NoticeKind::Returned) => include_str!("../../templates/en/returned.txt"),
        (Language::En, NoticeKind::ReturnRefused) => include_str!("../../templates/en/return_refused.txt"),
        (Language::En, NoticeKind::ActionRequired) => include_str!("../../templates/en/action_required.txt"),
        (Language::Pt, NoticeKind::Confirmed) => include_str!("../../templates/pt/confirmed.txt"),
        (Language::Pt, NoticeKind::Shipped) => include_str!("../../templates/pt/shipped.txt"),
        (Language::Pt, NoticeKind::Delivered) => include_str!("../../templates/pt/delivered.txt"),
        (Language::Pt, NoticeKind::Late) => include_str!("../../templates/pt/late.txt"),
        (Language::Pt, NoticeKind::NotPaid) => include_str!("../../templates/pt/not_paid.txt"),
        (Language::Pt, NoticeKind::Rejected) => include_str!("../../templates/pt/rejected.txt"),
        (Language::Pt, NoticeKind::Cancelled) => include_str!("../../templates/pt/cancelled.txt"),
        (Language::Pt, NoticeKind::Refunded) => include_str!("../../templates/pt/refunded.txt"),
        (Language::Pt, NoticeKind::NotDelivered) => include_str!("../../templates/pt/not_delivered.txt"),
        (Language::Pt, NoticeKind::Returned) => include_str!("../../templates/pt/returned.txt"),
        (Language::Pt, NoticeKind::ReturnRefused) => include_str!("../../templates/pt/return_refused.txt"),
        (Language::Pt, NoticeKind::ActionRequired) => include_str!("../../templates/pt/action_required.txt"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: [NoticeKind; 12] = [
        NoticeKind::Confirmed,
        NoticeKind::Shipped,
        NoticeKind::Delivered,
        NoticeKind::Late,
        NoticeKind::NotPaid,
        NoticeKind::Rejected,
        NoticeKind::Cancelled,
        NoticeKind::Refunded,
        NoticeKind::NotDelivered,
        NoticeKind::Returned,
        NoticeKind::ReturnRefused,
        NoticeKind::ActionRequired,
    ];

    #[test]
    fn every_notice_can_be_rendered_in_every_language() {
        let items = vec![context!(name => "day-one", quantity => 2)];
        let values = context!(name => "Ana", order => "o-1", amount => "10.50", currency => "BRL", items => items,
            invoice => "A0-000001", carrier => "post", tracking => "BR1", expected => "2026-11-27", refund => "5.00");
        for language in [Language::En, Language::Pt] {
            for kind in ALL {
                let NoticeText { subject, text } = render(kind, language, &values);
                assert!(!subject.is_empty() && !subject.contains('\n'), "{kind:?}: {subject}");
                assert!(text.contains("Ana") && text.contains("o-1"), "{kind:?}: {text}");
                assert!(!text.contains("{") && !text.contains("\n\n\n"), "{kind:?}: {text}");
            }
        }
        let shipped = render(NoticeKind::Shipped, Language::Pt, &values).text;
        assert!(shipped.contains("Código de rastreamento: BR1\nEntrega prevista para 2026-11-27."), "{shipped}");
        assert!(shipped.contains("  2 x day-one\n"), "{shipped}");
    }

    /// The fields of an order, a shipment and a return that may be missing.
    const OPTIONAL: [(&str, &str); 8] = [
        ("/reason", "out_of_stock"),
        ("/invoice", ""),
        ("/shipment/carrier", "post"),
        ("/shipment/trackingNumber", "BR1"),
        ("/shipment/estimatedDate", "2026-11-27"),
        ("/shipment/method", "pickup"),
        ("/returns/0/outcomeReason", "damaged"),
        ("/tracking/deliveredAt", "2026-11-27T12:00:00.000Z"),
    ];

    /// An order with those optional fields that are in the bit set.
    fn order_with(present: u32) -> Order {
        let mut order = json!({
            "placed": {"orderId": "018f3f2a-0000-7000-8000-000000000001",
                "customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "amountMinor": 1050, "currency": "BRL",
                "items": [{"id": "a", "name": "day-one", "amountMinor": 1050, "quantity": 1}],
                "customer": {"name": "Ana", "email": "ana@example.com"}, "createdAt": "2026-01-02T03:04:05.678Z"},
            "status": "confirmed", "updatedAt": "2026-01-02T03:04:06.000Z", "steps": [], "shipment": {},
            "tracking": {"number": 1, "status": "delivered", "at": "2026-01-02T03:04:06.000Z"},
            "returns": [{"id": "018f3f2a-0000-7000-8000-000000000002", "status": "requested", "refundMinor": 500,
                "items": [], "why": "too loud", "requestedAt": "2026-01-02T03:04:06.000Z"}],
        });
        for (bit, (at, value)) in OPTIONAL.iter().enumerate().filter(|(bit, _)| present & (1 << bit) != 0) {
            let (parent, field) = at.rsplit_once('/').unwrap();
            let invoice = json!({"number": "A0-000001", "issuedAt": "2026-01-02T03:04:06.000Z", "status": "open"});
            let value = if bit == 1 { invoice } else { json!(value) };
            order.pointer_mut(parent).unwrap()[field] = value;
        }
        serde_json::from_value(order).unwrap()
    }

    /// The rendered notice, for all values that the rules pass.
    fn rendered(kind: NoticeKind, language: Language, order: &Order, about: Option<&Return>) -> NoticeText {
        render(kind, language, &values(order, order.placed.customer.as_ref().unwrap(), about))
    }

    /// Checks that no sentence lacks a value.
    fn check_complete(NoticeText { subject, text }: &NoticeText, what: &str) {
        let what = format!("{what}: {subject}\n{text}");
        for word in [subject, text].into_iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric())) {
            assert!(!["none", "null", "undefined"].contains(&word.to_lowercase().as_str()), "{what}");
        }
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        for (n, line) in lines.iter().enumerate() {
            let is_before_list = lines.get(n + 1).is_some_and(|next| next.starts_with("  "));
            assert!(!line.ends_with(':') || is_before_list, "a label without a value: {line:?} in {what}");
            let inner = line.trim_start();
            assert!(["  ", " .", " ,", "()", ": ,"].iter().all(|gap| !inner.contains(gap)), "{line:?} in {what}");
            assert_eq!(line.trim_end(), *line, "{what}");
        }
        assert!(!subject.trim().is_empty() && !text.contains("\n\n\n"), "{what}");
    }

    #[test]
    fn a_notice_has_no_incomplete_sentence_whichever_optional_values_are_missing() {
        for present in 0..1_u32 << OPTIONAL.len() {
            let whole = order_with(present);
            let without_shipment = Order { shipment: None, ..whole.clone() };
            for (kind, language) in ALL.iter().flat_map(|kind| [(*kind, Language::En), (*kind, Language::Pt)]) {
                for order in [&whole, &without_shipment] {
                    for about in [None, order.returns.first()] {
                        let what = format!("{kind:?} {language:?} with {present:08b}");
                        check_complete(&rendered(kind, language, order, about), &what);
                    }
                }
            }
        }
    }

    #[test]
    fn a_notice_of_an_action_is_complete_whichever_of_its_values_are_missing_and_has_no_secret() {
        for present in 0..8 {
            let mut action = json!({"type": "confirm", "clientSecret": "pi_1_secret"});
            let values =
                [("url", "https://bank.example"), ("code", "0002BR"), ("expiresAt", "2026-11-27T12:00:00.000Z")];
            for (_, (name, value)) in values.into_iter().enumerate().filter(|(bit, _)| present & (1 << bit) != 0) {
                action[name] = json!(value);
            }
            let order = Order { action: Some(serde_json::from_value(action).unwrap()), ..order_with(0) };
            for language in [Language::En, Language::Pt] {
                let notice = rendered(NoticeKind::ActionRequired, language, &order, None);
                check_complete(&notice, &format!("{language:?} with {present:03b}"));
                assert!(!notice.text.contains("secret"), "{}", notice.text);
                for (bit, (_, value)) in values.iter().enumerate() {
                    assert_eq!(notice.text.contains(value), present & (1 << bit) != 0, "{}", notice.text);
                }
            }
        }
    }

    #[test]
    fn nothing_of_a_customer_is_in_a_subject() {
        let order = order_with(u32::MAX >> (32 - OPTIONAL.len()));
        let mut other = order.clone();
        let customer = other.placed.customer.as_mut().unwrap();
        customer.name = "You have won! http://evil.example".to_owned();
        customer.email = "victim@example.com".to_owned();
        other.placed.items[0].name = "http://evil.example".to_owned();
        other.returns[0].why = "http://evil.example".to_owned();
        for (kind, language) in ALL.iter().flat_map(|kind| [(*kind, Language::En), (*kind, Language::Pt)]) {
            let subject = |order: &Order| rendered(kind, language, order, order.returns.first()).subject;
            assert_eq!(subject(&order), subject(&other), "{kind:?}");
        }
    }

    #[test]
    fn a_value_cannot_add_lines_to_a_subject_or_code_to_a_text() {
        let values = context!(name => "{{ order }}", order => "o-1", currency => "B\nR\tL");
        let text = render(NoticeKind::Cancelled, Language::En, &values).text;
        assert!(text.contains("Hello {{ order }},"), "{text}");
    }
}
