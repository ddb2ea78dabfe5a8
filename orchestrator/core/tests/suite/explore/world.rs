//! The explored system: orders, their sagas and participants, all messages between them, and all events that can happen
//! next.

use saga::{Status, TimerKind};

use super::engine::{Decided, Engine, Known, SagaInput};
use super::messages::{Answer, Ask, Command, Message, Operator, Verdict};
use super::participants::{Forgets, Payment, Reservation, Stock, conclude};
use super::post::{Post, Service};

/// The bounds of faults.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub orders: usize,
    /// The stock of the item, of which every order needs one piece.
    pub pieces: u8,
    /// Timeouts while the reply is under way.
    pub early: u8,
    /// Failed calls of the provider.
    pub failures: u8,
    /// The number of payment results for each order, and their kinds.
    pub results: usize,
    pub kinds: &'static [ResultKind],
    /// Crashes, if messages travel as Kafka carries them; `None` if they travel at any time.
    pub crashes: Option<u8>,
    /// Operations of operators.
    pub operations: u8,
}

/// One order and its state at each service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    pub saga: Known,
    pub reservation: Reservation,
    pub payment: Payment,
    /// The ending reported to the order.
    pub ending: Option<&'static str>,
    /// The statuses of its conclude commands: at most one.
    pub endings: Vec<&'static str>,
    /// Set once the saga requested a refund.
    pub refund: bool,
    pub post: Post,
    /// The topic `payment-results`, and the positions of its two readers.
    pub results: Vec<Verdict>,
    pub saga_read: usize,
    pub payment_read: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub orders: Vec<Order>,
    pub stock: Stock,
    pub early: u8,
    pub failures: u8,
    pub operations: u8,
}

/// The kind of a payment result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultKind {
    /// An approval by the provider, always with the same id.
    Approved,
    /// A manual approval.
    AlsoApproved,
    Declined,
}

/// An event of the exploration. The first number is the order's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    Arrives(usize, Message),
    SagaReads(usize),
    PaymentReads(usize),
    /// The provider answers a call: true for success.
    Provider(usize, bool),
    Result(usize, ResultKind),
    /// The timer of a step is due.
    Timer(usize, u8),
    /// The deadline of the saga is due.
    Deadline(usize),
    Operator(usize, Operator),
    /// A service sends the oldest message of its outbox.
    Sends(usize, Service),
    /// A service crashes, and sends this many messages again.
    Crash(usize, Service, u8),
}

/// The messages still delivered once faults cease. If messages travel at any time, a state does not record which of
/// them were received, and the outcome must not depend on receiving them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Everything,
    /// Only the last attempts that are pending, and their replies.
    TheLatest,
}

const OPERATORS: [Operator; 5] = [Operator::Cancel, Operator::Pause, Operator::Resume, Operator::Retry, Operator::Deny];

pub struct System {
    pub engine: Engine,
    pub bounds: Bounds,
    /// Planted bugs: in the inventory, and in the payment service, which reads the payment results in reverse order
    /// once all are present.
    pub forgets: Forgets,
    pub backwards: bool,
}

impl System {
    pub fn start(&self) -> World {
        let begun = self.engine.begin();
        let order = Order {
            saga: begun.saga.clone(),
            reservation: Reservation::default(),
            payment: Payment::default(),
            ending: None,
            endings: Vec::new(),
            refund: false,
            post: Post::new(self.bounds.crashes),
            results: Vec::new(),
            saga_read: 0,
            payment_read: 0,
        };
        let stock = Stock { on_hand: self.bounds.pieces, reserved: 0 };
        let mut world = World { orders: vec![order; self.bounds.orders], stock, early: 0, failures: 0, operations: 0 };
        world.orders.iter_mut().for_each(|order| order.follow(&begun));
        world
    }

    pub fn choices(&self, world: &World, all: &mut Vec<Happening>) {
        for (o, order) in world.orders.iter().enumerate() {
            all.extend(order.post.deliverable().map(|message| Happening::Arrives(o, message)));
            if order.post.takes() {
                all.extend(Service::ALL.map(|service| Happening::Sends(o, service)));
                all.extend(Post::crashes().map(|(service, again)| Happening::Crash(o, service, again)));
            }
            all.extend([Happening::SagaReads(o), Happening::PaymentReads(o), Happening::Provider(o, true)]);
            if world.failures < self.bounds.failures {
                all.push(Happening::Provider(o, false));
            }
            if order.results.len() < self.bounds.results {
                all.extend(self.bounds.kinds.iter().map(|kind| Happening::Result(o, *kind)));
            }
            all.extend(order.saga.timers().map(|(step, _)| Happening::Timer(o, step)));
            all.extend(order.saga.saga().deadline.map(|_| Happening::Deadline(o)));
            if world.operations < self.bounds.operations {
                all.extend(OPERATORS.map(|operator| Happening::Operator(o, operator)));
            }
        }
    }

