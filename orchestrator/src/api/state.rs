//! The state of the routes, and what they and the pages read.

use std::sync::Arc;

use common::bounds::first_chars;
use common::http::Problem;
use common::service::Context;
use saga::{Definition, Saga};
use serde_json::Value;
use uuid::Uuid;

use super::cache::StatsCache;
use super::known::{KnownDefinition, KnownDefinitions, ParsedDefinitions};
use super::representation;
use crate::circuits::CircuitProbe;
use crate::definitions::Definitions;
use crate::error::ApiError;
use crate::filter::{Filter, Sort};
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::stats::{self, Total};
use crate::view::{self, Cursor, Listed, RolloutRow};

/// The state of the routes.
#[derive(Clone)]
pub struct Api {
    pub(crate) context: Context<Settings>,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) sessions: Sessions,
    pub(super) cache: StatsCache,
    pub(super) circuits: CircuitProbe,
    parsed: ParsedDefinitions,
}

/// A page of the list of sagas.
#[derive(Clone, Debug)]
pub(crate) struct SagaPage {
    pub(crate) sagas: Vec<Listed>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// Parses the id of a saga.
pub(crate) fn saga_id(text: &str) -> Result<Uuid, ApiError> {
    let start = first_chars(text, 80);
    Uuid::parse_str(text).map_err(|error| {
        let english = format!("'{start}' is not the id of a saga: {error}");
        ApiError::bad_request(english, format!("'{start}' não é o id de uma saga."))
    })
}

fn parse_cursor(text: &str, sort: Sort) -> Result<Cursor, ApiError> {
    let cursor = match sort {
        Sort::Newest => newest_cursor(text),
        Sort::Waiting => text.split_once('_').and_then(|(waiting, rest)| {
            let waiting = waiting.parse().ok()?;
            Some(Cursor { waiting, ..newest_cursor(rest)? })
        }),
    };
    cursor.ok_or_else(|| {
        let text = first_chars(text, 80);
        ApiError::bad_request(
            format!("cursor = {text}: use `next` of the previous page, with the same sort"),
            format!("cursor = {text}: use o `next` da página anterior, com a mesma ordem"),
        )
    })
}

/// `STARTED_ID`
fn newest_cursor(text: &str) -> Option<Cursor> {
    let (started, id) = text.split_once('_')?;
    Some(Cursor { waiting: 0, started: started.parse().ok()?, id: id.to_owned() })
}

fn cursor_of(saga: &Listed, sort: Sort) -> String {
    let Listed { started, id, .. } = saga;
    match sort {
        Sort::Newest => format!("{started}_{id}"),
        Sort::Waiting => format!("{}_{started}_{id}", saga.waiting.unwrap_or_default()),
    }
}

impl Api {
    /// State with the definitions of this instance.
    pub fn new(context: Context<Settings>, sessions: Sessions) -> Self {
        // Loaded once: a file changed since does not run, and is not shown.
        let definitions = Arc::new(Definitions::load(&context.settings.sagas.directory).unwrap_or_default());
        let cache = StatsCache::default();
        // The program checks at its start that the client can be made.
        let circuits = CircuitProbe::new(&context.settings.dashboard.health_urls).unwrap_or_default();
        Self { context, definitions, sessions, cache, circuits, parsed: ParsedDefinitions::default() }
    }

