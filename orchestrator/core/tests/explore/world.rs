//! What is explored: orders, the saga of each, its participants, all that was ever said between them, and everything
//! that can happen next.

use saga::{Status, TimerKind};

use super::engine::{Decided, Engine, Heard, Known};
use super::messages::{Answer, Ask, Command, Message, Operator, Verdict};
use super::participants::{Forgets, Payment, Reservation, Stock, conclude};
use super::post::{Post, Service};

/// How much can go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub orders: usize,
    /// How many pieces there are of what every order wants one of.
    pub pieces: u8,
    /// Timeouts although the answer is under way.
    pub hasty: u8,
    /// Calls of the provider that fail.
    pub failures: u8,
    /// Payment results for each order, and what they may say.
    pub results: usize,
    pub says: &'static [Says],
    /// Crashes, where messages travel as Kafka carries them; none: they travel at any time.
    pub crashes: Option<u8>,
    /// Acts of operators.
    pub operations: u8,
}

/// One order, and what each service knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    pub saga: Known,
    pub reservation: Reservation,
    pub payment: Payment,
    /// What the order was told of its ending.
    pub told: Option<&'static str>,
    /// The statuses with which its saga told it to end: one, or none.
    pub endings: Vec<&'static str>,
    /// Its saga wanted the money given back.
    pub refund: bool,
    pub post: Post,
    /// `payment-results`, in the order of the topic, and how far its two readers are.
    pub results: Vec<Verdict>,
    pub saga_read: usize,
    pub payment_read: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub orders: Vec<Order>,
    pub stock: Stock,
    pub hasty: u8,
    pub failures: u8,
    pub operations: u8,
}

/// Who says how a payment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Says {
    /// The provider, each time in the same words.
    Approved,
    /// Somebody who types it.
    AlsoApproved,
    Declined,
}

/// What can happen. The number is the order's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    Arrives(usize, Message),
    SagaReads(usize),
    PaymentReads(usize),
    /// The provider answers what it is asked: fine, or not.
    Provider(usize, bool),
    Result(usize, Says),
    /// The timer of a step is due.
    Timer(usize, u8),
    /// The saga has taken longer than it may.
    Deadline(usize),
    Operator(usize, Operator),
    /// A service sends the oldest message of its outbox.
    Sends(usize, Service),
    /// A service crashes, and sends so many messages again.
    Crash(usize, Service, u8),
}

/// Which messages are still to be heard when nothing goes wrong any more. Where messages travel at any time, a state
/// does not tell what was heard before, and an end must not depend on hearing it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Everything,
    /// Only the last attempts that are waited for, and their answers.
    TheLatest,
}

const OPERATORS: [Operator; 5] = [Operator::Cancel, Operator::Pause, Operator::Resume, Operator::Retry, Operator::Deny];

