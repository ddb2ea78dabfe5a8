//! What a shop's monitoring asks of the services, during a benchmark: it receives spans and scrapes metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

use crate::cluster::Cluster;

/// The probability that an order is traced.
pub const SAMPLE: &str = "0.01";
/// Prometheus's usual interval.
const SCRAPE: Duration = Duration::from_secs(15);

/// The counts of a monitoring.
#[derive(Debug, Default)]
struct Counts {
    /// OTLP requests.
    exports: AtomicU64,
    /// Bytes of OTLP requests.
    bytes: AtomicU64,
    scrapes: AtomicU64,
}

/// A monitoring that keeps only counts.
#[derive(Debug)]
pub struct Monitoring {
    /// The URL for spans (`traces.endpoint`).
    pub endpoint: String,
    counts: Arc<Counts>,
}

impl Monitoring {
    /// Receives spans on a free port, until the runtime ends.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a receiver of spans")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let receiver = Router::new().fallback(move |body: Bytes| {
            counted.exports.fetch_add(1, Ordering::Relaxed);
            counted.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
            async {}
        });
        tokio::spawn(async move { axum::serve(listener, receiver).await });
        Ok(Self { endpoint, counts })
    }

    /// Scrapes the metrics of all services every 15 s, until the runtime ends.
    pub fn scrape(&self, cluster: &Arc<Cluster>) {
        for service in cluster.services() {
            let url = service.url("/metrics");
            let http = cluster.http.clone();
            let counts = Arc::clone(&self.counts);
            tokio::spawn(async move {
                let mut due = interval(SCRAPE);
                due.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    due.tick().await;
                    let scraped = http.get(&url).send().await.and_then(reqwest::Response::error_for_status);
                    if let Ok(response) = scraped
                        && response.bytes().await.is_ok()
                    {
                        counts.scrapes.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    }

    /// What was received, as a line.
    ///
    /// # Errors
    /// No spans or no metrics were received: then nothing was measured.
    pub fn line(&self) -> Result<String> {
        let Counts { exports, bytes, scrapes } = &*self.counts;
        let [exports, bytes, scrapes] = [exports, bytes, scrapes].map(|count| count.load(Ordering::Relaxed));
        ensure!(exports > 0 && scrapes > 0, "{exports} exports of spans and {scrapes} scrapes arrived");
        Ok(format!("monitoring: {exports} exports of spans ({bytes} bytes), {scrapes} scrapes"))
    }
}
