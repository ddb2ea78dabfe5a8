//! The four services, one or more instances of each, over a broker. Scenarios with the same settings share a cluster;
//! each scenario uses its own items and customers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustix::process::Signal;
use serde_json::Value;

use crate::broker::Broker;
use crate::kafka::{ConsumedMessage, Kafka};
use crate::leftovers::kill_leftovers;
use crate::process::{Name, Service};
use crate::topics::Topics;
use crate::{files, wait};

/// The partition count of every topic, unless a cluster's options have another.
pub const PARTITIONS: i32 = 2;

/// The dashboard's default user.
pub const USER: &str = "techlead";
/// The dashboard's default password.
pub const PASSWORD: &str = "zup@123";
/// The hash of [`PASSWORD`], for a viewer.
pub const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$9u0BROcnW++b280+UnDsKg$d2UUpwyOLlgGW9/DyVvn5b4bi2JlqMilFY5zv7uSMfg";
/// The name of a viewer, in clusters that have one.
pub const VIEWER: &str = "guest";

/// An operator's API key, for clusters whose `auth.keys` contain it.
pub const OPERATOR_KEY: &str = "an operator's API key with enough entropy";

/// How a cluster differs from the services' defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name, also of its directory.
    pub name: &'static str,
    /// The number of processes of each service.
    pub instances: usize,
    /// Settings of single services: service, key such as `PROVIDER__KIND`, value.
    pub settings: &'static [(Name, &'static str, &'static str)],
    /// Overrides how long the order saga waits for the payment's result.
    pub result_timeout: Option<&'static str>,
    /// Additional definitions: file and text.
    pub definitions: &'static [(&'static str, &'static str)],
    /// `log.level`.
    pub log: &'static str,
}

/// Running services.
pub struct Cluster {
    /// The options it was started with.
    pub options: Options,
    /// A client of the broker.
    pub kafka: Kafka,
    /// The broker's address.
    pub brokers: String,
    /// A client for the services' APIs.
    pub http: reqwest::Client,
    services: Vec<Service>,
    /// Items with their stock before any order.
    initial: Mutex<BTreeMap<String, i64>>,
    /// Acknowledged orders with their expected final status, if known.
    placed: Mutex<BTreeMap<String, Option<String>>>,
}

impl Cluster {
    /// Deletes all topics of the previous cluster, starts the services and waits until all are ready.
    ///
    /// # Errors
    /// The service that does not become ready, and the end of its log.
    pub async fn start(broker: &Broker, options: Options) -> Result<Arc<Self>> {
        let kafka = Kafka::new(&broker.address())?;
        Topics::new(&kafka)?.delete_all().await?;
        let clusters = files::clusters()?;
        kill_leftovers(&clusters)?;
        let directory = clusters.join(options.name);
        files::empty(&directory)?;
        let services = services(&options, broker, &directory)?;
        for service in &services {
            service.start()?;
        }
        for service in &services {
            service.ready().await?;
        }
        let http =
            crate::http::client().timeout(Duration::from_secs(90)).default_headers(api_key_header(&options)).build()?;
        let initial = Mutex::default();
        let placed = Mutex::default();
        let cluster = Self { options, kafka, brokers: broker.address(), http, services, initial, placed };
        // The view of an instance that does not own the warehouse lags behind.
        let first = || async { Ok(Some(cluster.stock().await?).filter(|stock| !stock.is_empty())) };
        for (item, stock) in wait::until("the first stock", wait::SOON, first).await? {
            cluster.remember_item(&item, stock.on_hand);
        }
        Ok(Arc::new(cluster))
    }

