//! A table of sagas, with the columns that the user chose.

use common::bounds::first_chars;
use maud::{Markup, html};
use saga::Definition;

use super::columns::{Column, Columns};
use super::components;
use super::query::link;
use crate::api::KnownDefinitions;
use crate::i18n::{Lang, step_label};
use crate::view::Listed;

/// A table of sagas.
pub(super) struct SagaTable<'a> {
    pub sagas: &'a [Listed],
    pub known: &'a KnownDefinitions,
    pub columns: &'a Columns,
    pub lang: Lang,
    /// Now, in milliseconds since 1970.
    pub now: i64,
    /// Where the heads of the columns by which a list can be sorted lead.
    pub sorting: Option<Sorting>,
}

/// The links of the sortable heads.
pub(super) struct Sorting {
    /// The list with the newest first.
    pub newest: String,
    /// The list with the longest wait first.
    pub waiting: String,
    /// The column by which it is sorted.
    pub by: Column,
}

impl SagaTable<'_> {
    /// The table.
    pub(super) fn render(&self) -> Markup {
        html! { div.scroll tabindex="0" role="region" aria-label="Sagas" { table.cards.sagas {
            thead { tr {
                th scope="col" { "Saga" }
                @for column in self.columns.iter() { (self.head(column)) }
            } }
            tbody { @for saga in self.sagas { (self.row(saga)) } }
        } } }
    }

    fn head(&self, column: Column) -> Markup {
        let text = column.head(self.lang);
        let to = self.sorting.as_ref().and_then(|sorting| match column {
            Column::Waiting => Some((&sorting.waiting, "ascending", sorting.by == column)),
            Column::Started => Some((&sorting.newest, "descending", sorting.by == column)),
            Column::Definition
            | Column::Status
            | Column::Ending
            | Column::Step
            | Column::Attempt
            | Column::Error
            | Column::Amount
            | Column::Customer
            | Column::Updated => None,
        });
        html! { @match to {
            Some((href, order, is_current)) => th scope="col" aria-sort=[is_current.then_some(order)] {
                a href=(href) { (text) } @if is_current { " ↓" }
            },
            None => th scope="col" { (text) },
        } }
    }

    fn row(&self, saga: &Listed) -> Markup {
        let definition = self.known.of(saga);
        html! { tr class={ "is-" (saga.status) } data-row=(saga.id) {
            th scope="row" { (components::saga_link(&saga.id)) }
            @for column in self.columns.iter() { (self.cell(saga, definition, column)) }
        } }
    }

    fn cell(&self, saga: &Listed, definition: Option<&Definition>, column: Column) -> Markup {
        let lang = self.lang;
        let content = match column {
            Column::Definition => Some(html! { (saga.definition) " v" (saga.version) }),
            Column::Status => Some(html! {
                (components::status(lang, &saga.status))
                @if saga.retrying { " " (components::step_status(lang, "retrying")) }
            }),
            Column::Ending => saga.ending.as_ref().map(|ending| {
                html! {
                    (lang.status(ending))
                    @if let Some(reason) = &saga.ending_reason { " " small { (lang.reason(reason)) } }
                }
            }),
            Column::Step => (!saga.step.is_empty()).then(|| html! { (steps(&saga.step, definition, lang)) }),
            Column::Attempt => self.attempt(saga).map(|text| html! { (text) }),
            Column::Waiting => saga.waiting.map(|since| {
                html! {
                    (lang.span(self.now.saturating_sub(since).max(0).unsigned_abs()))
                }
            }),
            Column::Error => saga.error.as_ref().map(|error| html! { span.reason { (lang.reason(error)) } }),
            Column::Amount => saga.money.as_ref().map(|money| html! { (lang.money(money)) }),
            Column::Customer => saga.customer.as_deref().map(customer),
            Column::Started => Some(components::moment(saga.started)),
            Column::Updated => Some(components::ago(lang, saga.updated, self.now)),
        };
        let class = match column {
            Column::Ending | Column::Error => "wide",
            Column::Step | Column::Customer => "text",
            Column::Attempt | Column::Waiting | Column::Amount => "number",
            Column::Definition | Column::Status | Column::Started | Column::Updated => "plain",
        };
        let none = if content.is_none() { " none" } else { "" };
        html! { td class={ (class) (none) } data-label=(column.head(lang)) {
            @match content { Some(content) => (content), None => "–" }
        } }
    }

    /// `3 of 10`, or `3` without a limit.
    fn attempt(&self, saga: &Listed) -> Option<String> {
        let number = saga.attempt.as_ref()?.number;
        let of = self.lang.text("of", "de");
        Some(match self.known.attempt_limit(saga) {
            Some(limit) => format!("{number} {of} {limit}"),
            None => number.to_string(),
        })
    }
}

fn customer(customer: &str) -> Markup {
    html! { a href={ "/sagas?" (link(&[("customer", Some(customer))])) } title=(customer) {
        @let short = first_chars(customer, 12);
        (short) @if short.len() < customer.len() { "…" }
    } }
}

/// The labels of the steps that a listed saga waits for.
pub(super) fn steps(names: &str, definition: Option<&Definition>, lang: Lang) -> String {
    names.split(", ").map(|name| step_label(definition, name, lang)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use saga::Action;

    use super::*;
    use crate::inspect::purchase::Money;
    use crate::view::ListedAttempt;

    fn listed(text: &str) -> Listed {
        let text = || text.to_owned();
        Listed {
            id: text(),
            definition: text(),
            version: 1,
            status: text(),
            step: text(),
            customer: Some(text()),
            waiting: Some(0),
            retrying: true,
            ending: Some(text()),
            ending_reason: Some(text()),
            attempt: Some(ListedAttempt { step: text(), action: Action::Execute, number: 3 }),
            error: Some(text()),
            money: Some(Money { minor: 1_050, currency: text() }),
            ..Listed::default()
        }
    }

    fn rendered(saga: &Listed, columns: &Columns, lang: Lang) -> String {
        let known = KnownDefinitions::of_file(include_str!("../../sagas/order.toml"));
        let sagas = std::slice::from_ref(saga);
        SagaTable { sagas, known: &known, columns, lang, now: 65_000, sorting: None }.render().into_string()
    }

    #[test]
    fn foreign_texts_are_escaped() {
        let all = Columns::named(Column::ALL.into_iter().map(Column::as_str));
        let text = rendered(&listed("<script>alert(1)</script>\"'"), &all, Lang::En);
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script"), "{text}");
    }

    #[test]
    fn a_row_has_the_result_the_attempt_the_error_and_the_amount() {
        let saga = Listed {
            definition: "order".to_owned(),
            version: 8,
            attempt: Some(ListedAttempt { step: "ship".to_owned(), action: Action::Execute, number: 3 }),
            ending: Some("confirmed".to_owned()),
            error: Some("not answered in time".to_owned()),
            money: Some(Money { minor: 1_050, currency: "BRL".to_owned() }),
            ..listed("x")
        };
        let english = rendered(&saga, &Columns::default(), Lang::En);
        for part in ["confirmed", "3 of 10", "1 min 5 s", "not answered in time", "10.50 BRL", "retrying"] {
            assert!(english.contains(part), "{part} in {english}");
        }
        let columns = Columns::named(["amount"].into_iter());
        let portuguese = rendered(&saga, &columns, Lang::Pt);
        assert!(portuguese.contains("10,50 BRL") && !portuguese.contains("3 de 10"), "{portuguese}");
    }
}