    /// The next state; `None` if nothing changes.
    pub fn follow(&self, world: &World, happening: Happening) -> Option<World> {
        match happening {
            Happening::Arrives(o, message) => self.arrives(world, o, message),
            Happening::SagaReads(o) => {
                let order = &world.orders[o];
                let input = SagaInput::Result(*order.results.get(order.saga_read)?);
                let mut next = self.saga_receives(world, o, input).unwrap_or_else(|| world.clone());
                next.orders[o].saga_read += 1;
                Some(next)
            }
            Happening::PaymentReads(o) => {
                let order = &world.orders[o];
                let read = order.payment_read;
                let all = self.bounds.results;
                let backwards = || (order.results.len() == all).then(|| all.checked_sub(read + 1)).flatten();
                let next = if self.backwards { backwards()? } else { read };
                let verdict = *order.results.get(next)?;
                let mut next = paid(world, o, |p| p.apply_result(verdict)).unwrap_or_else(|| world.clone());
                next.orders[o].payment_read += 1;
                Some(next)
            }
            Happening::Provider(o, fine) => {
                let answer = Message::Provider(world.orders[o].payment.pending_call()?, fine);
                let new = !world.orders[o].post.knows(answer);
                new.then(|| {
                    let mut next = world.clone();
                    next.orders[o].post.enqueue(Service::Payment, answer);
                    next.failures += u8::from(!fine);
                    next
                })
            }
            Happening::Result(o, kind) => {
                let mut next = world.clone();
                let results = &mut next.orders[o].results;
                let number = u8::try_from(results.len()).unwrap();
                results.push(match kind {
                    ResultKind::Approved => Verdict { approved: true, message: u8::MAX, payment: Some(1) },
                    ResultKind::AlsoApproved => Verdict { approved: true, message: number, payment: None },
                    ResultKind::Declined => Verdict { approved: false, message: number, payment: None },
                });
                Some(next)
            }
            Happening::Timer(o, step) => self.timer(world, o, step),
            Happening::Deadline(o) => self.saga_receives(world, o, SagaInput::Deadline),
            Happening::Operator(o, operator) => {
                let mut next = self.saga_receives(world, o, SagaInput::Operator(operator))?;
                next.operations += 1;
                Some(next)
            }
            Happening::Sends(o, service) => {
                let mut next = world.clone();
                next.orders[o].post.send(service).then_some(next)
            }
            Happening::Crash(o, service, again) => {
                let mut next = world.clone();
                next.orders[o].post.crash(service, again).then_some(next)
            }
        }
    }

    fn arrives(&self, world: &World, o: usize, message: Message) -> Option<World> {
        let next = match message {
            Message::Reply(ask, answer) => self.saga_receives(world, o, SagaInput::Reply(ask, answer)),
            Message::Command(ask, command) => self.commanded(world, o, ask, command),
            Message::Provider(call, fine) => paid(world, o, |payment| payment.provider(call, fine)),
        };
        if !world.orders[o].post.takes() {
            return next;
        }
        let mut next = next.unwrap_or_else(|| world.clone());
        next.orders[o].post.take(message);
        Some(next)
    }

    fn saga_receives(&self, world: &World, o: usize, input: SagaInput) -> Option<World> {
        let order = &world.orders[o];
        let decided = self.engine.apply(&order.saga, input);
        if decided.saga == order.saga && decided.commands.is_empty() {
            return None;
        }
        let mut next = world.clone();
        next.orders[o].follow(&decided);
        Some(next)
    }

    fn commanded(&self, world: &World, o: usize, ask: Ask, command: Command) -> Option<World> {
        let order = &world.orders[o];
        match command {
            Command::Request | Command::Refund => paid(world, o, |payment| payment.take(ask, command)),
            Command::Conclude(status) => {
                let mut told = order.ending;
                let answer = conclude(&mut told, status);
                let new = order.new_reply(ask, answer);
                (new.is_some() || told != order.ending).then(|| {
                    let mut next = world.clone();
                    next.orders[o].ending = told;
                    next.orders[o].reply(Service::Order, new);
                    next
                })
            }
            Command::Reserve | Command::Release | Command::Confirm => {
                let mut reservation = order.reservation;
                let mut stock = world.stock;
                let answer = reservation.take(command, &mut stock, self.forgets);
                let new = order.new_reply(ask, answer);
                (new.is_some() || reservation != order.reservation || stock != world.stock).then(|| {
                    let mut next = world.clone();
                    next.orders[o].reservation = reservation;
                    next.stock = stock;
                    next.orders[o].reply(Service::Inventory, new);
                    next
                })
            }
        }
    }

