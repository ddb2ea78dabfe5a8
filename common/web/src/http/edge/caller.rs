//! Who calls, as handlers see it, and what a path asks of them. Apart from how callers prove who they are, which handlers
//! need not know.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use uuid::Uuid;

use crate::http::Problem;

/// What a path asks of its caller where authentication is on (`Program::access`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// To say who they are. What they see and may do is for the handler to decide, by the [`Caller`].
    Known,
    /// To be an operator.
    Operator,
}

/// Who calls. A handler takes it like any extractor, before the body:
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
/// Another customer's things are not there (404), so that nobody learns that they are. Lists take [`Caller::only`] for a
/// filter, what is made in a customer's name asks [`Caller::may_act_for`], and what is for operators alone asks
/// [`Caller::needs_operator`]. Where authentication is off, everyone may do everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    name: Arc<str>,
    rights: Rights,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    /// Authentication is off.
    All,
    /// On a path that asks for nobody.
    Nothing,
    Customer(Uuid),
    Operator,
}

impl Caller {
    /// Everyone, where authentication is off.
    pub fn anyone() -> Self {
        Self { name: Arc::from(""), rights: Rights::All }
    }

    /// On an open path of a service whose authentication is on: may do nothing that needs a right.
    pub(super) fn nobody() -> Self {
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

    /// Under which name they are known, if they said who they are.
    pub fn name(&self) -> Option<&str> {
        (!self.name.is_empty()).then_some(&*self.name)
    }

    /// Whether they may see what belongs to this customer.
    pub fn sees(&self, customer: Uuid) -> bool {
        match self.rights {
            Rights::All | Rights::Operator => true,
            Rights::Customer(own) => own == customer,
            Rights::Nothing => false,
        }
    }

    /// The one customer whose things they may see; none where they may see everyone's.
    ///
    /// # Errors
    /// 403 for who may see nothing.
    pub fn only(&self) -> Result<Option<Uuid>, Problem> {
        match self.rights {
            Rights::All | Rights::Operator => Ok(None),
            Rights::Customer(own) => Ok(Some(own)),
            Rights::Nothing => Err(Self::forbidden("This needs a caller who says who they are.")),
        }
    }

    /// Whether they may do something in this customer's name.
    ///
    /// # Errors
    /// 403.
    pub fn may_act_for(&self, customer: Uuid) -> Result<(), Problem> {
        if self.sees(customer) {
            return Ok(());
        }
        Err(Self::forbidden(format!("A customer acts in their own name only, and not in that of customer {customer}.")))
    }

    /// Whether they may do what is for operators.
    ///
    /// # Errors
    /// 403.
    pub fn needs_operator(&self) -> Result<(), Problem> {
        match self.rights {
            Rights::All | Rights::Operator => Ok(()),
            Rights::Customer(_) | Rights::Nothing => Err(Self::forbidden("This is for operators.")),
        }
    }

    /// A name that the caller gave to something (an `Idempotency-Key`), so that two customers who choose the same name mean
    /// two things, and nobody finds out what others have named.
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
        caller.ok_or_else(|| Problem::internal("a handler asks who calls, and nobody stands at the edge"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: Uuid = Uuid::from_u128(0xa);
    const BIA: Uuid = Uuid::from_u128(0xb);

    #[test]
    fn a_customer_sees_and_does_their_own_and_an_operator_all() {
        let (ana, operator) = (Caller::customer("ana", ANA), Caller::operator("ops"));
        assert!(ana.sees(ANA) && !ana.sees(BIA) && operator.sees(BIA));
        assert_eq!((ana.only().unwrap(), operator.only().unwrap()), (Some(ANA), None));
        assert_eq!(ana.may_act_for(BIA).unwrap_err().status(), StatusCode::FORBIDDEN);
        assert!(ana.may_act_for(ANA).is_ok() && operator.may_act_for(ANA).is_ok());
        assert!(ana.needs_operator().is_err() && operator.needs_operator().is_ok());
    }

    #[test]
    fn without_authentication_everyone_may_all_and_on_an_open_path_nobody_anything() {
        let (anyone, nobody) = (Caller::anyone(), Caller::nobody());
        assert!(anyone.sees(ANA) && anyone.needs_operator().is_ok() && anyone.only().unwrap().is_none());
        assert!(!nobody.sees(ANA) && nobody.needs_operator().is_err() && nobody.only().is_err());
    }

    #[test]
    fn two_customers_who_choose_the_same_name_mean_two_things() {
        let named = |caller: Caller| caller.own_name("monday".to_owned());
        assert_ne!(named(Caller::customer("ana", ANA)), named(Caller::customer("bia", BIA)));
        assert_eq!(named(Caller::anyone()), "monday");
    }
}