pub struct System {
    pub engine: Engine,
    pub bounds: Bounds,
    /// Planted bugs: in the inventory, and in the payment service, which reads payment results, once all are there,
    /// from the last to the first.
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
            told: None,
            endings: Vec::new(),
            refund: false,
            post: Post::new(self.bounds.crashes),
            results: Vec::new(),
            saga_read: 0,
            payment_read: 0,
        };
        let stock = Stock { on_hand: self.bounds.pieces, reserved: 0 };
        let mut world = World { orders: vec![order; self.bounds.orders], stock, hasty: 0, failures: 0, operations: 0 };
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
                all.extend(self.bounds.says.iter().map(|says| Happening::Result(o, *says)));
            }
            all.extend(order.saga.timers().map(|(step, _)| Happening::Timer(o, step)));
            all.extend(order.saga.saga().deadline.map(|_| Happening::Deadline(o)));
            if world.operations < self.bounds.operations {
                all.extend(OPERATORS.map(|operator| Happening::Operator(o, operator)));
            }
        }
    }

    /// What follows; nothing where nothing changes.
    pub fn follow(&self, world: &World, happening: Happening) -> Option<World> {
        match happening {
            Happening::Arrives(o, message) => self.arrives(world, o, message),
            Happening::SagaReads(o) => {
                let order = &world.orders[o];
                let heard = Heard::Result(*order.results.get(order.saga_read)?);
                let mut next = self.saga_hears(world, o, heard).unwrap_or_else(|| world.clone());
                next.orders[o].saga_read += 1;
                Some(next)
            }
            Happening::PaymentReads(o) => {
                let order = &world.orders[o];
                let (read, all) = (order.payment_read, self.bounds.results);
                let backwards = || (order.results.len() == all).then(|| all.checked_sub(read + 1)).flatten();
                let next = if self.backwards { backwards()? } else { read };
                let verdict = *order.results.get(next)?;
                let mut next = paid(world, o, |p| p.hear(verdict)).unwrap_or_else(|| world.clone());
                next.orders[o].payment_read += 1;
                Some(next)
            }
            Happening::Provider(o, fine) => {
                let answer = Message::Provider(world.orders[o].payment.wants()?, fine);
                let new = !world.orders[o].post.knows(answer);
                new.then(|| {
                    let mut next = world.clone();
                    next.orders[o].post.say(Service::Payment, answer);
                    next.failures += u8::from(!fine);
                    next
                })
            }
            Happening::Result(o, says) => {
                let mut next = world.clone();
                let results = &mut next.orders[o].results;
                let number = u8::try_from(results.len()).unwrap();
                results.push(match says {
                    Says::Approved => Verdict { approved: true, message: u8::MAX, payment: Some(1) },
                    Says::AlsoApproved => Verdict { approved: true, message: number, payment: None },
                    Says::Declined => Verdict { approved: false, message: number, payment: None },
                });
                Some(next)
            }
            Happening::Timer(o, step) => self.timer(world, o, step),
            Happening::Deadline(o) => self.saga_hears(world, o, Heard::Deadline),
            Happening::Operator(o, operator) => {
                let mut next = self.saga_hears(world, o, Heard::Operator(operator))?;
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
            Message::Reply(ask, answer) => self.saga_hears(world, o, Heard::Reply(ask, answer)),
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

    fn saga_hears(&self, world: &World, o: usize, heard: Heard) -> Option<World> {
        let order = &world.orders[o];
        let decided = self.engine.hear(&order.saga, heard);
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
                let mut told = order.told;
                let answer = conclude(&mut told, status);
                let new = order.new_reply(ask, answer);
                (new.is_some() || told != order.told).then(|| {
                    let mut next = world.clone();
                    next.orders[o].told = told;
                    next.orders[o].reply(Service::Order, new);
                    next
                })
            }
            Command::Reserve | Command::Release | Command::Confirm => {
                let (mut reservation, mut stock) = (order.reservation, world.stock);
                let answer = reservation.take(command, &mut stock, self.forgets);
                let new = order.new_reply(ask, answer);
                (new.is_some() || reservation != order.reservation || stock != world.stock).then(|| {
                    let mut next = world.clone();
                    (next.orders[o].reservation, next.stock) = (reservation, stock);
                    next.orders[o].reply(Service::Inventory, new);
                    next
                })
            }
        }
    }

    /// A pause before the next attempt ends at any time. A timeout is hasty where something could still happen without
    /// it.
    fn timer(&self, world: &World, o: usize, step: u8) -> Option<World> {
        let (_, kind) = world.orders[o].saga.timers().find(|(set, _)| *set == step)?;
        let hasty = kind == TimerKind::Timeout && self.undisturbed(world, o, Left::Everything).is_some();
        if hasty && world.hasty == self.bounds.hasty {
            return None;
        }
        let mut next = self.saga_hears(world, o, Heard::Timer(step))?;
        next.hasty += u8::from(hasty);
        Some(next)
    }

    /// What happens to an order when nothing goes wrong and no time passes: the first thing that changes anything.
    fn undisturbed(&self, world: &World, o: usize, left: Left) -> Option<World> {
        let order = &world.orders[o];
        let others = [Happening::SagaReads(o), Happening::PaymentReads(o), Happening::Provider(o, true)].into_iter();
        let heard = |message: &Message| match (left, message) {
            (Left::Everything, _) | (_, Message::Provider(..)) => true,
            (Left::TheLatest, Message::Command(ask, _) | Message::Reply(ask, _)) => {
                order.post.takes() || order.saga.waits_for(*ask)
            }
        };
        let arrivals = order.post.deliverable().filter(heard).map(|message| Happening::Arrives(o, message));
        let sends = Service::ALL.map(|service| Happening::Sends(o, service));
        others.chain(arrivals).chain(sends).find_map(|happening| self.follow(world, happening))
    }

    /// What happens next when nothing goes wrong from here: messages are heard, what is due is done, and, where even
    /// that is not enough, an operator lets the saga go on. In each order after the other, which is one fair way.
    pub fn goes_well(&self, world: &World, left: Left) -> Option<World> {
        (0..world.orders.len()).find_map(|o| {
            let saga = &world.orders[o].saga;
            let timer = || self.saga_hears(world, o, Heard::Timer(saga.timers().next()?.0));
            let operator = || {
                let operator = match saga.saga().status {
                    Status::Paused => Operator::Resume,
                    // Waiting again for what did not come would not end.
                    Status::Incident if saga.is_stuck("payment-result") => Operator::Deny,
                    Status::Incident => Operator::Retry,
                    Status::Running | Status::Compensating | Status::Completed | Status::Compensated => return None,
                };
                self.saga_hears(world, o, Heard::Operator(operator))
            };
            self.undisturbed(world, o, left).or_else(timer).or_else(operator)
        })
    }
}

/// A move of an order's payment.
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
    /// A reply, if it says something new.
    fn new_reply(&self, ask: Ask, answer: Answer) -> Option<Message> {
        let reply = Message::Reply(ask, answer);
        (!self.post.knows(reply)).then_some(reply)
    }

    fn reply(&mut self, by: Service, new: Option<Message>) {
        new.into_iter().for_each(|reply| self.post.say(by, reply));
    }

    fn follow(&mut self, decided: &Decided) {
        self.saga = decided.saga.clone();
        for (ask, command) in &decided.commands {
            match command {
                Command::Conclude(status) if !self.endings.contains(status) => self.endings.push(status),
                Command::Refund => self.refund = true,
                Command::Conclude(_) | Command::Reserve | Command::Release | Command::Confirm | Command::Request => {}
            }
            self.post.say(Service::Orchestrator, Message::Command(*ask, *command));
        }
    }

    /// Whether the saga read that it is paid.
    pub fn heard_of_money(&self) -> bool {
        self.results[..self.saga_read].iter().any(|verdict| verdict.approved)
    }
}
