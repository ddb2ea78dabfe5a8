//! Sends orders in open or closed loop. Open loop: by a fixed schedule, independent of earlier orders; times count from
//! the scheduled time, so that a stall affects every order that it delays (no coordinated omission). Closed loop: a
//! fixed number of clients, each of which places its next order when the previous one has ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::client::{Connection, Order};

/// The upper bound of the histograms, in microseconds.
const MAX_MICROS: u64 = 600_000_000;

/// The orders to send and where.
#[derive(Clone, Debug)]
pub struct Target {
    /// Port of order-service.
    pub port: u16,
    /// The item.
    pub item: String,
    /// The amount as JSON: its cents select the simulated provider's result.
    pub amount: &'static str,
    /// Further members of the body, each preceded by a comma.
    pub more: &'static str,
    /// The expected final status.
    pub ends: &'static str,
}

/// The outcome of the orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Paid and confirmed.
    #[default]
    Confirmed,
    /// Paid, confirmed, shipped, and the customer is notified.
    Delivered,
    /// Rejected for lack of stock.
    Refused,
    /// Declined, and the reservation released.
    Unpaid,
}

impl Way {
    /// All outcomes with their prefix in the names of runs.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Delivered, "delivered-"),
        (Self::Refused, "refused-"),
        (Self::Unpaid, "unpaid-"),
        (Self::Confirmed, ""),
    ];

    /// Orders of `item`, which is in stock, or of `sold_out`, which is not.
    pub fn target(self, port: u16, item: &str, sold_out: &str) -> Target {
        let (item, amount, more, ends) = match self {
            Self::Confirmed => (item, "10.50", "", "confirmed"),
            Self::Delivered => (item, "10.50", DELIVERY, "shipped"),
            Self::Refused => (sold_out, "10.50", "", "rejected"),
            Self::Unpaid => (item, "10.13", "", "payment_not_completed"),
        };
        Target { port, item: item.to_owned(), amount, more, ends }
    }

    /// The prefix in the names of runs.
    pub fn prefix(self) -> &'static str {
        Self::ALL.iter().find(|(way, _)| *way == self).map_or("", |(_, prefix)| prefix)
    }
}

const DELIVERY: &str = concat!(
    r#","customer":{"name":"Ana Lima","email":"ana@example.com"},"delivery":{"method":"standard","#,
    r#""address":{"name":"Ana Lima","line1":"Rua do Sol, 1","city":"Recife","postalCode":"50030-230","country":"BR"}}"#,
);

/// The loop that sends the orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// Open loop: orders per second.
    Open(u32),
    /// Closed loop: number of clients.
    Closed(u32),
}

impl Drive {
    /// The name on the command line and in the report.
    pub fn name(self) -> String {
        match self {
            Self::Open(rate) => format!("open-{rate}"),
            Self::Closed(clients) => format!("closed-{clients}"),
        }
    }
}

/// The measurements. Times are in microseconds.
#[derive(Debug)]
pub struct Measured {
    /// POST to 201.
    pub created: Histogram<u64>,
    /// POST to the final status.
    pub ended: Histogram<u64>,
    /// Orders without the expected final status.
    pub failures: u64,
    /// The first failure.
    pub failure: Option<String>,
}

/// A run, shared by all senders.
pub struct Run {
    target: Target,
    /// Orders sent from this time on are counted.
    from: Instant,
    until: Instant,
    measured: Mutex<Measured>,
    idle: Mutex<Vec<Connection>>,
    sent: AtomicU64,
}

impl Run {
    /// A run with a warm-up.
    ///
    /// # Errors
    /// When hdrhistogram rejects its bounds.
    pub fn new(target: Target, warm_up: Duration, length: Duration) -> Result<Arc<Self>> {
        let created = Histogram::new_with_max(MAX_MICROS, 3)?;
        let ended = Histogram::new_with_max(MAX_MICROS, 3)?;
        let measured = Mutex::new(Measured { created, ended, failures: 0, failure: None });
        let from = Instant::now() + warm_up;
        let idle = Mutex::default();
        let sent = AtomicU64::new(0);
        Ok(Arc::new(Self { target, from, until: from + length, measured, idle, sent }))
    }

    /// Sends orders for the run's length and waits until all have ended.
    pub async fn drive(self: &Arc<Self>, drive: Drive) {
        match drive {
            Drive::Open(rate) => self.open(rate).await,
            Drive::Closed(clients) => self.closed(clients).await,
        }
    }

    /// The end of the warm-up.
    pub fn from(&self) -> Instant {
        self.from
    }

    /// The measurements.
    pub fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(self: &Arc<Self>, rate: u32) {
        let begin = Instant::now();
        let run = Arc::clone(self);
        let runtime = tokio::runtime::Handle::current();
        // A separate thread keeps the schedule: the runtime's timers have a resolution of a millisecond.
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
                if self.record(intended, done) {
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                }
            }
            Err(error) => _ = self.record(intended, Err(error)),
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

    /// Sends the next order of a client. Returns the connection if it can be used again.
    async fn next(&self, connection: Option<Connection>) -> Option<Connection> {
        let begin = Instant::now();
        let opened = match connection {
            Some(connection) => Ok(connection),
            None => Connection::open(self.target.port).await,
        };
        match opened {
            Ok(mut connection) => {
                let done = self.order(&mut connection, begin).await;
                self.record(begin, done).then_some(connection)
            }
            Err(error) => {
                self.record(begin, Err(error));
                // Don't retry a refused connection in a tight loop.
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
        }
    }

    /// Places an order and waits for its final status.
    async fn order(&self, connection: &mut Connection, begin: Instant) -> Result<(Duration, Duration)> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let request = place(&self.target, number);
        let (status, body) = connection.send(&request).await?;
        if status != 201 {
            bail!("POST returns {status}: {}", String::from_utf8_lossy(body));
        }
        let created = begin.elapsed();
        let order: Order<'_> = serde_json::from_slice(body)?;
        let request = format!("GET /orders/{} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n\r\n", order.id);
        let (status, body) = connection.send(request.as_bytes()).await?;
        if status != 200 {
            bail!("GET returns {status}: {}", String::from_utf8_lossy(body));
        }
        let order: Order<'_> = serde_json::from_slice(body)?;
        if order.status != self.target.ends {
            bail!("order {} is {} after 30 s", order.id, order.status);
        }
        Ok((created, begin.elapsed()))
    }

    /// Counts an order whose scheduled time is after the warm-up. Returns true if its connection can be used again.
    fn record(&self, begin: Instant, done: Result<(Duration, Duration)>) -> bool {
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
    let items = format!(r#"[{{"id":"{item}","name":"bench","amount":10.50,"quantity":1}}]"#);
    let customer = format!("e081ad0f-f83e-4f81-b2d7-{number:012x}");
    let body = format!(r#"{{"customerId":"{customer}","amount":{amount},"items":{items}{more}}}"#);
    let length = body.len();
    format!(
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}
