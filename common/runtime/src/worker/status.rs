//! What the instance knows of itself: what /health/live and /health/ready tell, and what ends it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::view::Applied;
use vocabulary::time::Timestamp;

/// A loop that has not come round for so long is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Where a partition's worker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Another instance's.
    Elsewhere,
    /// Assigned to this instance, and not claimed yet.
    Claiming,
    /// Claimed.
    Owned,
    /// Stepped down; to be claimed again.
    SteppedDown(String),
}

/// Shared by all threads of an instance.
#[derive(Debug)]
pub struct Status {
    places: Mutex<BTreeMap<i32, Place>>,
    joined: AtomicBool,
    beats: Mutex<BTreeMap<String, Timestamp>>,
    /// When the tailer first stood at the journal's end; 0 before.
    pub(super) caught_up: AtomicBool,
    /// The broker's time of the newest record read.
    pub(super) read: AtomicI64,
    /// When the brokers that lead the journal were last heard of; 0 before.
    pub(super) heard: AtomicI64,
    pub(super) applied: Arc<Applied>,
    lag_limit: Duration,
    fatal: watch::Sender<Option<String>>,
    stopping: AtomicBool,
    halted: AtomicBool,
}

/// A silence as long as this is usual: an empty fetch takes half a second, and once a second it is looked at.
const USUAL_SILENCE: Duration = Duration::from_secs(3);

impl Status {
    pub(super) fn new(applied: Arc<Applied>, lag_limit: Duration) -> Self {
        Self {
            places: Mutex::default(),
            joined: AtomicBool::new(false),
            beats: Mutex::default(),
            caught_up: AtomicBool::new(false),
            read: AtomicI64::new(0),
            heard: AtomicI64::new(0),
            applied,
            lag_limit,
            fatal: watch::channel(None).0,
            stopping: AtomicBool::new(false),
            halted: AtomicBool::new(false),
        }
    }

    /// Ends the process with this reason, soon.
    pub(super) fn fatal(&self, why: &str) {
        if !self.is_stopping() {
            tracing::error!("this process can't go on and ends: {why}");
            self.fatal.send_if_modified(|old| old.is_none() && old.replace(why.to_owned()).is_none());
        }
    }

    /// Resolves with the reason when the process must end.
    pub async fn ended(&self) -> String {
        let mut fatal = self.fatal.subscribe();
        match fatal.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "the status is gone".to_owned(),
        }
    }

    /// From now on threads end because they are asked to.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether the process was asked to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// The workers have finished: reading the journal may end, too.
    pub(super) fn halt(&self) {
        self.halted.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }

    pub(super) fn joined(&self) {
        self.joined.store(true, Ordering::SeqCst);
    }

    pub(super) fn place(&self, partition: i32, place: Place) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, place);
    }

    /// A loop comes round.
    pub(super) fn beat(&self, who: &str) {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        match beats.get_mut(who) {
            Some(at) => *at = Timestamp::now(),
            None => {
                beats.insert(who.to_owned(), Timestamp::now());
            }
        }
    }

    /// How far the view is behind what was read.
    pub fn view_lag(&self) -> Duration {
        if self.applied.queued.load(Ordering::Relaxed) == 0 {
            return Duration::ZERO;
        }
        Timestamp::now().since(Timestamp(self.applied.newest.load(Ordering::Relaxed)))
    }

    /// How old the view's data may be: how far it is behind what was read, or, where nothing is heard of Kafka, since when.
    pub fn data_age(&self) -> Duration {
        let heard = self.heard.load(Ordering::Relaxed);
        let silent = if heard == 0 { Duration::ZERO } else { Timestamp::now().since(Timestamp(heard)) };
        let lag = self.view_lag();
        if silent < USUAL_SILENCE { lag } else { lag.max(silent) }
    }

    /// Each partition, and where its worker stands on this instance.
    pub fn partitions(&self) -> BTreeMap<i32, &'static str> {
        let word = |place: &Place| match place {
            Place::Elsewhere => "elsewhere",
            Place::Claiming => "claiming",
            Place::Owned => "owned",
            Place::SteppedDown(_) => "stepped down",
        };
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.iter().map(|(partition, place)| (*partition, word(place))).collect()
    }

    /// Each check and what is wrong, if anything; live when all is well.
    pub fn live(&self) -> BTreeMap<String, Result<String, String>> {
        let now = Timestamp::now();
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let check = |(who, at): (&String, &Timestamp)| {
            let ago = now.since(*at);
            let told =
                if ago < STUCK { Ok("running".to_owned()) } else { Err(format!("silent for {} s", ago.as_secs())) };
            (who.clone(), told)
        };
        let mut checks: BTreeMap<_, _> = beats.iter().map(check).collect();
        if let Some(why) = self.fatal.borrow().clone() {
            checks.insert("process".to_owned(), Err(why));
        }
        checks
    }

    /// Each check and what is wrong, if anything; ready when all is well: in the group, every assigned partition claimed,
    /// the view close behind.
    pub fn ready(&self) -> BTreeMap<String, Result<String, String>> {
        let mut checks = self.live();
        let joined = self.joined.load(Ordering::SeqCst);
        let group = if joined { Ok("joined".to_owned()) } else { Err("waiting for the consumer group".to_owned()) };
        checks.insert("group".to_owned(), group);
        for (partition, place) in &*self.places.lock().unwrap_or_else(PoisonError::into_inner) {
            let told = match place {
                Place::Elsewhere => Ok("another instance's".to_owned()),
                Place::Owned => Ok("owned".to_owned()),
                Place::Claiming => Err("assigned, being claimed".to_owned()),
                Place::SteppedDown(why) => Err(format!("stepped down: {why}")),
            };
            checks.insert(format!("partition {partition}"), told);
        }
        let lag = self.view_lag();
        let view = if !self.caught_up.load(Ordering::SeqCst) {
            Err("reading the journal".to_owned())
        } else if lag > self.lag_limit {
            Err(format!(
                "{} ms behind, the limit (view.lag_limit) is {} ms",
                lag.as_millis(),
                self.lag_limit.as_millis()
            ))
        } else {
            Ok(format!("{} ms behind", lag.as_millis()))
        };
        checks.insert("view".to_owned(), view);
        if self.is_stopping() {
            checks.insert("process".to_owned(), Err("stopping".to_owned()));
        }
        checks
    }
}
