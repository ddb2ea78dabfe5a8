//! `GET /orders`: lists orders, page by page.

use axum::Json;
use axum::extract::State;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use common::http::{Caller, Params, Problem, parameter};
use common::service::Context;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::body::OrderBody;
use crate::order::Status;
use crate::settings::Settings;
use crate::view::{self, Cursor, Filter};

/// The default number of orders on a page.
const PAGE: usize = 50;
/// The largest number of orders on a page.
const LARGEST_PAGE: usize = 200;

/// The query of `GET /orders`. All values are text, so that an error can name the wrong parameter.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only orders with this status.
    #[param(inline, value_type = Option<Status>)]
    status: Option<String>,
    /// Only this customer's orders.
    #[param(value_type = Option<Uuid>)]
    customer_id: Option<String>,
    /// The largest number of orders on the page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// A parsed query.
#[derive(Debug, PartialEq, Eq)]
struct Listing {
    filter: Filter,
    limit: usize,
    from: Option<Cursor>,
}

impl Query {
    fn parse(&self) -> Result<Listing, Problem> {
        let statuses = Status::ALL.map(Status::as_str).join(", ");
        let status = parameter("status", self.status.as_deref(), Status::parse, &statuses)?;
        let uuid = |text: &str| Uuid::parse_str(text).ok();
        let customer = parameter("customerId", self.customer_id.as_deref(), uuid, "a UUID")?;
        let number = |text: &str| text.parse().ok().filter(|n| (1..=LARGEST_PAGE).contains(n));
        let limit = parameter("limit", self.limit.as_deref(), number, &format!("a number from 1 to {LARGEST_PAGE}"))?;
        let cursor = |text: &str| text.parse().ok();
        let from = parameter("cursor", self.cursor.as_deref(), cursor, "the unchanged `next` of the previous page")?;
        Ok(Listing { filter: Filter { status, customer }, limit: limit.unwrap_or(PAGE), from })
    }
}

impl Listing {
    /// Restricts a customer's list to their own orders.
    ///
    /// # Errors
    /// 403 if a customer requests another customer's orders.
    fn visible_to(mut self, caller: &Caller) -> Result<Self, Problem> {
        if let Some(customer) = caller.only()? {
            self.filter.customer.map_or(Ok(()), |requested| caller.check_may_act_for(requested))?;
            self.filter.customer = Some(customer);
        }
        Ok(self)
    }

    /// The address of the page that begins at `next`.
    fn address(&self, next: Cursor) -> String {
        let status = self.filter.status.map(|status| format!("&status={status}")).unwrap_or_default();
        let customer = self.filter.customer.map(|id| format!("&customerId={id}")).unwrap_or_default();
        format!("/orders?limit={}{status}{customer}&cursor={}", self.limit, next.encode())
    }
}

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub(super) struct PageBody<'a> {
    items: Vec<OrderBody<'a>>,
    /// The cursor of the next page; left out on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Orders, newest first. A customer sees only their own.
#[utoipa::path(get, path = "/orders", params(Query), responses((status = 200, body = PageBody)))]
pub(super) async fn list(
    State(context): State<Context<Settings>>,
    caller: Caller,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let listing = query.parse()?.visible_to(&caller)?;
    let Listing { filter, limit, from } = listing;
    let page = context.view.read(move |connection| view::page(connection, filter, from, limit)).await?;
    let items = page.orders.iter().map(OrderBody::in_list).collect();
    let body = Json(PageBody { items, next: page.next.map(Cursor::encode) });
    Ok(match page.next {
        Some(next) => ([(LINK, format!("<{}>; rel=\"next\"", listing.address(next)))], body).into_response(),
        None => body.into_response(),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn a_page_has_50_orders_by_default() {
        let listing = Query::default().parse().unwrap();
        assert_eq!(listing, Listing { filter: Filter::default(), limit: 50, from: None });
    }

    #[test]
    fn an_error_names_the_wrong_parameter() {
        let text = |text: &str| Some(text.to_owned());
        let wrong = [
            ("status", Query { status: text("done"), ..Query::default() }),
            ("customerId", Query { customer_id: text("me"), ..Query::default() }),
            ("limit", Query { limit: text("201"), ..Query::default() }),
            ("limit", Query { limit: text("0"), ..Query::default() }),
            ("cursor", Query { cursor: text("7"), ..Query::default() }),
        ];
        for (name, query) in wrong {
            let problem = query.parse().unwrap_err();
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
            assert!(problem.detail().contains(name), "{problem:?}");
        }
    }

    #[test]
    fn a_customer_can_list_only_their_own_orders() {
        let ana = Uuid::from_u128(0xa);
        let bia = Uuid::from_u128(0xb);
        let listing = |requested: Option<Uuid>, caller: &Caller| {
            let query = Query { customer_id: requested.map(|id| id.to_string()), ..Query::default() };
            query.parse().unwrap().visible_to(caller).map(|listing| listing.filter.customer).map_err(|p| p.status())
        };
        let caller = Caller::customer("ana", ana);
        assert_eq!(listing(None, &caller), Ok(Some(ana)));
        assert_eq!(listing(Some(ana), &caller), Ok(Some(ana)));
        assert_eq!(listing(Some(bia), &caller), Err(StatusCode::FORBIDDEN));
        assert_eq!(listing(None, &Caller::operator("office")), Ok(None));
    }

    #[test]
    fn the_next_page_has_the_same_filter() {
        let query = Query { status: Some("confirmed".to_owned()), limit: Some("2".to_owned()), ..Query::default() };
        let cursor = "MTA6MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDA3";
        let address = query.parse().unwrap().address(cursor.parse().unwrap());
        assert_eq!(address, format!("/orders?limit=2&status=confirmed&cursor={cursor}"));
    }
}
