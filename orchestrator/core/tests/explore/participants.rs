//! The participants, as small as they can be: what `inventory-service/src/stock.rs`,
//! `payment-service/src/payment/moves.rs` and `order-service/src/order.rs` promise, without amounts, texts and times.
//! Each has the moves and the answers of the real one, arm by arm, so that the two can be compared.

use super::messages::{Answer, Ask, Call, Command, Verdict};

/// The pieces of the one item that everybody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stock {
    pub on_hand: u8,
    pub reserved: u8,
}

/// What the inventory knows of an order, which wants one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reservation {
    #[default]
    Unknown,
    Reserved,
    Confirmed,
    Refused,
    Released,
    /// Taken back before it was made.
    Barred,
}

/// What a planted bug makes the inventory forget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forgets {
    #[default]
    Nothing,
    /// That it has reserved: it acts on every reserve as if it were the first.
    Reserved,
    /// That it was asked to release what it had not reserved yet.
    Barred,
}

impl Reservation {
    pub fn take(&mut self, command: Command, stock: &mut Stock, forgets: Forgets) -> Answer {
        match command {
            Command::Reserve => self.reserve(stock, forgets),
            Command::Release => self.release(stock),
            Command::Confirm => self.confirm(stock),
            Command::Request | Command::Refund | Command::Conclude(_) => unreachable!("{command:?} is not for it"),
        }
    }

    fn reserve(&mut self, stock: &mut Stock, forgets: Forgets) -> Answer {
        match self {
            Self::Reserved if forgets == Forgets::Reserved => {}
            Self::Barred if forgets == Forgets::Barred => {}
            Self::Reserved | Self::Confirmed => return Answer::Ok,
            Self::Refused => return Answer::Refused("out_of_stock"),
            Self::Released => return Answer::Refused("already_released"),
            Self::Barred => return Answer::Refused("released_before_reserved"),
            Self::Unknown => {}
        }
        if stock.on_hand <= stock.reserved {
            *self = Self::Refused;
            return Answer::Refused("out_of_stock");
        }
        stock.reserved += 1;
        *self = Self::Reserved;
        Answer::Ok
    }

    fn release(&mut self, stock: &mut Stock) -> Answer {
        match self {
            Self::Unknown => *self = Self::Barred,
            Self::Released | Self::Barred | Self::Refused => {}
            Self::Reserved => {
                stock.reserved -= 1;
                *self = Self::Released;
            }
            Self::Confirmed => {
                stock.on_hand += 1;
                *self = Self::Released;
            }
        }
        Answer::Ok
    }

    fn confirm(&mut self, stock: &mut Stock) -> Answer {
        match self {
            Self::Unknown => Answer::Refused("unknown_reservation"),
            Self::Confirmed => Answer::Ok,
            Self::Reserved => {
                stock.reserved -= 1;
                stock.on_hand -= 1;
                *self = Self::Confirmed;
                Answer::Ok
            }
            Self::Released | Self::Barred => Answer::Refused("already_released"),
            Self::Refused => Answer::Refused("not_reserved"),
        }
    }
}

/// Where a payment stands, as in the diagram of the real one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Standing {
    #[default]
    New,
    /// A result came before anybody asked: approved or not.
    Unrequested(bool),
    Requested,
    Failed,
    Pending,
    Approved,
    Declined,
    Cancelled,
    /// The provider is being asked to give it back; after a failure, only when the pause is over.
    Refunding {
        pause: bool,
    },
    Refunded,
}

/// What the payment service knows of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Payment {
    pub standing: Standing,
    calls: u8,
    refund_calls: u8,
    /// The approvals, and how many of them, from the first on, are given back.
    approvals: Vec<Verdict>,
    refunds: usize,
    /// The command that is answered when the provider has.
    waiting: Option<Ask>,
}

type Said = Option<(Ask, Answer)>;

impl Payment {
    pub fn take(&mut self, ask: Ask, command: Command) -> Said {
        let answer = if command == Command::Request { self.request(ask) } else { self.refund(ask) };
        answer.map(|answer| (ask, answer))
    }

    fn request(&mut self, ask: Ask) -> Option<Answer> {
        match self.standing {
            Standing::New | Standing::Failed => {
                self.calls += 1;
                (self.waiting, self.standing) = (Some(ask), Standing::Requested);
                None
            }
            Standing::Requested => {
                self.waiting = Some(ask);
                None
            }
            Standing::Unrequested(approved) => {
                self.standing = if approved { Standing::Approved } else { Standing::Declined };
                Some(Answer::Ok)
            }
            Standing::Pending | Standing::Approved | Standing::Declined => Some(Answer::Ok),
            Standing::Cancelled | Standing::Refunding { .. } | Standing::Refunded => {
                Some(Answer::Refused("payment_cancelled"))
            }
        }
    }