    /// Fires a timer. A retry may fire at any time; a timeout is early if progress is possible without it.
    fn timer(&self, world: &World, o: usize, step: u8) -> Option<World> {
        let (_, kind) = world.orders[o].saga.timers().find(|(set, _)| *set == step)?;
        let early = kind == TimerKind::Timeout && self.undisturbed(world, o, Left::Everything).is_some();
        if early && world.early == self.bounds.early {
            return None;
        }
        let mut next = self.saga_receives(world, o, SagaInput::Timer(step))?;
        next.early += u8::from(early);
        Some(next)
    }

    /// The next state of an order without faults and timers.
    fn undisturbed(&self, world: &World, o: usize, left: Left) -> Option<World> {
        let order = &world.orders[o];
        let others = [Happening::SagaReads(o), Happening::PaymentReads(o), Happening::Provider(o, true)].into_iter();
        let input = |message: &Message| match (left, message) {
            (Left::Everything, _) | (_, Message::Provider(..)) => true,
            (Left::TheLatest, Message::Command(ask, _) | Message::Reply(ask, _)) => {
                order.post.takes() || order.saga.waits_for(*ask)
            }
        };
        let arrivals = order.post.deliverable().filter(input).map(|message| Happening::Arrives(o, message));
        let sends = Service::ALL.map(|service| Happening::Sends(o, service));
        others.chain(arrivals).chain(sends).find_map(|happening| self.follow(world, happening))
    }

    /// The next state without faults: messages are delivered, timers fire, and if that is not enough, an operator
    /// resumes the saga. Orders take turns, which is one fair schedule.
    pub fn goes_well(&self, world: &World, left: Left) -> Option<World> {
        (0..world.orders.len()).find_map(|o| {
            let saga = &world.orders[o].saga;
            let timer = || self.saga_receives(world, o, SagaInput::Timer(saga.timers().next()?.0));
            let operator = || {
                let operator = match saga.saga().status {
                    Status::Paused => Operator::Resume,
                    // Waiting again for what did not come would not end.
                    Status::Incident if saga.is_stuck("payment-result") => Operator::Deny,
                    Status::Incident => Operator::Retry,
                    Status::Running | Status::Compensating | Status::Completed | Status::Compensated => return None,
                };
                self.saga_receives(world, o, SagaInput::Operator(operator))
            };
            self.undisturbed(world, o, left).or_else(timer).or_else(operator)
        })
    }
}

/// Applies an input to the payment of an order.
fn paid(world: &World, o: usize, take: impl FnOnce(&mut Payment) -> Option<(Ask, Answer)>) -> Option<World> {
    let order = &world.orders[o];
    let mut payment = order.payment.clone();
    let new = take(&mut payment).and_then(|(ask, answer)| order.new_reply(ask, answer));
    (new.is_some() || payment != order.payment).then(|| {
        let mut next = world.clone();
        next.orders[o].payment = payment;
        next.orders[o].reply(Service::Payment, new);
        next
    })
}

impl Order {
    /// The reply, unless it was sent already.
    fn new_reply(&self, ask: Ask, answer: Answer) -> Option<Message> {
        let reply = Message::Reply(ask, answer);
        (!self.post.knows(reply)).then_some(reply)
    }

    fn reply(&mut self, by: Service, new: Option<Message>) {
        new.into_iter().for_each(|reply| self.post.enqueue(by, reply));
    }

    fn follow(&mut self, decided: &Decided) {
        self.saga = decided.saga.clone();
        for (ask, command) in &decided.commands {
            match command {
                Command::Conclude(status) if !self.endings.contains(status) => self.endings.push(status),
                Command::Refund => self.refund = true,
                Command::Conclude(_) | Command::Reserve | Command::Release | Command::Confirm | Command::Request => {}
            }
            self.post.enqueue(Service::Orchestrator, Message::Command(*ask, *command));
        }
    }

    /// Returns true if the saga has read an approval.
    pub fn saw_approval(&self) -> bool {
        self.results[..self.saga_read].iter().any(|verdict| verdict.approved)
    }
}
