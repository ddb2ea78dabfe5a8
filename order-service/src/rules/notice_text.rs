//! The texts of notices, rendered from `templates/` in the customer's language.

use std::sync::LazyLock;

use common::money::Amount;
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
    let items: Vec<_> =
        placed.items.iter().map(|item| context!(name => item.name.as_str(), quantity => item.quantity.get())).collect();
    context!(
        name => customer.name.as_str(),
        order => placed.order_id.to_string(),
        amount => Amount(placed.amount_minor).to_string(),
        currency => placed.currency.as_str(),
        reason => order.reason.as_deref(),
        items => items,
        invoice => order.invoice.as_ref().map(|invoice| invoice.number.clone()),
        pickup => shipment.is_some_and(|shipment| shipment.method.as_deref() == Some("pickup")),
        carrier => shipment.and_then(|shipment| shipment.carrier.clone()),
        tracking => shipment.and_then(|shipment| shipment.tracking_number.clone()),
        expected => shipment.and_then(|shipment| shipment.estimated_date.clone()),
        refund => about.map(|known| Amount(known.refund_minor).to_string()),
        why => about.and_then(|known| known.outcome_reason.clone()),
    )
}

/// Renders a notice. The first line of a template is the subject.
pub(super) fn render(kind: NoticeKind, language: Language, values: &Value) -> NoticeText {
    static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = Environment::new();
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            environment.set_syntax(syntax);
        }
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
        (Language::En, NoticeKind::NotPaid) => include_str!("../../templates/en/not_paid.txt"),
        (Language::En, NoticeKind::Rejected) => include_str!("../../templates/en/rejected.txt"),
        (Language::En, NoticeKind::Cancelled) => include_str!("../../templates/en/cancelled.txt"),
        (Language::En, NoticeKind::Refunded) => include_str!("../../templates/en/refunded.txt"),
        (Language::En, NoticeKind::Returned) => include_str!("../../templates/en/returned.txt"),
        (Language::En, NoticeKind::ReturnRefused) => include_str!("../../templates/en/return_refused.txt"),
        (Language::Pt, NoticeKind::Confirmed) => include_str!("../../templates/pt/confirmed.txt"),
        (Language::Pt, NoticeKind::Shipped) => include_str!("../../templates/pt/shipped.txt"),
        (Language::Pt, NoticeKind::NotPaid) => include_str!("../../templates/pt/not_paid.txt"),
        (Language::Pt, NoticeKind::Rejected) => include_str!("../../templates/pt/rejected.txt"),
        (Language::Pt, NoticeKind::Cancelled) => include_str!("../../templates/pt/cancelled.txt"),
        (Language::Pt, NoticeKind::Refunded) => include_str!("../../templates/pt/refunded.txt"),
        (Language::Pt, NoticeKind::Returned) => include_str!("../../templates/pt/returned.txt"),
        (Language::Pt, NoticeKind::ReturnRefused) => include_str!("../../templates/pt/return_refused.txt"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [NoticeKind; 8] = [
        NoticeKind::Confirmed,
        NoticeKind::Shipped,
        NoticeKind::NotPaid,
        NoticeKind::Rejected,
        NoticeKind::Cancelled,
        NoticeKind::Refunded,
        NoticeKind::Returned,
        NoticeKind::ReturnRefused,
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

    #[test]
    fn a_value_cannot_add_lines_to_a_subject_or_code_to_a_text() {
        let values = context!(name => "{{ order }}", order => "o-1", currency => "B\nR\tL");
        let text = render(NoticeKind::Cancelled, Language::En, &values).text;
        assert!(text.contains("Hello {{ order }},"), "{text}");
    }
}
