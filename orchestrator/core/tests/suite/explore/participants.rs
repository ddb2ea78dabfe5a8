//! Minimal models of the participants: the rules of the inventory, payment and order services, without amounts, texts
//! and times. Each has the transitions and replies of the real service, arm by arm, so that the two can be compared.

use super::messages::{Answer, Ask, Call, Command, Verdict};

/// The stock of the only item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stock {
    pub on_hand: u8,
    pub reserved: u8,
}

/// The reservation of one piece for an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reservation {
    #[default]
    Unknown,
    Reserved,
    Confirmed,
    Refused,
    Released,
    /// Released before it was reserved.
    Barred,
}

/// The state that a planted bug drops from the inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forgets {
    #[default]
    Nothing,
    /// A reservation: every reserve is executed as if it were the first.
    Reserved,
    /// A release before the reservation.
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

/// The status of a payment, as in the real service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PaymentStatus {
    #[default]
    New,
    /// A result arrived before the request: true if approved.
    Unrequested(bool),
    Requested,
    Failed,
    Pending,
    Approved,
    Declined,
    Cancelled,
    /// A refund is being requested from the provider; after a failure, once the pause is over.
    Refunding {
        pause: bool,
    },
    Refunded,
}

/// The payment of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Payment {
    pub status: PaymentStatus,
    calls: u8,
    refund_calls: u8,
    /// The approvals, and the number of them that are refunded, from the first on.
    approvals: Vec<Verdict>,
    refunds: usize,
    /// The command that is answered once the provider has answered.
    waiting: Option<Ask>,
}

type Reply = Option<(Ask, Answer)>;

impl Payment {
    pub fn take(&mut self, ask: Ask, command: Command) -> Reply {
        let answer = if command == Command::Request { self.request(ask) } else { self.refund(ask) };
        answer.map(|answer| (ask, answer))
    }

    fn request(&mut self, ask: Ask) -> Option<Answer> {
        match self.status {
            PaymentStatus::New | PaymentStatus::Failed => {
                self.calls += 1;
                self.waiting = Some(ask);
                self.status = PaymentStatus::Requested;
                None
            }
            PaymentStatus::Requested => {
                self.waiting = Some(ask);
                None
            }
            PaymentStatus::Unrequested(approved) => {
                self.status = if approved { PaymentStatus::Approved } else { PaymentStatus::Declined };
                Some(Answer::Ok)
            }
            PaymentStatus::Pending | PaymentStatus::Approved | PaymentStatus::Declined => Some(Answer::Ok),
            PaymentStatus::Cancelled | PaymentStatus::Refunding { .. } | PaymentStatus::Refunded => {
                Some(Answer::Refused("payment_cancelled"))
            }
        }
    }

    fn refund(&mut self, ask: Ask) -> Option<Answer> {
        match self.status {
            PaymentStatus::New | PaymentStatus::Requested | PaymentStatus::Failed | PaymentStatus::Pending => {
                self.waiting = None;
                self.status = PaymentStatus::Cancelled;
                Some(Answer::Ok)
            }
            PaymentStatus::Unrequested(true) | PaymentStatus::Approved => {
                self.waiting = Some(ask);
                self.call_refund(false);
                None
            }
            PaymentStatus::Refunding { pause } => {
                self.waiting = Some(ask);
                if pause {
                    self.call_refund(false);
                }
                None
            }
            PaymentStatus::Unrequested(false) => {
                self.status = PaymentStatus::Declined;
                Some(Answer::Ok)
            }
            PaymentStatus::Cancelled | PaymentStatus::Refunded | PaymentStatus::Declined => Some(Answer::Ok),
        }
    }

    /// The pending call to the provider.
    pub fn pending_call(&self) -> Option<Call> {
        match self.status {
            PaymentStatus::Requested => Some(Call::Request(self.calls)),
            PaymentStatus::Refunding { .. } => Some(Call::Refund(self.refund_calls)),
            PaymentStatus::New
            | PaymentStatus::Unrequested(_)
            | PaymentStatus::Failed
            | PaymentStatus::Pending
            | PaymentStatus::Approved
            | PaymentStatus::Declined
            | PaymentStatus::Cancelled
            | PaymentStatus::Refunded => None,
        }
    }

    /// Applies an answer of the provider; an answer to another call is ignored.
    pub fn provider(&mut self, call: Call, fine: bool) -> Reply {
        if self.pending_call() != Some(call) {
            return None;
        }
        match (call, fine) {
            (Call::Request(_), true) => {
                self.status = PaymentStatus::Pending;
                self.answer(Answer::Ok)
            }
            (Call::Request(_), false) => {
                self.status = PaymentStatus::Failed;
                self.answer(Answer::Failed)
            }
            (Call::Refund(_), true) => {
                self.refunds += 1;
                if self.refunds < self.approvals.len() {
                    self.call_refund(false);
                    return None;
                }
                self.status = PaymentStatus::Refunded;
                self.answer(Answer::Ok)
            }
            (Call::Refund(_), false) => {
                self.call_refund(true);
                self.answer(Answer::Failed)
            }
        }
    }

    pub fn apply_result(&mut self, verdict: Verdict) -> Reply {
        if verdict.approved { self.approved(verdict) } else { self.declined() }
    }

    fn approved(&mut self, verdict: Verdict) -> Reply {
        let same = |known: &Verdict| {
            known.message == verdict.message || known.payment.is_some() && known.payment == verdict.payment
        };
        if self.approvals.iter().any(same) {
            return None;
        }
        match self.status {
            PaymentStatus::New => {
                self.approvals.push(verdict);
                self.status = PaymentStatus::Unrequested(true);
            }
            PaymentStatus::Requested | PaymentStatus::Failed | PaymentStatus::Pending => {
                self.approvals.push(verdict);
                self.status = PaymentStatus::Approved;
                return self.answer(Answer::Ok);
            }
            PaymentStatus::Approved | PaymentStatus::Unrequested(true) => {}
            PaymentStatus::Unrequested(false)
            | PaymentStatus::Declined
            | PaymentStatus::Cancelled
            | PaymentStatus::Refunded => {
                self.approvals.push(verdict);
                self.call_refund(false);
            }
            PaymentStatus::Refunding { .. } => self.approvals.push(verdict),
        }
        None
    }

    fn declined(&mut self) -> Reply {
        match self.status {
            PaymentStatus::New => self.status = PaymentStatus::Unrequested(false),
            PaymentStatus::Requested | PaymentStatus::Failed | PaymentStatus::Pending => {
                self.status = PaymentStatus::Declined;
                return self.answer(Answer::Ok);
            }
            PaymentStatus::Unrequested(_)
            | PaymentStatus::Approved
            | PaymentStatus::Declined
            | PaymentStatus::Cancelled
            | PaymentStatus::Refunding { .. }
            | PaymentStatus::Refunded => {}
        }
        None
    }

    fn call_refund(&mut self, pause: bool) {
        self.refund_calls += 1;
        self.status = PaymentStatus::Refunding { pause };
    }

    fn answer(&mut self, answer: Answer) -> Reply {
        self.waiting.take().map(|ask| (ask, answer))
    }
}

/// The order service: an order ends once, and acknowledges only the same ending again.
pub fn conclude(told: &mut Option<&'static str>, status: &'static str) -> Answer {
    if *told.get_or_insert(status) == status { Answer::Ok } else { Answer::Refused("already_ended") }
}
