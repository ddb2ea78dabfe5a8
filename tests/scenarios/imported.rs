//! Sagas from elsewhere: definitions imported from OSOP and from FlowZap Code run as they are, to success and through
//! every compensation. The scenario plays their participants.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, ensure};
use common::topics;
use saga::{Definition, Work};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, PARTITIONS};
use tests::files;
use tests::kafka::ConsumedMessage;
use tests::process::Name;
use tests::wait::{PATIENT, until};
use uuid::Uuid;

crate::group::scenarios!(
    an_osop_document_runs_to_success_and_through_every_compensation,
    a_flowzap_diagram_runs_to_success_and_through_every_compensation,
);

/// A saga of an imported definition that the scenario plays.
struct Played<'a> {
    cluster: &'a Cluster,
    definition: &'a Definition,
    id: String,
    /// The step that is refused.
    refused: Option<&'a str>,
    /// The ids of the answered commands.
    answered: Mutex<BTreeSet<String>>,
}

impl Played<'_> {
    /// Answers all commands that are not answered yet.
    async fn answer(&self) -> Result<()> {
        let participants: BTreeSet<&String> = self.definition.participants.values().map(|p| &p.topic).collect();
        for topic in participants {
            for command in self.cluster.kafka.about(topic, &self.id).await? {
                let is_new = {
                    let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
                    answered.insert(command.id().to_owned())
                };
                if is_new && !command.header("step").is_empty() {
                    self.reply(&command).await?;
                }
            }
        }
        Ok(())
    }

    async fn reply(&self, command: &ConsumedMessage) -> Result<()> {
        let names = ["saga_id", "step", "attempt", "action"];
        let headers: Vec<(&str, &str)> = names.into_iter().map(|name| (name, command.header(name))).collect();
        let is_refused = command.header("action") == "execute" && self.refused == Some(command.header("step"));
        let value = if is_refused {
            json!({"outcome": "refused", "reason": "the_scenario_refuses"})
        } else {
            json!({"outcome": "ok", "data": {"did": command.kind()}})
        };
        self.cluster.kafka.message(topics::SAGA_REPLIES, "saga.reply", &self.id, &value, &headers).await
    }

    async fn saga(&self) -> Result<Option<Value>> {
        self.cluster.get(self.cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{}", self.id)).await
    }

    /// Publishes the messages that steps wait for. An early one is kept until its step begins.
    async fn send_callbacks(&self) -> Result<()> {
        let partition = topics::partition_of(self.id.as_bytes(), PARTITIONS);
        for receive in self.definition.receives() {
            let status = receive.yes.first().context("a result")?;
            let message = json!({"sagaId": self.id, "status": status}).to_string();
            self.cluster.kafka.publish(&receive.topic, Some(partition), message.as_bytes()).await?;
        }
        Ok(())
    }

    /// Plays the saga to its end.
    async fn end(&self, payload: &Value) -> Result<Value> {
        let start = &self.definition.start;
        self.cluster.kafka.event(&start.topic, &start.event, &self.id, payload).await?;
        until("the saga to start", PATIENT, || self.saga()).await?;
        self.send_callbacks().await?;
        until(&format!("saga {} to end", self.id), PATIENT, || async {
            self.answer().await?;
            let saga = self.saga().await?.context("it does not exist")?;
            ensure!(!saga["endedAt"].is_null(), "it is {saga:#}");
            Ok(Some(saga))
        })
        .await
    }

    /// The commands of an action that were sent, in order of their steps' history.
    async fn sent(&self, action: &str) -> Result<BTreeSet<String>> {
        let mut kinds = BTreeSet::new();
        for participant in self.definition.participants.values() {
            let commands = self.cluster.kafka.about(&participant.topic, &self.id).await?;
            let of_action = commands.iter().filter(|command| command.header("action") == action);
            kinds.extend(of_action.map(|command| command.kind().to_owned()));
        }
        Ok(kinds)
    }
}

/// Imports a file, loads the definition, and plays it twice: to success, and with a refusal of its last command.
async fn runs(cluster: &Cluster, file: &str, text: &str, payload: &Value) -> Result<()> {
    let imported = saga::import(file, text).map_err(|errors| anyhow!("{file}: {errors:#?}"))?;
    let definition = Definition::parse(file, &imported).map_err(|errors| anyhow!("{errors:#?}"))?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.sigterm().await?;
    std::fs::write(cluster.definitions()?.join(format!("{}.toml", definition.name)), &imported)?;
    orchestrator.restart().await?;
    let play = |refused| Played {
        cluster,
        definition: &definition,
        id: Uuid::new_v4().to_string(),
        refused,
        answered: Mutex::default(),
    };
    let success = play(None);
    let saga = success.end(payload).await?;
    ensure!(saga["status"] == "completed" && saga["ending"]["status"] == "completed", "{file}: {saga:#}");
    ensure!(success.sent("compensate").await?.is_empty(), "{file}: {saga:#}");
    let is_command = |step: &&saga::Step| matches!(step.work, Work::Execute(_));
    let last = definition.steps.iter().rfind(is_command).context("a command")?;
    let refusal = play(Some(&last.name));
    let saga = refusal.end(payload).await?;
    ensure!(saga["status"] == "compensated", "{file}: {saga:#}");
    ensure!(saga["ending"]["reason"] == "the_scenario_refuses", "{file}: {saga:#}");
    let undoing: BTreeSet<String> =
        definition.steps.iter().filter_map(|step| Some(step.compensate.as_ref()?.command.clone())).collect();
    ensure!(!undoing.is_empty() && refusal.sent("compensate").await? == undoing, "{file}: {undoing:?} {saga:#}");
    Ok(())
}

/// Also plays the file that the project began with, if it is there.
async fn runs_with_example(cluster: &Cluster, file: &str, example: &str, payload: &Value) -> Result<()> {
    let own = files::root().join("orchestrator/tests/import").join(file);
    runs(cluster, file, &std::fs::read_to_string(own)?, payload).await?;
    match std::fs::read_to_string(files::root().join("../shared/examples").join(example)) {
        Ok(text) => runs(cluster, example, &text, payload).await,
        Err(_) => {
            println!("skipped: ../shared/examples/{example} does not exist");
            Ok(())
        }
    }
}

async fn an_osop_document_runs_to_success_and_through_every_compensation(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let payload = json!({"valueMinor": 20_000, "weight": 3});
    runs_with_example(&cluster, "parcel.osop.yaml", "temporal-order-fulfillment.osop.yaml", &payload).await
}

async fn a_flowzap_diagram_runs_to_success_and_through_every_compensation(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let payload = json!({"wants_a_programme": true});
    runs_with_example(&cluster, "ticket.flowzap", "saga.flowzap", &payload).await
}
