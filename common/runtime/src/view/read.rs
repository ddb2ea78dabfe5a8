//! Reading the view: queries, and waiting for a result.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use journal::Entity;
use rusqlite::Connection;
use vocabulary::retry::Retryable;

use super::connection::connect;
use super::waiters::Waiters;
use super::writer::Applied;

/// Idle connections kept for the next reader; more are closed after use.
const POOL_SIZE: usize = 8;

/// The longest wait for the view to show what is known.
const CATCH_UP: Duration = Duration::from_millis(500);

/// A query of the view failed.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// SQLite's error.
    #[error("the view can't be read: {0}")]
    Sql(#[from] rusqlite::Error),
    /// A state that this version of the service can't decode.
    #[error("a state in the view can't be decoded: {0}")]
    State(#[from] serde_json::Error),
    /// The process is stopping.
    #[error("the service is stopping")]
    Stopping,
}

impl Retryable for ViewError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Stopping => true,
            Self::Sql(_) | Self::State(_) => false,
        }
    }
}

/// A handle for queries. Cheap to clone.
#[derive(Clone)]
pub struct View {
    path: PathBuf,
    pool: Arc<Mutex<Vec<Connection>>>,
    waiters: Arc<Waiters>,
    applied: Arc<Applied>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({})", self.path.display())
    }
}

impl View {
    pub(crate) fn new(path: PathBuf, waiters: Arc<Waiters>, applied: Arc<Applied>) -> Self {
        Self { path, pool: Arc::default(), waiters, applied }
    }

    /// Waits until the view shows what this process knew when it was called, for a moment at most: a client that
    /// learned of a change from another service may ask this one about it at once.
    async fn catch_up(&self) {
        let Some(known) = self.applied.awaitable().filter(|known| !self.applied.has_done(*known)) else { return };
        let _hurry = self.waiters.watch("");
        let deadline = tokio::time::Instant::now() + CATCH_UP;
        loop {
            let mut written = std::pin::pin!(self.waiters.written());
            written.as_mut().enable();
            if self.applied.has_done(known) || tokio::time::timeout_at(deadline, written).await.is_err() {
                return;
            }
        }
    }

    /// Runs a query on a thread for blocking work, over all that this process knows.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn read<T: Send + 'static>(
        &self,
        f: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ViewError> {
        self.catch_up().await;
        let view = self.clone();
        let done = tokio::task::spawn_blocking(move || view.with(&f)).await;
        done.map_err(|_| ViewError::Stopping)?
    }

    /// Runs a query on the caller's thread, which may block.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn read_blocking<T>(&self, f: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, ViewError> {
        self.with(&f)
    }

    /// Runs `f` now, and again each time the entity `key` changes, until it returns a value or the time is over. `f`
    /// must be a look-up by key: it runs on the caller's thread.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn until<T: Send + 'static>(
        &self,
        key: &str,
        at_most: Duration,
        f: impl Fn(&Connection) -> rusqlite::Result<Option<T>> + Send + 'static,
    ) -> Result<Option<T>, ViewError> {
        let watch = self.waiters.watch(key);
        let deadline = tokio::time::Instant::now() + at_most;
        loop {
            let mut changed = std::pin::pin!(watch.notify.notified());
            changed.as_mut().enable();
            if let Some(found) = self.with(&f)? {
                return Ok(Some(found));
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return self.with(&f);
            }
        }
    }

    /// An entity's state, from any partition, as this process knows it.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn entity<E: Entity>(&self, key: &str) -> Result<Option<E>, ViewError> {
        self.catch_up().await;
        let text = self.with(&|connection: &Connection| {
            let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key = ?")?;
            let mut rows = query.query([key])?;
            rows.next()?.map(|row| row.get::<_, String>(0)).transpose()
        })?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    fn with<T>(&self, f: &impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, ViewError> {
        let kept = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => connect(&self.path, true)?,
        };
        let answer = f(&connection)?;
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOL_SIZE {
            pool.push(connection);
        }
        Ok(answer)
    }
}