    /// A page of the sagas that match.
    pub(crate) async fn page(
        &self,
        filter: Filter,
        sort: Sort,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<SagaPage, ApiError> {
        let after = cursor.map(|text| parse_cursor(text, sort)).transpose()?;
        let query =
            move |connection: &rusqlite::Connection| view::list(connection, &filter, sort, after.as_ref(), limit + 1);
        let mut sagas = self.context.view.read(query).await.map_err(Problem::from)?;
        let has_more = sagas.len() > limit;
        sagas.truncate(limit);
        let next = sagas.last().filter(|_| has_more).map(|last| cursor_of(last, sort));
        Ok(SagaPage { sagas, next })
    }

    /// A saga; `None` if there is none with this id.
    pub(crate) async fn find_saga(&self, id: Uuid) -> Result<Option<Saga>, ApiError> {
        let state =
            self.context.view.read(move |connection| view::state(connection, id)).await.map_err(Problem::from)?;
        Ok(state.map(|text| view::saga(&text)).transpose().map_err(Problem::internal)?.flatten())
    }

    /// A saga.
    pub(crate) async fn saga(&self, id: Uuid) -> Result<Saga, ApiError> {
        self.find_saga(id)
            .await?
            .ok_or_else(|| ApiError::not_found(format!("there is no saga {id}"), format!("A saga {id} não existe.")))
    }

    /// The definition that a saga runs on, even if its file was removed.
    pub(crate) async fn definition_of(&self, saga: &Saga) -> Result<Option<Arc<Definition>>, ApiError> {
        if let Some(known) = self.definitions.of(&saga.definition, saga.version) {
            return Ok(Some(known.clone()));
        }
        let mut stored = self.context.view.read(view::definitions).await.map_err(Problem::from)?.into_iter();
        let row = stored.find(|row| row.name == saga.definition && row.version == saga.version);
        Ok(row.and_then(|row| self.parsed.of(&row)))
    }

    /// A saga with all its parts, as JSON.
    pub(super) async fn represent(&self, saga: &Saga) -> Result<Value, ApiError> {
        let definition = self.definition_of(saga).await?;
        Ok(representation::whole(saga, definition.as_deref()))
    }

    /// The definitions on which new sagas start: those of the files, then those deployed.
    pub(crate) async fn active(&self) -> Result<Definitions, ApiError> {
        Ok(self.active_of(&self.all_definitions().await?))
    }

    /// Those of all definitions on which new sagas start.
    pub(super) fn active_of(&self, all: &[KnownDefinition]) -> Definitions {
        let deployed = all.iter().filter(|known| known.is_deployed);
        self.definitions.with(deployed.map(|known| known.definition.clone()))
    }

    /// The definitions of the files, then those deployed and those that only the journal has.
    pub(crate) async fn all_definitions(&self) -> Result<Vec<KnownDefinition>, ApiError> {
        let partitions = self.context.partitions;
        let query = move |connection: &rusqlite::Connection| {
            Ok((view::definitions(connection)?, view::deployed(connection, partitions)?))
        };
        let (rows, deployed) = self.context.view.read(query).await.map_err(Problem::from)?;
        let is_deployed = |name: &str, version: u32| deployed.iter().any(|id| id.name == name && id.version == version);
        let of_file = |definition: &Arc<Definition>| KnownDefinition {
            definition: definition.clone(),
            has_file: true,
            is_deployed: is_deployed(&definition.name, definition.version),
        };
        let mut all: Vec<_> = self.definitions.shared().map(of_file).collect();
        for row in rows {
            if self.definitions.of(&row.name, row.version).is_none()
                && let Some(definition) = self.parsed.of(&row)
            {
                let is_deployed = is_deployed(&row.name, row.version);
                all.push(KnownDefinition { definition, has_file: false, is_deployed });
            }
        }
        Ok(all)
    }

    /// All definitions, to look up those of listed sagas.
    pub(crate) async fn known(&self) -> Result<KnownDefinitions, ApiError> {
        Ok(KnownDefinitions::new(self.all_definitions().await?))
    }

    /// The numbers of all sagas by definition, version and status.
    pub(crate) async fn totals(&self) -> Result<Vec<Total>, ApiError> {
        Ok(self.context.view.read(stats::totals).await.map_err(Problem::from)?)
    }

    /// The rollout of a definition, if one was set.
    pub(crate) async fn rollout(&self, name: &str) -> Result<Option<RolloutRow>, ApiError> {
        let name = name.to_owned();
        let rows = self.context.view.read(move |connection| view::rollouts(connection, &name)).await;
        Ok(rows.map_err(Problem::from)?.first().copied())
    }

    /// The maximum age of the data, in milliseconds.
    pub(crate) fn lag(&self) -> u64 {
        u64::try_from(self.context.status.data_age().as_millis()).unwrap_or(u64::MAX)
    }
}
