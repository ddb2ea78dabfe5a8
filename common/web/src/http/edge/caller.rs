//! The caller of a request, as handlers see it, and what a path requires. Separate from authentication, which handlers
//! need not know.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use uuid::Uuid;

use crate::http::problem::Problem;

/// The most characters of an author.
const LONGEST_AUTHOR: usize = 200;

/// What a path requires of its caller if authentication is on (`Program::access`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No authentication.
    Open,
    /// Authentication. The handler decides by the [`Caller`].
    Authenticated,
    /// An operator.
    Operator,
}

/// The address of a request's client: the connection's, or the one that a proxy of `edge.trusted_proxies` reports. Of
/// an IPv6 address its /64 network, which one customer of a provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let address = parts.extensions.get::<Self>().copied();
        address.ok_or_else(|| Problem::internal("a handler takes a ClientAddress, and the edge layer is missing"))
    }
}

/// The caller of a request. Handlers take it as an extractor, before the body:
///
/// ```
/// use axum::extract::State;
/// use web::http::{Caller, Problem};
/// # struct Order { customer_id: uuid::Uuid }
/// # async fn find() -> Option<Order> { None }
///
/// async fn show(caller: Caller) -> Result<String, Problem> {
///     let order = find().await.filter(|order| caller.sees(order.customer_id));
///     let order = order.ok_or_else(|| Problem::not_found("There is no such order."))?;
///     Ok(order.customer_id.to_string())
/// }
/// ```
///
/// Another customer's resources answer 404, so that callers can't learn that they exist. Lists filter by
/// [`Caller::only`], requests in a customer's name check [`Caller::check_may_act_for`], and operators' requests check
/// [`Caller::check_operator`]. If authentication is off, everyone may do everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    name: Arc<str>,
    rights: Rights,
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authenticated {
    pub(super) caller: Caller,
    /// When its token is no longer accepted.
    pub(super) expires: Option<SystemTime>,
}

impl Authenticated {
    /// A caller whose authentication does not expire.
    pub(super) fn for_ever(caller: Caller) -> Self {
        Self { caller, expires: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    /// Authentication is off.
    All,
    /// An open path of a service with authentication.
    Nothing,
    Customer(Uuid),
    Operator,
}

impl Caller {
    /// Any caller, if authentication is off.
    pub fn anyone() -> Self {
        Self { name: Arc::from(""), rights: Rights::All }
    }

    /// The caller of an open path of a service with authentication: has no rights.
    pub(super) fn without_rights() -> Self {
        Self { name: Arc::from(""), rights: Rights::Nothing }
    }

    /// A customer, known as `name`.
    pub fn customer(name: &str, id: Uuid) -> Self {
        Self { name: Arc::from(name), rights: Rights::Customer(id) }
    }

    /// An operator, known as `name`.
    pub fn operator(name: &str) -> Self {
        Self { name: Arc::from(name), rights: Rights::Operator }
    }

    /// The authenticated name.
    pub fn name(&self) -> Option<&str> {
        (!self.name.is_empty()).then_some(&*self.name)
    }

    /// The authenticated name, as it is recorded with a change: one line of at most 200 characters.
    pub fn author(&self) -> Option<String> {
        let in_one_line = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
        self.name().map(|name| name.chars().take(LONGEST_AUTHOR).map(in_one_line).collect())
    }

    /// Returns true if the caller may see this customer's resources.
    pub fn sees(&self, customer: Uuid) -> bool {
        match self.rights {
            Rights::All | Rights::Operator => true,
            Rights::Customer(own) => own == customer,
            Rights::Nothing => false,
        }
    }

    /// The only customer whose resources the caller may see; `None` if all may be seen.
    ///
    /// # Errors
    /// 403 for callers without rights.
    pub fn only(&self) -> Result<Option<Uuid>, Problem> {
        match self.rights {
            Rights::All | Rights::Operator => Ok(None),
            Rights::Customer(own) => Ok(Some(own)),
            Rights::Nothing => Err(Self::forbidden("This needs an authenticated caller.")),
        }
    }

    /// Checks that the caller may act in this customer's name.
    ///
    /// # Errors
    /// 403.
    pub fn check_may_act_for(&self, customer: Uuid) -> Result<(), Problem> {
        if self.sees(customer) {
            return Ok(());
        }
        Err(Self::forbidden(format!("A customer may act in their own name only, not in that of customer {customer}.")))
    }

    /// Checks that the caller has an operator's rights.
    ///
    /// # Errors
    /// 403.
    pub fn check_operator(&self) -> Result<(), Problem> {
        match self.rights {
            Rights::All | Rights::Operator => Ok(()),
            Rights::Customer(_) | Rights::Nothing => Err(Self::forbidden("This is for operators.")),
        }
    }

    /// Qualifies a name that the caller chose (an `Idempotency-Key`), so that the same name of two customers means two
    /// things, and no customer learns the names of others.
    pub fn own_name(&self, given: String) -> String {
        match self.rights {
            Rights::Customer(own) => format!("{own}/{given}"),
            Rights::All | Rights::Operator | Rights::Nothing => given,
        }
    }

    fn forbidden(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
        Problem::of(StatusCode::FORBIDDEN, detail)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::internal("a handler takes a Caller, and the edge layer is missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: Uuid = Uuid::from_u128(0xa);
    const BIA: Uuid = Uuid::from_u128(0xb);

    #[test]
    fn a_customer_sees_and_does_their_own_and_an_operator_all() {
        let ana = Caller::customer("ana", ANA);
        let operator = Caller::operator("ops");
        assert!(ana.sees(ANA) && !ana.sees(BIA) && operator.sees(BIA));
        assert_eq!((ana.only().unwrap(), operator.only().unwrap()), (Some(ANA), None));
        assert_eq!(ana.check_may_act_for(BIA).unwrap_err().status(), StatusCode::FORBIDDEN);
        assert!(ana.check_may_act_for(ANA).is_ok() && operator.check_may_act_for(ANA).is_ok());
        assert!(ana.check_operator().is_err() && operator.check_operator().is_ok());
    }

    #[test]
    fn an_author_is_one_short_line() {
        assert_eq!(Caller::operator("sub ana\r\nb\u{2028}c").author().as_deref(), Some("sub ana  b c"));
        assert_eq!(Caller::operator(&"é".repeat(300)).author().unwrap(), "é".repeat(200));
        assert_eq!(Caller::anyone().author(), None);
    }

    #[test]
    fn without_authentication_everyone_has_all_rights_and_on_an_open_path_no_rights() {
        let anyone = Caller::anyone();
        let without_rights = Caller::without_rights();
        assert!(anyone.sees(ANA) && anyone.check_operator().is_ok() && anyone.only().unwrap().is_none());
        assert!(
            !without_rights.sees(ANA) && without_rights.check_operator().is_err() && without_rights.only().is_err()
        );
    }

    #[test]
    fn two_customers_who_choose_the_same_name_mean_two_things() {
        let named = |caller: Caller| caller.own_name("monday".to_owned());
        assert_ne!(named(Caller::customer("ana", ANA)), named(Caller::customer("bia", BIA)));
        assert_eq!(named(Caller::anyone()), "monday");
    }
}
