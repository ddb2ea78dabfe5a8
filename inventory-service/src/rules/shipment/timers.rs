//! What time alone changes of a shipment: it is late after its estimated date, and the simulated carrier reports its
//! events.

use std::time::Duration;

use common::ids;
use common::time::Timestamp;
use jiff::civil::Date;

use super::simulated;
use crate::carrier::call::CarrierKind;
use crate::entity::shipment::{Shipment, SimulatedStage, StageReport};
use crate::rules::calendar::Shipping;

/// The shortest time from the booking to the delivery by the simulated carrier, at normal speed.
const SHORTEST: Duration = Duration::from_secs(60 * 60);

impl Shipment {
    /// Expects the parcel on this day: it is late when the day has passed. For the simulated carrier days pass at its
    /// speed.
    pub(super) fn expect_on(&mut self, day: Date, shipping: &Shipping, now: Timestamp) {
        let end = shipping.end_of(day);
        self.late_due = end;
        if self.carrier != Some(CarrierKind::Simulated) || shipping.simulated_speed == 0 {
            return;
        }
        self.late_due = end.map(|end| now.plus(end.since(now) / shipping.simulated_speed));
        let span = shipping.time_until(day, now).max(SHORTEST);
        let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.simulated = self.plan(None, span_ms, now, shipping);
    }

    /// The simulated event behind `last`, which happened at `at`.
    fn plan(
        &self,
        last: Option<SimulatedStage>,
        span_ms: u64,
        at: Timestamp,
        shipping: &Shipping,
    ) -> Option<SimulatedStage> {
        let postal_code = self.address.as_ref().map(|address| address.postal_code.as_str()).unwrap_or_default();
        let is_first = self.parcels.is_empty();
        let (stage, pause) = simulated::next(postal_code, is_first, last.map(|last| last.stage), span_ms)?;
        let pause = pause.checked_div(shipping.simulated_speed)?;
        Some(SimulatedStage { stage, due: at.plus(pause), span_ms })
    }

    /// Handles everything that is due, in the order of time.
    pub(super) fn wake(&mut self, shipping: &Shipping, now: Timestamp) {
        while let Some(due) = self.wake_at().filter(|due| *due <= now) {
            match self.simulated.filter(|next| next.due == due) {
                Some(next) => self.simulate(next, shipping),
                None => {
                    self.late_due = None;
                    self.late_since = Some(due);
                }
            }
        }
    }

    /// The simulated carrier reports this event, unless a later one was reported already.
    fn simulate(&mut self, next: SimulatedStage, shipping: &Shipping) {
        let SimulatedStage { stage, due, span_ms } = next;
        self.simulated = self.plan(Some(next), span_ms, due, shipping);
        let number = self.tracking_number.clone().unwrap_or_default();
        let event = ids::derive(&["simulated event", &number, &format!("{stage:?}")]).to_string();
        let is_ahead = crate::entity::ShipmentStatus::from(stage).progress() > self.status.progress();
        if is_ahead {
            self.track(StageReport { stage, event: &event, tracking_number: None }, due, None);
        }
    }
}
