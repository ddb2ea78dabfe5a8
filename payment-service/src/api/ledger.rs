//! `GET /ledger`: the accounts, and their postings.

use axum::Json;
use axum::extract::State;
use common::http::{Params, Problem, parameter};
use common::ids::OrderId;
use common::money::{Currency, Decimal};
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::query::read_limit;
use crate::ledger::Account;
use crate::settings::Settings;
use crate::view::{self, AccountTotal, PostingCursor, PostingRow};

/// The query of `GET /ledger`.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only the postings of this order's payment.
    #[param(value_type = Option<uuid::Uuid>)]
    order_id: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// The size of the page of postings.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// The ledger: double entry, in the accounts `customer_receivable`, `provider_clearing`, `revenue`, `refunds`,
/// `disputed` and `dispute_losses`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ledger {
    /// True if debits equal credits in every currency.
    balanced: bool,
    /// The totals of each account, in each currency.
    accounts: Vec<AccountBody>,
    /// The postings, newest orders first.
    postings: Vec<PostingBody>,
    /// The query's `cursor` for the next page of postings, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The totals of an account in one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
struct AccountBody {
    #[schema(value_type = AccountName)]
    account: String,
    /// ISO 4217.
    currency: String,
    #[schema(value_type = f64)]
    debit: Decimal,
    #[schema(value_type = f64)]
    credit: Decimal,
    /// Debit less credit.
    #[schema(value_type = f64)]
    balance: Decimal,
}

/// An account.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)]
enum AccountName {
    CustomerReceivable,
    ProviderClearing,
    Revenue,
    Refunds,
    Disputed,
    DisputeLosses,
}

/// One side of an entry.
#[derive(Serialize, ToSchema)]
#[schema(as = Posting)]
#[serde(rename_all = "camelCase")]
struct PostingBody {
    #[schema(value_type = uuid::Uuid)]
    order_id: String,
    /// The postings of an entry balance.
    entry: u32,
    /// `sale`, `capture`, `refund`, `payout`, `dispute`, `dispute_won` or `dispute_lost`.
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    #[schema(value_type = AccountName)]
    account: String,
    currency: String,
    #[schema(value_type = f64)]
    debit: Decimal,
    #[schema(value_type = f64)]
    credit: Decimal,
}

/// Returns the accounts, and a page of their postings.
#[utoipa::path(get, path = "/ledger", operation_id = "show_ledger",
    params(Query), responses((status = 200, body = Ledger)))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    Params(query): Params<Query>,
) -> Result<Json<Ledger>, Problem> {
    let id = |text: &str| text.parse::<OrderId>().ok();
    let order = parameter("orderId", query.order_id.as_deref(), id, "an order's id, a UUID")?;
    let cursor = |text: &str| text.parse::<PostingCursor>().ok();
    let from = parameter("cursor", query.cursor.as_deref(), cursor, "the next of an earlier page, unchanged")?;
    let limit = read_limit(query.limit.as_deref())?;
    let read = move |db: &rusqlite::Connection| {
        // One snapshot, so that the totals match the postings.
        let tx = db.unchecked_transaction()?;
        Ok((view::totals(&tx)?, view::postings(&tx, order, from.as_ref(), limit + 1)?))
    };
    let (totals, mut postings) = context.view.read(read).await?;
    let more = postings.len() > limit;
    postings.truncate(limit);
    let next = postings.last().filter(|_| more).map(|last| format!("{}_{}", last.order_id, last.line));
    let balanced = balanced(&totals);
    let accounts = totals.into_iter().map(AccountBody::of).collect();
    Ok(Json(Ledger { balanced, accounts, postings: postings.into_iter().map(PostingBody::of).collect(), next }))
}

fn balanced(totals: &[AccountTotal]) -> bool {
    let sum = |currency: &str| -> i128 {
        totals
            .iter()
            .filter(|total| total.currency == currency)
            .map(|total| total.debit_minor - total.credit_minor)
            .sum()
    };
    totals
        .iter()
        .all(|total| sum(&total.currency) == 0 && Account::ALL.iter().any(|account| account.name() == total.account))
}

impl AccountBody {
    fn of(total: AccountTotal) -> Self {
        let AccountTotal { currency, account, debit_minor, credit_minor } = total;
        let digits = Currency::digits_of(&currency);
        // Amounts that are larger are shown as the largest.
        let shown = |minor: i128| minor.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        let amount = |minor| Decimal::new(i64::try_from(shown(minor)).unwrap_or_default(), digits);
        let debit = amount(debit_minor);
        let credit = amount(credit_minor);
        Self { account, currency, debit, credit, balance: amount(debit_minor - credit_minor) }
    }
}

impl PostingBody {
    fn of(posting: PostingRow) -> Self {
        let PostingRow { order_id, entry, what, at, account, currency, debit_minor, credit_minor, line: _ } = posting;
        let digits = Currency::digits_of(&currency);
        let debit = Decimal::new(debit_minor, digits);
        let credit = Decimal::new(credit_minor, digits);
        Self { order_id, entry, what, at, account, currency, debit, credit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_that_do_not_balance_are_reported() {
        let total = |currency: &str, account: &str, debit_minor, credit_minor| AccountTotal {
            currency: currency.to_owned(),
            account: account.to_owned(),
            debit_minor,
            credit_minor,
        };
        let left = total("BRL", "provider_clearing", 10, 0);
        let right = total("BRL", "revenue", 0, 10);
        assert!(balanced(&[]) && balanced(&[left.clone(), right.clone()]));
        assert!(!balanced(std::slice::from_ref(&left)));
        assert!(!balanced(&[left, total("USD", "revenue", 0, 10)]), "not across currencies");
    }
}
