//! When a worker claims its partition, and when it gives it up: assignment, loading, opening, revocation, and the
//! pauses after failures.

use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use journal::Retry;
use uuid::Uuid;

/// The first pause before claiming again after a failure; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// The pause while an operator's decision is awaited.
const UNDECIDED: Duration = Duration::from_secs(300);

/// The group takes the partition away.
struct Revocation {
    /// Receives a message once the partition is released.
    done: Sender<()>,
    /// When to release it at the latest.
    deadline: Instant,
}

/// The state of a partition's assignment to this instance.
pub(super) struct ClaimLifecycle {
    assigned: bool,
    claim_at: Option<Instant>,
    pause: Duration,
    /// The offset of the claim whose state is to be loaded.
    loading: Option<i64>,
    /// Claimed, and the view has not yet applied the claim's own decisions.
    opening: bool,
    revocation: Option<Revocation>,
}

impl ClaimLifecycle {
    pub(super) fn new() -> Self {
        Self { assigned: false, claim_at: None, pause: FIRST_PAUSE, loading: None, opening: false, revocation: None }
    }

    pub(super) fn assign(&mut self) {
        self.assigned = true;
        self.claim_at = Some(Instant::now());
    }

    pub(super) fn is_assigned(&self) -> bool {
        self.assigned
    }

    pub(super) fn revoke(&mut self, done: Sender<()>, patience: Duration) {
        self.assigned = false;
        self.claim_at = None;
        self.revocation = Some(Revocation { done, deadline: Instant::now() + patience });
    }

    pub(super) fn is_revoking(&self) -> bool {
        self.revocation.is_some()
    }

    /// Returns true if the partition must be released now.
    pub(super) fn must_release(&self, is_owner: bool) -> bool {
        self.revocation.as_ref().is_some_and(|revocation| !is_owner || Instant::now() >= revocation.deadline)
    }

    pub(super) fn is_claim_due(&self) -> bool {
        self.assigned && self.claim_at.is_some_and(|at| Instant::now() >= at)
    }

    pub(super) fn claim_begun(&mut self) {
        self.claim_at = None;
    }

    /// The claim at this offset was read back: its state must be loaded.
    pub(super) fn load(&mut self, claim: i64) {
        self.loading = Some(claim);
    }

    /// The claim to load, once the view has applied it.
    pub(super) fn take_loadable(&mut self, view_applied: i64) -> Option<i64> {
        self.loading.take_if(|claim| view_applied > *claim)
    }

    pub(super) fn claimed(&mut self) {
        self.opening = true;
    }

    /// Returns true once, when the partition opens.
    pub(super) fn open(&mut self, is_open: bool) -> bool {
        self.opening && is_open && std::mem::replace(&mut self.opening, false)
    }

    /// Returns true while the worker waits for something that no event announces.
    pub(super) fn is_waiting(&self) -> bool {
        self.loading.is_some() || self.opening || self.revocation.is_some()
    }

    /// An entry of this claim was read back: the next failure is a new one.
    pub(super) fn progressed(&mut self) {
        self.pause = FIRST_PAUSE;
    }

    /// Ends the claim. Returns the channel of a pending revocation.
    pub(super) fn release(&mut self) -> Option<Sender<()>> {
        self.loading = None;
        self.opening = false;
        self.revocation.take().map(|revocation| revocation.done)
    }

    /// An operator has decided: a partition that awaits its next claim is claimed at once.
    pub(super) fn claim_now(&mut self) {
        self.pause = FIRST_PAUSE;
        self.claim_at = self.claim_at.map(|_| Instant::now());
    }

    /// Plans the next claim; returns the pause before it. The pause grows with each failure, and jitter keeps instances
    /// apart. After a foreign claim it is at least the session timeout, within which its owner shows that it lives.
    pub(super) fn back_off(&mut self, retry: Retry, session_timeout: Duration) -> Duration {
        let least = match retry {
            Retry::AtOnce => {
                self.claim_at = self.assigned.then(Instant::now);
                return Duration::ZERO;
            }
            Retry::AfterSession => session_timeout,
            Retry::AfterDecision => UNDECIDED,
            Retry::AfterPause | Retry::Never => Duration::ZERO,
        };
        let pause = self.pause.max(least);
        let jitter = pause.mul_f64(f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX) / 4.0);
        self.pause = (pause * 2).min(LAST_PAUSE.max(least));
        self.claim_at = self.assigned.then(|| Instant::now() + pause + jitter);
        pause + jitter
    }
}
