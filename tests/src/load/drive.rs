//! The two ways to send orders. Open loop: by a fixed schedule, whether earlier ones are done or not; times count from
//! when an order was to be sent, so a stall is seen by every order that it delays (no coordinated omission). Closed
//! loop: so many clients, each placing its next order when the last one has ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::client::{Connection, Order};

/// The longest time that is told apart from longer ones, in microseconds.
const LONGEST: u64 = 600_000_000;

/// Where orders go and what they are of.
#[derive(Clone, Debug)]
pub struct Target {
    /// Port of order-service.
    pub port: u16,
    /// The item.
    pub item: String,
    /// The amount as JSON: its cents decide what the simulated provider says.
    pub amount: &'static str,
    /// Further members of the body, each with a comma before it.
    pub more: &'static str,
    /// How they end.
    pub ends: &'static str,
}

/// Which way orders go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Paid and confirmed.
    #[default]
    Confirmed,
    /// Paid, confirmed, shipped, and the customer is told.
    Delivered,
    /// Out of stock.
    Refused,
    /// Not paid, and released.
    Unpaid,
}

impl Way {
    /// All, with what their names begin with in the names of runs.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Delivered, "delivered-"),
        (Self::Refused, "refused-"),
        (Self::Unpaid, "unpaid-"),
        (Self::Confirmed, ""),
    ];

    /// An order of `item`, of which there is plenty, or of `nothing`, of which there is none.
    pub fn target(self, port: u16, item: &str, nothing: &str) -> Target {
        let (item, amount, more, ends) = match self {
            Self::Confirmed => (item, "10.50", "", "confirmed"),
            Self::Delivered => (item, "10.50", DELIVERY, "shipped"),
            Self::Refused => (nothing, "10.50", "", "rejected"),
            Self::Unpaid => (item, "10.13", "", "payment_not_completed"),
        };
        Target { port, item: item.to_owned(), amount, more, ends }
    }

    /// What the name of a run begins with.
    pub fn prefix(self) -> &'static str {
        Self::ALL.iter().find(|(way, _)| *way == self).map_or("", |(_, prefix)| prefix)
    }
}

const DELIVERY: &str = r#","customer":{"name":"Ana Lima","email":"ana@example.com"},"delivery":{"method":"standard","address":{"name":"Ana Lima","line1":"Rua do Sol, 1","city":"Recife","postalCode":"50030-230","country":"BR"}}"#;

/// How orders are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// So many orders a second.
    Open(u32),
    /// So many clients.
    Closed(u32),
}

impl Drive {
    /// Its name on the command line and in the report.
    pub fn name(self) -> String {
        match self {
            Self::Open(rate) => format!("open-{rate}"),
            Self::Closed(clients) => format!("closed-{clients}"),
        }
    }
}

/// What was measured. Times are in microseconds.
#[derive(Debug)]
pub struct Measured {
    /// POST to 201.
    pub created: Histogram<u64>,
    /// POST to the end.
    pub ended: Histogram<u64>,
    /// Orders that did not end as they should.
    pub failures: u64,
    /// Why the first of them did not.
    pub failure: Option<String>,
}

/// Shared by all that send.
pub struct Run {
    target: Target,
    /// Orders from here on count.
    from: Instant,
    until: Instant,
    measured: Mutex<Measured>,
    idle: Mutex<Vec<Connection>>,
    sent: AtomicU64,
}

impl Run {
    /// A run that warms up first.
    ///
    /// # Errors
    /// As hdrhistogram.
    pub fn new(target: Target, warm_up: Duration, length: Duration) -> Result<Arc<Self>> {
        let (created, ended) = (Histogram::new_with_max(LONGEST, 3)?, Histogram::new_with_max(LONGEST, 3)?);
        let measured = Mutex::new(Measured { created, ended, failures: 0, failure: None });
        let from = Instant::now() + warm_up;
        let (idle, sent) = (Mutex::default(), AtomicU64::new(0));
        Ok(Arc::new(Self { target, from, until: from + length, measured, idle, sent }))
    }

    /// Sends until time is over and all that was sent has ended.
    pub async fn drive(self: &Arc<Self>, drive: Drive) {
        match drive {
            Drive::Open(rate) => self.open(rate).await,
            Drive::Closed(clients) => self.closed(clients).await,
        }
    }

