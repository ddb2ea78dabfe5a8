//! Invariants of every state, and the end that every state must reach once faults cease.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use saga::{Status, StepStatus};
use stateright::{Checker, HasDiscoveries, Model, Property};

use super::engine::{ENDINGS, Engine, fingerprint};
use super::participants::{Forgets, PaymentStatus, Reservation};
use super::world::{Bounds, Happening, Left, Order, System, World};

/// The maximum number of transitions from any state to its end.
const PATIENCE: usize = 300;

/// The time limit of an exploration.
const AT_MOST: Duration = Duration::from_secs(3600);

/// A system under exploration, and the states known to end correctly.
pub struct Explored {
    pub system: System,
    end_well: Mutex<HashSet<u64>>,
}

impl Explored {
    pub fn new(engine: Engine, bounds: Bounds) -> Self {
        Self {
            system: System { engine, bounds, forgets: Forgets::Nothing, backwards: false },
            end_well: Mutex::default(),
        }
    }

    /// Checks that every saga ends correctly once faults cease: first with only the pending messages, and then, message
    /// by message, with all remaining ones. States on one path share their result.
    fn ends_well(&self, world: &World) -> Result<(), String> {
        let mut way = Vec::new();
        let mut at = Cow::Borrowed(world);
        loop {
            let print = fingerprint(&*at);
            if self.end_well.lock().unwrap().contains(&print) {
                break;
            }
            way.push(print);
            if way.len() > PATIENCE {
                return Err(format!("it does not end: {at:?}"));
            }
            incidents_have_a_stuck_step(&at)?;
            let next = match self.system.goes_well(&at, Left::TheLatest) {
                Some(next) => next,
                None => {
                    at.orders.iter().try_for_each(ended_well)?;
                    let Some(next) = self.system.goes_well(&at, Left::Everything) else { break };
                    next
                }
            };
            at = Cow::Owned(next);
        }
        self.end_well.lock().unwrap().extend(way);
        Ok(())
    }
}

fn incidents_have_a_stuck_step(world: &World) -> Result<(), String> {
    let stopped = |order: &&Order| order.saga.saga().status == Status::Incident;
    for order in world.orders.iter().filter(stopped) {
        let saga = order.saga.saga();
        if !saga.current_steps().any(|step| saga.step(step).unwrap().status == StepStatus::Stuck) {
            return Err(format!("an incident without a stuck step: {order:?}"));
        }
    }
    Ok(())
}

/// Checks that an order has ended with the same result at every service.
fn ended_well(order: &Order) -> Result<(), String> {
    let saga = order.saga.saga();
    let ending = saga.ending.as_ref().map(|ending| ending.status.as_str());
    let agreed = match saga.status {
        Status::Completed => {
            order.ending == Some("confirmed")
                && order.payment.status == PaymentStatus::Approved
                && order.reservation == Reservation::Confirmed
        }
        Status::Compensated => order.ending != Some("confirmed") && !has_money(order) && !has_stock(order),
        Status::Running | Status::Compensating | Status::Incident | Status::Paused => false,
    };
    if agreed && order.ending == ending { Ok(()) } else { Err(format!("it does not end correctly: {order:?}")) }
}

/// Returns true if money is held or may still be captured.
fn has_money(order: &Order) -> bool {
    match order.payment.status {
        PaymentStatus::Requested
        | PaymentStatus::Failed
        | PaymentStatus::Pending
        | PaymentStatus::Approved
        | PaymentStatus::Refunding { .. } => true,
        PaymentStatus::New
        | PaymentStatus::Unrequested(_)
        | PaymentStatus::Declined
        | PaymentStatus::Cancelled
        | PaymentStatus::Refunded => false,
    }
}

fn has_stock(order: &Order) -> bool {
    matches!(order.reservation, Reservation::Reserved | Reservation::Confirmed)
}

/// Returns true if a rule holds for each order.
fn each(world: &World, rule: impl Fn(&Order) -> bool) -> bool {
    world.orders.iter().all(rule)
}

fn some(world: &World, rule: impl Fn(&Order) -> bool) -> bool {
    world.orders.iter().any(rule)
}

impl Model for Explored {
    type State = World;
    type Action = Happening;