    /// Ends all services at once with SIGTERM.
    ///
    /// # Errors
    /// The services that do not exit with status 0.
    pub async fn stop(&self) -> Result<()> {
        let running: Vec<&Service> = self.services.iter().filter(|s| s.pid().is_ok()).collect();
        let mut failed = Vec::new();
        for service in &running {
            if let Err(error) = service.signal(Signal::TERM) {
                failed.push(format!("{error:#}"));
            }
        }
        for service in running {
            if let Err(error) = service.ended_by_sigterm().await {
                failed.push(format!("{error:#}"));
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(anyhow!("{}", failed.join("\n"))) }
    }

    /// The first instance of a service.
    ///
    /// # Errors
    /// As [`Cluster::instance`].
    pub fn service(&self, name: Name) -> Result<&Service> {
        self.instance(name, 0)
    }

    /// An instance of a service, from 0.
    ///
    /// # Errors
    /// When there are fewer instances.
    pub fn instance(&self, name: Name, index: usize) -> Result<&Service> {
        let mut of_name = self.services.iter().filter(|s| s.name == name);
        of_name.nth(index).ok_or_else(|| anyhow!("there is no instance {index} of {}", name.binary()))
    }

    /// The partition count of this cluster's topics: [`PARTITIONS`], unless its options have another.
    pub fn partitions(&self) -> i32 {
        let own = self.options.settings.iter().find(|(_, key, _)| *key == "KAFKA__PARTITIONS");
        own.and_then(|(_, _, value)| value.parse().ok()).unwrap_or(PARTITIONS)
    }

    /// All processes.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter()
    }

    /// The last lines of every service's log.
    pub fn report(&self) -> String {
        self.services.iter().map(|s| s.report(10)).collect()
    }

    /// The directory of its definitions, unless it uses the built-in ones.
    ///
    /// # Errors
    /// As [`files::clusters`].
    pub fn definitions(&self) -> Result<PathBuf> {
        Ok(files::clusters()?.join(self.options.name).join("sagas"))
    }

    /// An empty directory for a scenario.
    ///
    /// # Errors
    /// When it can't be emptied.
    pub fn scratch(&self, name: &str) -> Result<PathBuf> {
        let path = files::clusters()?.join(self.options.name).join("scratch").join(name);
        files::empty(&path)?;
        Ok(path)
    }

    /// GETs JSON; `None` for 404.
    ///
    /// # Errors
    /// No response, or a status other than 2xx and 404.
    pub async fn get(&self, service: &Service, path: &str) -> Result<Option<Value>> {
        let request = self.http.get(service.url(path));
        // The orchestrator's API is behind the dashboard's login.
        let request =
            if service.name == Name::Orchestrator { request.basic_auth(USER, Some(PASSWORD)) } else { request };
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            bail!("GET {path} of {} answers {status}: {text}", service.name.binary());
        }
        Ok(Some(serde_json::from_str(&text).with_context(|| format!("GET {path} answers {text}"))?))
    }

    /// The stock of every item.
    ///
    /// # Errors
    /// As [`Cluster::get`].
    pub async fn stock(&self) -> Result<BTreeMap<String, Stock>> {
        let answer = self.get(self.service(Name::Inventory)?, "/stock").await?.unwrap_or_default();
        let items = answer["items"].as_array().ok_or_else(|| anyhow!("GET /stock answers {answer}"))?;
        let number = |item: &Value, key: &str| item[key].as_i64().ok_or_else(|| anyhow!("no {key} in {item}"));
        let stock = |item: &Value| {
            let [on_hand, reserved, available] = ["onHand", "reserved", "available"].map(|key| number(item, key));
            let stock = Stock { on_hand: on_hand?, reserved: reserved?, available: available? };
            Ok((item["itemId"].as_str().unwrap_or_default().to_owned(), stock))
        };
        items.iter().map(stock).collect()
    }

    /// All orders, newest first.
    ///
    /// # Errors
    /// As [`Cluster::get`].
    pub async fn orders(&self, filter: &str) -> Result<Vec<Value>> {
        self.pages(Name::Orders, &format!("/orders?limit=50{filter}")).await
    }

    /// All payments.
    ///
    /// # Errors
    /// As [`Cluster::get`].
    pub async fn payments(&self) -> Result<Vec<Value>> {
        self.pages(Name::Payments, "/payments?limit=50").await
    }

    async fn pages(&self, name: Name, path: &str) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{path}{cursor}");
            let mut page = self.get(self.service(name)?, &path).await?.unwrap_or_default();
            let items = page["items"].as_array_mut().map(std::mem::take);
            all.extend(items.ok_or_else(|| anyhow!("GET {path} answers {page}"))?);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Records an item's initial stock.
    pub(crate) fn remember_item(&self, item: &str, on_hand: i64) {
        self.initial.lock().unwrap_or_else(PoisonError::into_inner).insert(item.to_owned(), on_hand);
    }

    /// Records an acknowledged order or its expected final status.
    pub(crate) fn remember_order(&self, order: &str, status: Option<&str>) {
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        placed.insert(order.to_owned(), status.map(str::to_owned));
    }

    /// The initial stock of all items.
    pub fn initial(&self) -> BTreeMap<String, i64> {
        self.initial.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All acknowledged orders with their expected final status, if known.
    pub fn placed(&self) -> BTreeMap<String, Option<String>> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a dead letter of the topic with this value.
    ///
    /// # Errors
    /// When none arrives.
    pub async fn dead_letter(&self, topic: &str, value: &[u8]) -> Result<ConsumedMessage> {
        self.dead_letter_that("has the value", topic, |letter| letter.value == value).await
    }

    /// Waits for a dead letter of the topic with a property, which `what` names in the error.
    ///
    /// # Errors
    /// When none arrives.
    pub async fn dead_letter_that(
        &self,
        what: &str,
        topic: &str,
        is_wanted: impl Fn(&ConsumedMessage) -> bool,
    ) -> Result<ConsumedMessage> {
        let dlq = common::topics::dead_letters(topic);
        wait::until(&format!("a dead letter on {dlq} that {what}"), wait::PATIENT, || async {
            Ok(self.kafka.read(&dlq).await?.into_iter().find(|letter| is_wanted(letter)))
        })
        .await
    }
}