    /// When orders begin to count.
    pub fn from(&self) -> Instant {
        self.from
    }

    /// What was measured.
    pub fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(self: &Arc<Self>, rate: u32) {
        let (begin, run) = (Instant::now(), Arc::clone(self));
        let runtime = tokio::runtime::Handle::current();
        // A thread of its own keeps the schedule: the runtime's timers are only as fine as a millisecond.
        let schedule = tokio::task::spawn_blocking(move || {
            let mut sending = JoinSet::new();
            for number in 0.. {
                let intended = begin + Duration::from_secs(1) * number / rate;
                if intended >= run.until {
                    break;
                }
                std::thread::sleep(intended.saturating_duration_since(Instant::now()));
                let run = Arc::clone(&run);
                sending.spawn_on(async move { run.pooled(intended).await }, &runtime);
                while sending.try_join_next().is_some() {}
            }
            sending
        });
        if let Ok(sending) = schedule.await {
            sending.join_all().await;
        }
    }

    async fn pooled(&self, intended: Instant) {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => Ok(connection),
            None => Connection::open(self.target.port).await,
        };
        match connection {
            Ok(mut connection) => {
                let done = self.order(&mut connection, intended).await;
                if self.note(intended, done) {
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                }
            }
            Err(error) => _ = self.note(intended, Err(error)),
        }
    }

    async fn closed(self: &Arc<Self>, clients: u32) {
        let mut all = JoinSet::new();
        for _ in 0..clients {
            let run = Arc::clone(self);
            all.spawn(async move {
                let mut connection = None;
                while Instant::now() < run.until {
                    connection = run.next(connection).await;
                }
            });
        }
        all.join_all().await;
    }

    /// The next order of a client; gives the connection back while it is good.
    async fn next(&self, connection: Option<Connection>) -> Option<Connection> {
        let begin = Instant::now();
        let opened = match connection {
            Some(connection) => Ok(connection),
            None => Connection::open(self.target.port).await,
        };
        match opened {
            Ok(mut connection) => {
                let done = self.order(&mut connection, begin).await;
                self.note(begin, done).then_some(connection)
            }
            Err(error) => {
                self.note(begin, Err(error));
                // Who does not listen is not asked again in a tight loop.
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
        }
    }

    /// Places an order and follows it to its end.
    async fn order(&self, connection: &mut Connection, begin: Instant) -> Result<(Duration, Duration)> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let request = place(&self.target, number);
        let (status, body) = connection.ask(&request).await?;
        if status != 201 {
            bail!("POST answers {status}: {}", String::from_utf8_lossy(body));
        }
        let created = begin.elapsed();
        let order: Order<'_> = serde_json::from_slice(body)?;
        let request = format!("GET /orders/{} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n\r\n", order.id);
        let (status, body) = connection.ask(request.as_bytes()).await?;
        if status != 200 {
            bail!("GET answers {status}: {}", String::from_utf8_lossy(body));
        }
        let order: Order<'_> = serde_json::from_slice(body)?;
        if order.status != self.target.ends {
            bail!("order {} is {} after 30 s", order.id, order.status);
        }
        Ok((created, begin.elapsed()))
    }

    /// Counts an order that belongs to the measured time. An open loop's order belongs where it was to be sent, a
    /// closed loop's too. Gives whether its connection is good.
    fn note(&self, begin: Instant, done: Result<(Duration, Duration)>) -> bool {
        let good = done.is_ok();
        if begin >= self.from {
            let mut measured = self.measured();
            match done {
                Ok((created, ended)) => {
                    measured.created.saturating_record(micros(created));
                    measured.ended.saturating_record(micros(ended));
                }
                Err(error) => {
                    measured.failures += 1;
                    measured.failure.get_or_insert(format!("{error:#}"));
                }
            }
        }
        good
    }
}

/// The request that places an order.
pub fn place(target: &Target, number: u64) -> Vec<u8> {
    let Target { item, amount, more, .. } = target;
    let body = format!(
        r#"{{"customerId":"e081ad0f-f83e-4f81-b2d7-{number:012x}","amount":{amount},"items":[{{"id":"{item}","name":"bench","amount":10.50,"quantity":1}}]{more}}}"#
    );
    let length = body.len();
    format!(
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}
