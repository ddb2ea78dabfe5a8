//! Asks the carrier what the shipments want asked, and says its answers as messages. Their ids derive from the
//! intent's, so that an answer given again after a take-over is the same answer.

use common::ids;
use common::journal::Intent;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use common::worker::Executor;

use super::answers::{CarrierAnswered, Outcome};
use super::{Carrier, CarrierCall, CarrierError, Parcel};
use crate::messages::CARRIER_ANSWERED;

/// Performs the shipments' acts at a carrier.
pub struct Dispatcher<C> {
    /// The carrier.
    pub carrier: C,
}

impl<C: Carrier> Executor for Dispatcher<C> {
    type SideEffect = CarrierCall;

    async fn execute(&self, intent: &Intent<CarrierCall>, now: Timestamp) -> Vec<Outgoing> {
        let (parcel, call, outcome, said) = match &intent.what {
            CarrierCall::Book(parcel) => match self.carrier.book(parcel).await {
                Ok(booked) => (parcel, parcel.call, Outcome::Booked, Ok(Some(booked.tracking_number))),
                Err(error @ CarrierError::Failed(_)) => (parcel, parcel.call, Outcome::Failed, Err(error)),
                Err(error @ CarrierError::Refused(_)) => (parcel, parcel.call, Outcome::Refused, Err(error)),
            },
            CarrierCall::Void(parcel, call) => match self.carrier.void(parcel).await {
                Ok(()) => (parcel, *call, Outcome::Voided, Ok(None)),
                Err(error @ CarrierError::Failed(_)) => (parcel, *call, Outcome::VoidFailed, Err(error)),
                Err(error @ CarrierError::Refused(_)) => (parcel, *call, Outcome::NotVoided, Err(error)),
            },
        };
        if let Err(error) = &said {
            tracing::warn!(order_id = parcel.order, ?outcome, call, "the carrier did not do it: {error}");
        }
        let (tracking_number, error) = match said {
            Ok(number) => (number, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let answer = CarrierAnswered { order_id: parcel.order.clone(), outcome, call, tracking_number, error };
        vec![message(&intent.id, parcel, &answer, now)]
    }
}

fn message(intent: &str, parcel: &Parcel, answer: &CarrierAnswered, now: Timestamp) -> Outgoing {
    let id = ids::derive(&[intent, "answer"]).to_string();
    let (topic, key) = (topics::INVENTORY_COMMANDS, parcel.warehouse.as_str());
    Outgoing::event(topic, key, CARRIER_ANSWERED, id, &parcel.order, now, answer).caused_by(parcel.trace.as_deref())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::carrier::{CarrierKind, Simulated};
    use crate::messages::{Address, Method};

    /// A parcel to this postal code.
    pub(crate) fn parcel(postal_code: &str) -> Parcel {
        let address = Address {
            name: "Ana".to_owned(),
            line1: "Rua A, 1".to_owned(),
            line2: None,
            city: "Recife".to_owned(),
            postal_code: postal_code.to_owned(),
            country: "BR".to_owned(),
        };
        let text = |text: &str| text.to_owned();
        Parcel {
            shipment: text("s"),
            order: text("o"),
            warehouse: text("main"),
            carrier: CarrierKind::Simulated,
            method: Method::Standard,
            address,
            number: text("CA000000005BR"),
            pieces: 1,
            call: 1,
            trace: None,
        }
    }

    async fn answer(what: CarrierCall) -> (Outgoing, CarrierAnswered) {
        let intent = Intent { id: "o/book/1".to_owned(), due: Timestamp(0), what };
        let dispatcher = Dispatcher { carrier: Simulated::new(0.0) };
        let message = dispatcher.execute(&intent, Timestamp(1)).await.remove(0);
        let said = serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
        (message, said)
    }

    #[tokio::test]
    async fn the_simulated_carrier_answers_by_the_postal_code() {
        let book = |code: &str, call| CarrierCall::Book(Parcel { call, ..parcel(code) });
        for (code, call, expected) in [
            ("01310-100", 1, Outcome::Booked),
            ("", 1, Outcome::Booked),
            ("00000-000", 1, Outcome::Refused),
            ("01310-177", 2, Outcome::Failed),
            ("01310-177", 3, Outcome::Booked),
            ("01310-144", 9, Outcome::Failed),
        ] {
            let (_, said) = answer(book(code, call)).await;
            assert_eq!((said.outcome, said.call), (expected, call), "{code}");
            assert_eq!(said.tracking_number.is_some(), expected == Outcome::Booked);
            assert_eq!(said.error.is_some(), expected != Outcome::Booked);
        }
        assert_eq!(answer(CarrierCall::Void(parcel("01310-144"), 4)).await.1.outcome, Outcome::Voided);
    }

    #[tokio::test]
    async fn an_answer_goes_to_the_warehouse_and_has_the_same_id_again() {
        let (first, _) = answer(CarrierCall::Book(parcel("01310-100"))).await;
        let (again, _) = answer(CarrierCall::Book(parcel("01310-100"))).await;
        assert_eq!(first, again);
        assert_eq!(first.key, Some("main".into()));
    }

    #[tokio::test]
    async fn a_share_of_the_calls_fails() {
        let always = Simulated::new(1.0);
        assert!(always.book(&parcel("01310-100")).await.is_err() && always.void(&parcel("01310-100")).await.is_err());
    }
}
