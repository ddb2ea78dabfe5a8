//! The events of the simulated carrier, which the postal code decides.

use std::time::Duration;

use crate::messages::Stage;

/// A day at normal speed.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a parcel ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Delivered on the estimated date.
    Delivered,
    /// Delivered three days later.
    Late,
    /// Reported lost five days later.
    Lost,
    /// Returned to the sender on the estimated date.
    Returned,
}

impl Fate {
    /// | postal code ends in | fate |
    /// |---|---|
    /// | `55` | late |
    /// | `66` | lost |
    /// | `88` | returned to the sender |
    /// | else | delivered |
    ///
    /// A parcel that is sent in place of another is delivered.
    fn of(postal_code: &str, is_first: bool) -> Self {
        if !is_first {
            return Self::Delivered;
        }
        let digits: String = postal_code.chars().filter(char::is_ascii_digit).collect();
        match digits.get(digits.len().saturating_sub(2)..) {
            Some("55") => Self::Late,
            Some("66") => Self::Lost,
            Some("88") => Self::Returned,
            _ => Self::Delivered,
        }
    }

    /// The last event, and how long after the estimated time it is reported.
    const fn last(self) -> (Stage, Duration) {
        match self {
            Self::Delivered => (Stage::Delivered, Duration::ZERO),
            Self::Late => (Stage::Delivered, DAY.saturating_mul(3)),
            Self::Lost => (Stage::Lost, DAY.saturating_mul(5)),
            Self::Returned => (Stage::ReturnedToSender, Duration::ZERO),
        }
    }
}

/// The event behind `last`, with the pause between both at normal speed; `None` behind the last one. `span_ms` is the
/// time from the booking to the estimated date: the carrier has the parcel after four tenths of it.
pub(super) fn next(postal_code: &str, is_first: bool, last: Option<Stage>, span_ms: u64) -> Option<(Stage, Duration)> {
    let tenths = |count: u64| Duration::from_millis((span_ms / 10).saturating_mul(count));
    match last {
        None => Some((Stage::PickupBooked, tenths(1))),
        Some(Stage::PickupBooked) => Some((Stage::Picked, tenths(1))),
        Some(Stage::Picked) => Some((Stage::HandedOver, tenths(2))),
        Some(Stage::HandedOver) => Some((Stage::InTransit, tenths(2))),
        Some(Stage::InTransit) => {
            let (stage, delay) = Fate::of(postal_code, is_first).last();
            Some((stage, tenths(4).saturating_add(delay)))
        }
        Some(Stage::Delivered | Stage::ReturnedToSender | Stage::Lost) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a postal code, with the hours since the booking, ten days before the estimated date.
    fn events(postal_code: &str) -> Vec<(Stage, u64)> {
        let span = u64::try_from(10 * DAY.as_millis()).unwrap();
        let mut all = Vec::new();
        let mut hours = 0;
        while let Some((stage, pause)) = next(postal_code, true, all.last().map(|(stage, _)| *stage), span) {
            hours += pause.as_secs() / 3600;
            all.push((stage, hours));
        }
        all
    }

    #[test]
    fn the_postal_code_decides_how_a_parcel_ends() {
        let first = [(Stage::PickupBooked, 24), (Stage::Picked, 48), (Stage::HandedOver, 96), (Stage::InTransit, 144)];
        for (code, last) in [
            ("50030-230", (Stage::Delivered, 240)),
            ("", (Stage::Delivered, 240)),
            ("5", (Stage::Delivered, 240)),
            ("50030-255", (Stage::Delivered, 312)),
            ("50030-2 66 A", (Stage::Lost, 360)),
            ("50030-288", (Stage::ReturnedToSender, 240)),
        ] {
            let all = events(code);
            assert_eq!((all.split_last().unwrap().1, all.last()), (&first[..], Some(&last)), "{code}");
        }
    }
}