    fn refund(&mut self, ask: Ask) -> Option<Answer> {
        match self.standing {
            Standing::New | Standing::Requested | Standing::Failed | Standing::Pending => {
                (self.waiting, self.standing) = (None, Standing::Cancelled);
                Some(Answer::Ok)
            }
            Standing::Unrequested(true) | Standing::Approved => {
                self.waiting = Some(ask);
                self.call_refund(false);
                None
            }
            Standing::Refunding { pause } => {
                self.waiting = Some(ask);
                if pause {
                    self.call_refund(false);
                }
                None
            }
            Standing::Unrequested(false) => {
                self.standing = Standing::Declined;
                Some(Answer::Ok)
            }
            Standing::Cancelled | Standing::Refunded | Standing::Declined => Some(Answer::Ok),
        }
    }

    /// What it wants asked of the provider.
    pub fn wants(&self) -> Option<Call> {
        match self.standing {
            Standing::Requested => Some(Call::Request(self.calls)),
            Standing::Refunding { .. } => Some(Call::Refund(self.refund_calls)),
            Standing::New
            | Standing::Unrequested(_)
            | Standing::Failed
            | Standing::Pending
            | Standing::Approved
            | Standing::Declined
            | Standing::Cancelled
            | Standing::Refunded => None,
        }
    }

    /// The provider answers a call; one that nobody waits for changes nothing.
    pub fn provider(&mut self, call: Call, fine: bool) -> Said {
        if self.wants() != Some(call) {
            return None;
        }
        match (call, fine) {
            (Call::Request(_), true) => {
                self.standing = Standing::Pending;
                self.answer(Answer::Ok)
            }
            (Call::Request(_), false) => {
                self.standing = Standing::Failed;
                self.answer(Answer::Failed)
            }
            (Call::Refund(_), true) => {
                self.refunds += 1;
                if self.refunds < self.approvals.len() {
                    self.call_refund(false);
                    return None;
                }
                self.standing = Standing::Refunded;
                self.answer(Answer::Ok)
            }
            (Call::Refund(_), false) => {
                self.call_refund(true);
                self.answer(Answer::Failed)
            }
        }
    }

    pub fn hear(&mut self, verdict: Verdict) -> Said {
        if verdict.approved { self.approved(verdict) } else { self.declined() }
    }

    fn approved(&mut self, verdict: Verdict) -> Said {
        let same = |known: &Verdict| {
            known.message == verdict.message || known.payment.is_some() && known.payment == verdict.payment
        };
        if self.approvals.iter().any(same) {
            return None;
        }
        match self.standing {
            Standing::New => {
                self.approvals.push(verdict);
                self.standing = Standing::Unrequested(true);
            }
            Standing::Requested | Standing::Failed | Standing::Pending => {
                self.approvals.push(verdict);
                self.standing = Standing::Approved;
                return self.answer(Answer::Ok);
            }
            Standing::Approved | Standing::Unrequested(true) => {}
            Standing::Unrequested(false) | Standing::Declined | Standing::Cancelled | Standing::Refunded => {
                self.approvals.push(verdict);
                self.call_refund(false);
            }
            Standing::Refunding { .. } => self.approvals.push(verdict),
        }
        None
    }

    fn declined(&mut self) -> Said {
        match self.standing {
            Standing::New => self.standing = Standing::Unrequested(false),
            Standing::Requested | Standing::Failed | Standing::Pending => {
                self.standing = Standing::Declined;
                return self.answer(Answer::Ok);
            }
            Standing::Unrequested(_)
            | Standing::Approved
            | Standing::Declined
            | Standing::Cancelled
            | Standing::Refunding { .. }
            | Standing::Refunded => {}
        }
        None
    }

    fn call_refund(&mut self, pause: bool) {
        self.refund_calls += 1;
        self.standing = Standing::Refunding { pause };
    }

    fn answer(&mut self, answer: Answer) -> Said {
        self.waiting.take().map(|ask| (ask, answer))
    }
}

/// The order service: an order ends once, and answers the same ending as before.
pub fn conclude(told: &mut Option<&'static str>, status: &'static str) -> Answer {
    if *told.get_or_insert(status) == status { Answer::Ok } else { Answer::Refused("already_ended") }
}
