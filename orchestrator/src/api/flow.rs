//! The flow in numbers: for a definition's version what happened at each step in a window, who waits there now, and
//! which step stands out. The incidents, grouped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, Problem};
use common::time::Timestamp;
use saga::Definition;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use crate::stats::{self, MINUTE, Offender, Recent, StepStats, Window};
use crate::words::{Lang, sentence};

/// What is kept of an older answer: by definition, version and window.
pub(super) type Kept = BTreeMap<(String, u32, &'static str), (Instant, Arc<BTreeMap<String, Recent>>)>;

/// A definition's version in numbers.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The definition.
    pub definition: Arc<Definition>,
    /// How far back was looked.
    pub window: Window,
    /// Its steps, in their order; the telling of the ending last.
    pub steps: Vec<StepStats>,
    /// The step that stands out.
    pub offender: Option<Offender>,
    /// How many sagas have which status.
    pub sagas: BTreeMap<String, u64>,
}

impl Flow {
    /// A step's name for people.
    pub fn label(&self, step: &str, lang: Lang) -> String {
        label(Some(&self.definition), step, lang)
    }

    /// The sentence on the step that stands out.
    pub fn sentence(&self, lang: Lang) -> Option<String> {
        let offender = self.offender.as_ref()?;
        let step = self.steps.iter().find(|step| step.step == offender.step())?;
        Some(sentence(lang, &self.label(&step.step, lang), step, offender))
    }
}

/// A step's name for people, where its definition is known.
pub fn label(definition: Option<&Definition>, step: &str, lang: Lang) -> String {
    match definition.and_then(|definition| definition.step(step)) {
        Some(known) => known.label.get(lang.tag()).to_owned(),
        None if step == CONCLUDE => lang.say("Tell the ending", "Informar o desfecho").to_owned(),
        None => step.to_owned(),
    }
}

const CONCLUDE: &str = "conclude";

impl Api {
    /// A definition's version in numbers. Without a definition the one that most sagas are of, without a version its
    /// newest.
    pub(crate) async fn flow(
        &self,
        name: Option<String>,
        version: Option<u32>,
        window: Window,
    ) -> Result<Flow, Problem> {
        let totals = self.context.view.read(stats::totals).await?;
        let name = name.or_else(|| self.usual(&totals)).unwrap_or_default();
        let newest = self.all_definitions().await?.into_iter().filter(|(known, _)| known.name == name);
        let found = match version {
            Some(version) => newest.into_iter().find(|(known, _)| known.version == version),
            None => newest.max_by_key(|(known, _)| known.version),
        };
        let Some((definition, _)) = found else {
            let version = version.map(|version| format!(" version {version}")).unwrap_or_default();
            return Err(Problem::not_found(format!("there is no definition {name}{version}")));
        };
        let at = Timestamp::now().0;
        let recent = self.recent(&definition, window, at).await?;
        let (name, version) = (definition.name.clone(), definition.version);
        let now = self.context.view.read(move |connection| stats::now(connection, &name, version, at)).await?;
        let steps = definition.steps.iter().map(|step| step.name.as_str()).chain([CONCLUDE]);
        let steps = stats::step_stats(steps, &recent, &now, at);
        let own = totals.into_iter().filter(|t| t.definition == definition.name && t.version == definition.version);
        let sagas = own.map(|total| (total.status, total.count)).collect();
        Ok(Flow { definition, window, offender: stats::offender(&steps), steps, sagas })
    }