    fn init_states(&self) -> Vec<World> {
        vec![self.system.start()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Happening>) {
        self.system.choices(world, actions);
    }

    fn next_state(&self, world: &World, happening: Happening) -> Option<World> {
        self.system.follow(world, happening)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = always();
        all.extend(sometimes());
        all
    }
}

pub const ENDS_WELL: &str = "every saga ends correctly once faults cease";
pub const CONSERVED: &str = "stock is conserved";
pub const NEVER_BOTH: &str = "never confirmed and refunded";
/// Holds also if the inventory forgets a release before the reservation, unlike the end of such a saga.
pub const UNDONE: &str = "a reservation that the saga knows of is released before it counts as compensated";
pub const UNPAID: &str = "nothing leaves the warehouse unpaid";

fn always() -> Vec<Property<Explored>> {
    vec![
        Property::always(ENDS_WELL, |m: &Explored, w: &World| m.ends_well(w).is_ok()),
        Property::always(CONSERVED, |m: &Explored, w: &World| {
            let count = |what| w.orders.iter().filter(|order| order.reservation == what).count();
            let reserved = count(Reservation::Reserved);
            let sold = count(Reservation::Confirmed);
            usize::from(w.stock.on_hand) + sold == usize::from(m.system.bounds.pieces)
                && usize::from(w.stock.reserved) == reserved
                && w.stock.reserved <= w.stock.on_hand
        }),
        Property::always(UNDONE, |_: &Explored, w: &World| {
            each(w, |order| {
                let step = order.saga.saga().step("reserve").unwrap();
                step.status != StepStatus::Compensated || !step.happened || !has_stock(order)
            })
        }),
        Property::always(UNPAID, |_: &Explored, w: &World| {
            each(w, |order| order.reservation != Reservation::Confirmed || order.saw_approval())
        }),
        Property::always("never paid and released", |_: &Explored, w: &World| {
            let free = [Reservation::Released, Reservation::Barred, Reservation::Refused];
            each(w, |order| order.payment.status != PaymentStatus::Approved || !free.contains(&order.reservation))
        }),
        Property::always(NEVER_BOTH, |_: &Explored, w: &World| {
            let back = |order: &Order| {
                order.refund
                    || matches!(
                        order.payment.status,
                        PaymentStatus::Declined
                            | PaymentStatus::Cancelled
                            | PaymentStatus::Refunding { .. }
                            | PaymentStatus::Refunded
                    )
            };
            each(w, |order| !order.endings.contains(&"confirmed") || !back(order))
        }),
        Property::always("only paid orders are confirmed", |_: &Explored, w: &World| {
            each(w, |order| !order.endings.contains(&"confirmed") || order.saw_approval())
        }),
        Property::always("the ending reported never changes", |_: &Explored, w: &World| {
            each(w, |order| {
                order.endings.len() <= 1 && (order.ending.is_none() || order.ending == order.endings.first().copied())
            })
        }),
        Property::always("an ended saga leaves no step half done", |_: &Explored, w: &World| {
            each(w, |order| match order.saga.saga().status {
                Status::Completed => order.reservation == Reservation::Confirmed,
                Status::Compensated => !has_stock(order) && order.payment.status != PaymentStatus::Approved,
                Status::Running | Status::Compensating | Status::Incident | Status::Paused => true,
            })
        }),
    ]
}

pub const INCIDENT: &str = "an incident";
pub const AGAIN: &str = "compensated once more";

/// The states that an exploration must visit to be meaningful.
fn sometimes() -> Vec<Property<Explored>> {
    fn ended_with(world: &World, status: &'static str) -> bool {
        some(world, |order| order.ending == Some(status) && !order.saga.saga().is_open())
    }
    vec![
        Property::sometimes(ENDINGS[0], |_: &Explored, w: &World| ended_with(w, ENDINGS[0])),
        Property::sometimes(ENDINGS[1], |_: &Explored, w: &World| ended_with(w, ENDINGS[1])),
        Property::sometimes(ENDINGS[2], |_: &Explored, w: &World| ended_with(w, ENDINGS[2])),
        Property::sometimes(ENDINGS[3], |_: &Explored, w: &World| ended_with(w, ENDINGS[3])),
        Property::sometimes(INCIDENT, |_: &Explored, w: &World| {
            some(w, |order| order.saga.saga().status == Status::Incident)
        }),
        Property::sometimes(AGAIN, |_: &Explored, w: &World| {
            some(w, |order| order.saga.saga().steps.iter().any(|step| step.happened && step.compensations > 1))
        }),
    ]
}

/// The result of an exploration.
pub struct Found {
    pub states: usize,
    /// The expected states that were visited.
    pub seen: Vec<&'static str>,
    /// The violated properties.
    pub broken: Vec<&'static str>,
}

/// Explores every state, or until this property is violated; without one, until any is.
pub fn explore(name: &str, explored: Explored, until: Option<&'static str>) -> Found {
    let begun = Instant::now();
    let planted = until.is_some();
    let until = until.map_or(HasDiscoveries::AnyFailures, |property| HasDiscoveries::AnyOf([property].into()));
    // The checker enforces the time limit only with several threads.
    let checker = explored.checker().threads(2).timeout(AT_MOST).finish_when(until).spawn_bfs().join();
    let states = checker.unique_state_count();
    // Written directly, because the test harness captures `println!`.
    let _ = writeln!(
        std::io::stdout(),
        "{name}: {states} different states, {} in all, up to {} steps deep, {} different decisions, in {:.1?}",
        checker.state_count(),
        checker.max_depth(),
        checker.model().system.engine.decisions(),
        begun.elapsed(),
    );
    assert!(begun.elapsed() < AT_MOST, "the exploration is incomplete");
    let mut found = Found { states, seen: Vec::new(), broken: Vec::new() };
    for (property, path) in checker.discoveries() {
        if ENDINGS.contains(&property) || [INCIDENT, AGAIN].contains(&property) {
            found.seen.push(property);
            continue;
        }
        let why = checker.model().ends_well(path.last_state()).err().filter(|_| !planted).unwrap_or_default();
        let way = path.into_actions();
        println!("  violated after {} steps: {property}: {way:?} {why}", way.len());
        found.broken.push(property);
    }
    found
}
