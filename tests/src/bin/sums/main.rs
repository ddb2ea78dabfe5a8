//! A service for the worker test that sums numbers per account: the smallest handler whose journal and outputs show
//! that every message was processed exactly once and in order. It is not part of the system.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use common::http::Problem;
use common::ids;
use common::journal::{Entity, Handler, NoSideEffect, Store, StoreError, Transaction, Trigger};
use common::messages::{Outgoing, Unreadable};
use common::service::{Context, NoExecutor, Program, main as run};
use common::time::Timestamp;
use common::topics::INPUT_MAX_BYTES;
use common::view::{Row, Rows};
use serde::{Deserialize, Serialize};
use tests::sums::{COMMANDS, Command, PANICS, RESULTS, SENDS_TOO_MUCH, Sum, key, once_key};

fn main() -> ExitCode {
    run::<Sums>()
}

struct Sums;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Own {
    /// How long each claim takes at least, as one of a partition with very many entities does.
    claim_pause_ms: u64,
}

impl Program for Sums {
    const NAME: &'static str = "sums";
    const ABOUT: &'static str = "Sums numbers per account (for the worker test).";
    const JOURNAL: &'static str = "sums-journal";
    const INPUTS: &'static [&'static str] = &[COMMANDS];
    const COMMANDS: &'static str = COMMANDS;
    const OUTPUTS: &'static [&'static str] = &[RESULTS];
    const DEFAULTS: &'static str = include_str!("default.toml");

    type Settings = Own;
    type Handler = Summing;
    type Rows = NoRows;
    type Executor = NoExecutor;

    fn build(settings: &Own) -> Result<(Summing, NoExecutor)> {
        Ok((Summing { claim_pause: Duration::from_millis(settings.claim_pause_ms) }, NoExecutor))
    }

    fn router(context: Context<Own>) -> Router {
        Router::new().route("/commands/{id}", post(add)).with_state(context)
    }
}

/// Sends a command with this id: 204 when it can't be lost.
async fn add(
    State(context): State<Context<Own>>,
    Path(id): Path<String>,
    Json(command): Json<Command>,
) -> Result<StatusCode, Problem> {
    let account = &command.account;
    let message = Outgoing::event(COMMANDS, account, "sums.add", id, account, Timestamp::now(), &command);
    context.commands.send(&message).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account(Sum);

impl Entity for Account {
    /// Odd counts stay in memory, even ones are loaded from the view, so that a takeover covers both.
    fn is_open(&self) -> bool {
        self.0.count % 2 == 1
    }
}

struct Summing {
    claim_pause: Duration,
}

impl Handler for Summing {
    type Entity = Account;
    type SideEffect = NoSideEffect;

    fn decide(
        &self,
        tx: &mut Transaction<'_, Account>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let Trigger::Message(message) = trigger else { return Ok(()) };
        let command: Command = message.json()?;
        assert_ne!(command.n, PANICS, "this handler can't process {command:?}");
        if command.once {
            let mark = once_key(&message.id());
            if tx.get(&mark).is_some() {
                return Ok(());
            }
            tx.put(mark, Account(Sum::default()));
        }
        let entity = key(&command.account);
        let before = tx.get(&entity).map_or_else(Sum::default, |account| account.0);
        let sum = before.plus(command.n);
        tx.put(entity, Account(sum));
        let id = ids::derive(&[&message.id(), "sum"]).to_string();
        let mut result = command.result(sum);
        if command.n == SENDS_TOO_MUCH {
            result.account = "x".repeat(INPUT_MAX_BYTES);
        }
        tx.send(Outgoing::event(RESULTS, &command.account, "sums.summed", id, &command.account, now, &result));
        Ok(())
    }

    /// It is called once for each claim, while the partition's state is loaded.
    fn more_inputs(&self, _: &dyn Store<Account>) -> Result<BTreeSet<String>, StoreError> {
        std::thread::sleep(self.claim_pause);
        Ok(BTreeSet::new())
    }
}

struct NoRows;

impl Rows for NoRows {
    type Entity = Account;
    const SCHEMA: &'static str = "";

    fn apply(_: &rusqlite::Transaction<'_>, _: &Row<'_, Account>) -> rusqlite::Result<()> {
        Ok(())
    }
}