    fn usual(&self, totals: &[stats::Total]) -> Option<String> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for total in totals {
            *counts.entry(&total.definition).or_default() += total.count;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned());
        most.or_else(|| self.definitions.all().next().map(|definition| definition.name.clone()))
    }

    async fn recent(
        &self,
        definition: &Definition,
        window: Window,
        at: i64,
    ) -> Result<Arc<BTreeMap<String, Recent>>, Problem> {
        let (name, version) = (definition.name.clone(), definition.version);
        let key = (name.clone(), version, window.as_str());
        if let Some((when, kept)) = self.kept().get(&key)
            && when.elapsed() < window.fresh()
        {
            return Ok(kept.clone());
        }
        let since = window.from(at);
        let read = move |connection: &rusqlite::Connection| stats::recent(connection, &name, version, since);
        let recent = Arc::new(self.context.view.read(read).await?);
        self.kept().insert(key, (Instant::now(), recent.clone()));
        Ok(recent)
    }

    /// How old the data may be that is shown, in milliseconds.
    pub(crate) fn lag(&self) -> u64 {
        u64::try_from(self.context.status.data_age().as_millis()).unwrap_or(u64::MAX)
    }
}

/// `?definition=order&version=1&window=1h`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    definition: Option<String>,
    version: Option<u32>,
    #[serde(default)]
    window: Window,
}

/// `GET /api/flow`
pub(super) async fn flow(State(api): State<Api>, Params(asked): Params<Asked>) -> Result<Json<Value>, Problem> {
    let flow = api.flow(asked.definition, asked.version, asked.window).await?;
    let steps = flow.steps.iter().map(|step| {
        let mut told = serde_json::to_value(step).unwrap_or_default();
        told["label"] = flow.label(&step.step, Lang::En).into();
        told
    });
    Ok(Json(json!({
        "definition": flow.definition.name,
        "version": flow.definition.version,
        "window": flow.window,
        "viewLagMs": api.lag(),
        "sagas": flow.sagas,
        "offender": flow.offender,
        "sentence": flow.sentence(Lang::En),
        "steps": steps.collect::<Vec<_>>(),
    })))
}

/// `GET /api/incidents`
pub(super) async fn incidents(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let groups = api.context.view.read(stats::stuck).await?;
    let time = |ms: i64| saga::Timestamp(ms).to_string();
    let items = groups.iter().map(|group| {
        json!({
            "definition": group.definition,
            "version": group.version,
            "step": group.step,
            "reason": group.reason,
            "count": group.count,
            "waitingSince": { "first": time(group.first), "last": time(group.last) },
        })
    });
    Ok(Json(json!({ "items": items.collect::<Vec<_>>(), "viewLagMs": api.lag() })))
}

/// So many sagas began in each minute, and ended so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// The first minute since 1970.
    pub first: i64,
    /// Sagas that began, minute by minute.
    pub started: Vec<u64>,
    /// By the status of the ending.
    pub endings: BTreeMap<String, Vec<u64>>,
}

impl Api {
    /// Minute by minute what began and how it ended.
    pub(crate) async fn series(&self, window: Window) -> Result<Series, Problem> {
        let first = window.from(Timestamp::now().0);
        let length = usize::try_from(window.minutes()).unwrap_or(0);
        let rows = self.context.view.read(move |connection| stats::ends_by_minute(connection, first)).await?;
        let mut series = Series { first, started: vec![0; length], endings: BTreeMap::new() };
        for row in rows {
            let line = match row.ending {
                None => &mut series.started,
                Some(ending) => series.endings.entry(ending).or_insert_with(|| vec![0; length]),
            };
            let place = usize::try_from(row.minute - first).ok();
            if let Some(cell) = place.and_then(|place| line.get_mut(place)) {
                *cell += row.count;
            }
        }
        Ok(series)
    }
}

impl Series {
    /// The same with several minutes in one, so that at most so many are left, and how many minutes are in each.
    #[must_use]
    pub fn at_most(&self, most: usize) -> (Self, usize) {
        let step = self.started.len().div_ceil(most.max(1)).max(1);
        let sum = |line: &Vec<u64>| line.chunks(step).map(|minutes| minutes.iter().sum()).collect::<Vec<u64>>();
        let endings = self.endings.iter().map(|(name, line)| (name.clone(), sum(line))).collect();
        (Self { first: self.first, started: sum(&self.started), endings }, step)
    }

    /// The time at which a minute begins.
    pub fn time(&self, place: usize) -> i64 {
        (self.first + i64::try_from(place).unwrap_or(0)) * MINUTE
    }
}
