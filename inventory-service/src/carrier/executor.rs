//! Makes the calls to the carrier and sends its answers as messages. Their ids derive from the intent's, so that an
//! answer repeated after a takeover is the same message.

use common::bounds::{ID_BYTES, TEXT_BYTES, cut};
use common::ids;
use common::journal::Intent;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use common::worker::{Executor, ExternalCall};

use crate::carrier::call::{CarrierCall, Parcel};
use crate::carrier::client::{Carrier, CarrierError};
use crate::messages::{CARRIER_ANSWERED, CarrierAnswered, CarrierOutcome};

/// Makes the calls that shipments ask for.
pub struct Dispatcher<C> {
    pub carrier: C,
}

impl<C: Carrier> Executor for Dispatcher<C> {
    type SideEffect = CarrierCall;

    async fn execute(&self, intent: &Intent<CarrierCall>, now: Timestamp) -> Vec<Outgoing> {
        let (parcel, call, outcome, answer) = match &intent.what {
            CarrierCall::Book(parcel) => match self.carrier.book(parcel).await {
                Ok(booked) => (parcel, parcel.call, CarrierOutcome::Booked, Ok(Some(booked.tracking_number))),
                Err(error @ CarrierError::Failed(_)) => (parcel, parcel.call, CarrierOutcome::Failed, Err(error)),
                Err(error @ CarrierError::Refused(_)) => (parcel, parcel.call, CarrierOutcome::Refused, Err(error)),
            },
            CarrierCall::Void(parcel, call) => match self.carrier.void(parcel).await {
                Ok(()) => (parcel, *call, CarrierOutcome::Voided, Ok(None)),
                Err(error @ CarrierError::Failed(_)) => (parcel, *call, CarrierOutcome::VoidFailed, Err(error)),
                Err(error @ CarrierError::Refused(_)) => (parcel, *call, CarrierOutcome::NotVoided, Err(error)),
            },
        };
        if let Err(error) = &answer {
            tracing::warn!(order_id = parcel.order, ?outcome, call, "the call to the carrier did not succeed: {error}");
        }
        let (tracking_number, error) = match answer {
            Ok(number) => (number.map(|number| cut(&number, ID_BYTES).into_owned()), None),
            Err(error) => (None, Some(cut(&error.to_string(), TEXT_BYTES).into_owned())),
        };
        let value = CarrierAnswered { order_id: parcel.order.clone(), outcome, call, tracking_number, error };
        vec![message(&intent.id, parcel, &value, now)]
    }

    fn describe(call: &CarrierCall) -> Option<ExternalCall<'_>> {
        let (name, parcel) = match call {
            CarrierCall::Book(parcel) => ("carrier.book", parcel),
            CarrierCall::Void(parcel, _) => ("carrier.void", parcel),
        };
        Some(ExternalCall { name, peer: parcel.carrier.name(), traceparent: parcel.trace.as_deref() })
    }
}

fn message(intent: &str, parcel: &Parcel, answer: &CarrierAnswered, now: Timestamp) -> Outgoing {
    let id = ids::derive(&[intent, "answer"]).to_string();
    let key = &parcel.warehouse;
    Outgoing::event(topics::INVENTORY_COMMANDS, key, CARRIER_ANSWERED, id, &parcel.order, now, answer)
        .caused_by(parcel.trace.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::simulated::Simulated;

    async fn answer(what: CarrierCall) -> (Outgoing, CarrierAnswered) {
        let intent = Intent { id: "o/book/1".to_owned(), due: Timestamp(0), what };
        let dispatcher = Dispatcher { carrier: Simulated::new(0.0) };
        let message = dispatcher.execute(&intent, Timestamp(1)).await.remove(0);
        let value = serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
        (message, value)
    }

    #[tokio::test]
    async fn the_simulated_carrier_answers_by_the_postal_code() {
        let book = |code: &str, call| CarrierCall::Book(Parcel { call, ..Parcel::to(code) });
        for (code, call, expected) in [
            ("01310-100", 1, CarrierOutcome::Booked),
            ("", 1, CarrierOutcome::Booked),
            ("00000-000", 1, CarrierOutcome::Refused),
            ("01310-177", 2, CarrierOutcome::Failed),
            ("01310-177", 3, CarrierOutcome::Booked),
            ("01310-144", 9, CarrierOutcome::Failed),
        ] {
            let (_, value) = answer(book(code, call)).await;
            assert_eq!((value.outcome, value.call), (expected, call), "{code}");
            assert_eq!(value.tracking_number.is_some(), expected == CarrierOutcome::Booked);
            assert_eq!(value.error.is_some(), expected != CarrierOutcome::Booked);
        }
        assert_eq!(answer(CarrierCall::Void(Parcel::to("01310-144"), 4)).await.1.outcome, CarrierOutcome::Voided);
    }

    #[tokio::test]
    async fn an_answer_is_sent_to_the_warehouse_with_the_same_id_each_time() {
        let (first, _) = answer(CarrierCall::Book(Parcel::to("01310-100"))).await;
        let (again, _) = answer(CarrierCall::Book(Parcel::to("01310-100"))).await;
        assert_eq!(first, again);
        assert_eq!(first.key, Some("main".into()));
    }

    #[tokio::test]
    async fn a_share_of_the_calls_fails() {
        let always = Simulated::new(1.0);
        assert!(
            always.book(&Parcel::to("01310-100")).await.is_err()
                && always.void(&Parcel::to("01310-100")).await.is_err()
        );
    }
}