/// The operator's key as a header, for clusters with authentication.
fn api_key_header(options: &Options) -> HeaderMap {
    let required = options.settings.iter().any(|(_, key, _)| *key == "AUTH__KEYS");
    let key = required.then(|| (HeaderName::from_static("x-api-key"), HeaderValue::from_static(OPERATOR_KEY)));
    HeaderMap::from_iter(key)
}

/// The stock of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Pieces in the warehouse.
    pub on_hand: i64,
    /// Reserved pieces.
    pub reserved: i64,
    /// Pieces that can be reserved.
    pub available: i64,
}

fn services(options: &Options, broker: &Broker, directory: &std::path::Path) -> Result<Vec<Service>> {
    let sagas = directory.join("sagas");
    let mut services = Vec::new();
    for instance in 0..options.instances {
        for name in Name::ALL {
            let mut settings = vec![
                ("KAFKA__BROKERS", broker.address()),
                ("KAFKA__PARTITIONS", PARTITIONS.to_string()),
                // The shortest that brokers allow (group.min.session.timeout.ms).
                ("KAFKA__SESSION_TIMEOUT", "6s".to_owned()),
                // A machine that stands still for some seconds is no reason for a 503.
                ("WORKER__COMMAND_TIMEOUT", "20s".to_owned()),
                ("WORKER__EFFECT_TIMEOUT", "30s".to_owned()),
                ("LOG__LEVEL", options.log.to_owned()),
                ("LOG__FORMAT", "text".to_owned()),
            ];
            let own = options.settings.iter().filter(|(of, ..)| *of == name);
            settings.extend(own.map(|(_, key, value)| (*key, (*value).to_owned())));
            if name == Name::Orchestrator && (options.result_timeout.is_some() || !options.definitions.is_empty()) {
                files::definitions(&sagas, options.result_timeout, options.definitions)?;
                settings.push(("SAGAS__DIRECTORY", sagas.display().to_string()));
            }
            if name == Name::Orchestrator {
                let payments = services.iter().filter(|service: &&Service| service.name == Name::Payments);
                let urls: Vec<String> = payments.map(|service| service.url("")).collect();
                settings.push(("DASHBOARD__HEALTH_URLS", urls.join(",")));
            }
            services.push(Service::new(name, instance, directory, &settings)?);
        }
    }
    Ok(services)
}
