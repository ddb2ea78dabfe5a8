//! Kafka with TLS, SCRAM and ACLs, as `docs/security.md` describes it: the broker's properties, the services' settings
//! and the ACLs are read from the document and applied.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use common::topics;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::process::{Name, Service};
use tests::wait::{PATIENT, SOON, until};
use tests::{files, machine};

const ADMIN: &str = "admin";
/// A user without rights.
const STRANGER: &str = "stranger";
/// The certificate of the authority that signed the broker's.
const AUTHORITY: &str = "ca.pem";
/// That of another authority.
const OTHER_AUTHORITY: &str = "other-ca.pem";

/// The broker, the document's parts, and the certificates.
struct Secured {
    broker: Broker,
    directory: PathBuf,
    /// The services' librdkafka properties.
    client: BTreeMap<String, String>,
    acls: String,
}

/// The password of a user.
fn password(user: &str) -> String {
    format!("{user}-secret")
}

fn password_file(directory: &Path, user: &str) -> PathBuf {
    directory.join(format!("{user}.password"))
}

/// The document's blocks of a language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    document.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

/// `key=value` lines, with these values instead of the document's.
fn properties(block: &str, replaced: &[(&str, String)]) -> Vec<String> {
    let replace = |line: &str| {
        let (key, _) = line.split_once('=')?;
        let value = replaced.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
        Some(value.map_or_else(|| line.to_owned(), |value| format!("{key}={value}")))
    };
    block.lines().filter_map(replace).collect()
}

/// A certificate authority; its certificate is written to a file.
fn authority(file: &Path) -> Result<Issuer<'static, KeyPair>> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "the test's authority");
    let key = KeyPair::generate()?;
    std::fs::write(file, authority.self_signed(&key)?.pem())?;
    Ok(Issuer::new(authority, key))
}

/// Writes `ca.pem`, and `broker.pem` with the key and certificate of `CN=kafka`.
fn certificates(directory: &Path) -> Result<()> {
    let issuer = authority(&directory.join(AUTHORITY))?;
    authority(&directory.join(OTHER_AUTHORITY))?;

    let mut broker = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    broker.distinguished_name = rcgen::DistinguishedName::new();
    broker.distinguished_name.push(DnType::CommonName, "kafka");
    let key = KeyPair::generate()?;
    let certificate = broker.signed_by(&key, &issuer)?;
    std::fs::write(directory.join("broker.pem"), format!("{}{}", key.serialize_pem(), certificate.pem()))?;
    Ok(())
}

impl Secured {
    fn start() -> Result<Self> {
        let directory = files::clusters()?.join("security");
        files::empty(&directory)?;
        let document = std::fs::read_to_string(files::root().join("docs/security.md"))?;
        certificates(&directory)?;
        let path = |name: &str| directory.join(name).display().to_string();

        let port = machine::free_ports(3)?;
        let [clients, brokers, controller] = [port, port + 1, port + 2];
        let listeners = format!("CLIENT://localhost:{clients},BROKER://localhost:{brokers}");
        let of_broker = [
            ("listeners", format!("{listeners},CONTROLLER://localhost:{controller}")),
            ("advertised.listeners", listeners),
            ("ssl.keystore.location", path("broker.pem")),
            ("ssl.truststore.location", path(AUTHORITY)),
        ];
        let blocks_of_properties = blocks(&document, "properties");
        let [broker, admin] = blocks_of_properties.as_slice() else { bail!("two blocks of properties") };
        let mut broker = properties(broker, &of_broker);
        broker.push(format!("controller.quorum.voters=1@localhost:{controller}"));

        let users = Name::ALL.iter().map(|name| name.binary()).chain([ADMIN, STRANGER]);
        let mut format = String::new();
        for user in users {
            let secret = password(user);
            std::fs::write(password_file(&directory, user), format!("{secret}\n"))?;
            format.push_str(&format!("--add-scram SCRAM-SHA-512=[name={user},password={secret}] "));
        }
        let login = "org.apache.kafka.common.security.scram.ScramLoginModule required";
        let jaas = format!("{login} username=\"{ADMIN}\" password=\"{}\";", password(ADMIN));
        let of_admin = [("sasl.jaas.config", jaas), ("ssl.truststore.location", path(AUTHORITY))];
        std::fs::write(directory.join("admin.properties"), properties(admin, &of_admin).join("\n"))?;

        let settings = blocks(&document, "toml").into_iter().next().context("no block of settings")?;
        let settings: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>> = toml::from_str(&settings)?;
        let client = settings.get("kafka").and_then(|kafka| kafka.get("client")).context("no [kafka.client]")?.clone();
        let acls = blocks(&document, "sh").join("\n");
        let broker = Broker::start_with(&files::target()?.join("test-brokers/security"), clients, broker, &format)?;
        Ok(Self { broker, directory, client, acls })
    }

    /// The services' librdkafka properties for this user.
    fn client(&self, user: &str) -> BTreeMap<String, String> {
        let mut client = self.client.clone();
        client.insert("sasl.username".to_owned(), user.to_owned());
        client.insert("sasl.password_file".to_owned(), password_file(&self.directory, user).display().to_string());
        client.insert("ssl.ca.location".to_owned(), self.directory.join(AUTHORITY).display().to_string());
        client
    }

    /// A service that is not started, with this user.
    fn service(&self, name: Name, user: &str) -> Result<Service> {
        self.service_trusting(name, user, AUTHORITY)
    }

    fn service_trusting(&self, name: Name, user: &str, authority: &str) -> Result<Service> {
        let mut settings = vec![
            ("KAFKA__BROKERS".to_owned(), self.broker.address()),
            ("KAFKA__PARTITIONS".to_owned(), tests::cluster::PARTITIONS.to_string()),
            ("KAFKA__SESSION_TIMEOUT".to_owned(), "6s".to_owned()),
        ];
        let variable = |key: &str| key.to_uppercase().replace('.', "_");
        let mut client = self.client(user);
        client.insert("ssl.ca.location".to_owned(), self.directory.join(authority).display().to_string());
        settings.extend(client.into_iter().map(|(key, v)| (format!("KAFKA__CLIENT__{}", variable(&key)), v)));
        let borrowed: Vec<(&str, String)> = settings.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        Service::new(name, 0, &self.directory.join(user), &borrowed)
    }

    /// A client with this user's rights.
    fn kafka(&self, user: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.broker.address());
        for (key, value) in self.client(user) {
            if key == "sasl.password_file" {
                config.set("sasl.password", password(user));
            } else {
                config.set(key, value);
            }
        }
        config
    }

    /// Runs a shell script in which `kafka-acls.sh` is the tool of `./dev`.
    fn shell(&self, script: &str) -> Result<()> {
        let tools = self.directory.join("tools");
        std::fs::create_dir_all(&tools)?;
        let tool = tools.join("kafka-acls.sh");
        let dev = files::root().join("dev");
        let text = format!("#!/bin/sh\nexec {} kafka run org.apache.kafka.tools.AclCommand \"$@\"\n", dev.display());
        std::fs::write(&tool, text)?;
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755))?;
        let search = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", script]).current_dir(&self.directory).env("PATH", search);
        bash.env("BROKERS", self.broker.address()).env("ADMIN", self.directory.join("admin.properties"));
        let output = bash.output()?;
        // The tool exits with 0 after some errors, and writes them to its output.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        ensure!(output.status.success() && !text.contains("Error while executing"), "{script}\n{text}");
        Ok(())
    }

    /// Adds or removes an ACL.
    fn change(&self, how: &str, user: &str, operation: &str, resource: &str) -> Result<()> {
        let acl = format!("--allow-principal User:{user} --operation {operation} {resource}");
        self.shell(&format!("kafka-acls.sh --bootstrap-server \"$BROKERS\" --command-config \"$ADMIN\" {how} {acl}"))
    }
}

/// Waits until a running service's log has all these words.
async fn reports(service: &Service, words: &[&str]) -> Result<()> {
    until(&format!("the log with {words:?}"), PATIENT, || async {
        let log = std::fs::read_to_string(service.log())?;
        Ok(words.iter().all(|word| log.contains(word)).then_some(()))
    })
    .await
    .with_context(|| service.report(30))
}

/// Waits until a service has ended by itself, and checks that its log has all these words.
async fn refused(service: &Service, words: &[&str]) -> Result<()> {
    let status = service.ended(PATIENT).await.with_context(|| service.report(30))?;
    ensure!(!status.success(), "{} ended with {status}\n{}", service.name.binary(), service.report(30));
    let log = std::fs::read_to_string(service.log())?;
    for word in words {
        ensure!(log.contains(word), "'{word}' is not in the log:\n{}", service.report(30));
    }
    Ok(())
}

/// Places the sample order.
async fn place(client: &reqwest::Client, orders: &Service) -> Result<String> {
    let body = json!({
        "customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a",
        "amount": 10.5,
        "items": [{ "id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "day-one", "amount": 200.00, "quantity": 1 }],
    });
    let answer = client.post(orders.url("/orders")).json(&body).send().await?.error_for_status()?;
    let order: Value = answer.json().await?;
    order["id"].as_str().map(str::to_owned).ok_or_else(|| anyhow!("no id in {order}"))
}

async fn confirmed(client: &reqwest::Client, orders: &Service, id: &str) -> Result<()> {
    let url = orders.url(&format!("/orders/{id}"));
    until("the order to be confirmed", PATIENT, || async {
        let order: Value = client.get(&url).send().await?.error_for_status()?.json().await?;
        if order["status"] == "confirmed" { Ok(Some(())) } else { Err(anyhow!("it is {}", order["status"])) }
    })
    .await
    .with_context(|| orders.report(20))
}

fn denied(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}

/// One service's principal can't do another's work.
async fn others_topics_are_denied(secured: &Secured) -> Result<()> {
    let orders = secured.kafka("order-service");
    let producer: FutureProducer = orders.create()?;
    let approval = FutureRecord::<str, str>::to(topics::PAYMENT_RESULTS).payload("{}");
    let sent = producer.send(approval, SOON).await;
    ensure!(sent.as_ref().is_err_and(|(error, _)| denied(error)), "order-service approves payments: {sent:?}");

    let admin: AdminClient<DefaultClientContext> = orders.create()?;
    let new = NewTopic::new("another-topic", 1, TopicReplication::Fixed(1));
    let created = admin.create_topics(&[new], &AdminOptions::new()).await?;
    ensure!(
        matches!(created.as_slice(), [Err((_, RDKafkaErrorCode::TopicAuthorizationFailed))]),
        "order-service creates topics: {created:?}"
    );

    // A consumer that may not describe a topic polls in silence. The right to read includes the right to describe
    // (KIP-11).
    let reader: BaseConsumer = secured.kafka("orchestrator").create()?;
    let journal = Name::Orders.journal();
    let metadata = reader.fetch_metadata(Some(journal), SOON)?;
    let answer = metadata.topics().iter().find(|topic| topic.name() == journal).and_then(|topic| topic.error());
    let answer = answer.map(RDKafkaErrorCode::from);
    ensure!(
        answer == Some(RDKafkaErrorCode::TopicAuthorizationFailed),
        "the orchestrator may read order-journal: {answer:?}"
    );
    Ok(())
}

/// Each service writes its events of an order with its own rights.
async fn events_are_published(secured: &Secured, order: &str) -> Result<()> {
    let mut config = secured.kafka(ADMIN);
    config.set("group.id", "events").set("enable.auto.commit", "false");
    let reader: BaseConsumer = config.create()?;
    for topic in [topics::ORDER_EVENTS, topics::PAYMENT_EVENTS, topics::SAGA_EVENTS] {
        let partition = topics::partition_of(order.as_bytes(), tests::cluster::PARTITIONS);
        let is_written = || async { Ok((reader.fetch_watermarks(topic, partition, SOON)?.1 > 0).then_some(())) };
        until(&format!("an event on {topic}"), SOON, is_written).await?;
    }
    Ok(())
}

/// The topics are created by services with the administrator's user.
async fn create_topics(secured: &Secured) -> Result<()> {
    let mut services = Vec::new();
    for name in Name::ALL {
        services.push(secured.service(name, ADMIN)?);
    }
    for service in &services {
        service.start()?;
    }
    for service in &services {
        service.ready().await?;
    }
    for service in &services {
        service.sigterm().await?;
    }
    Ok(())
}

/// An order ends with the rights that the document lists, and each missing right is named.
pub(crate) async fn an_order_ends_with_the_documented_acls() -> Result<()> {
    let secured = Secured::start()?;
    create_topics(&secured).await?;
    secured.shell(&secured.acls)?;

    let mut services = Vec::new();
    for name in Name::ALL {
        let service = secured.service(name, name.binary())?;
        service.start()?;
        services.push(service);
    }
    for service in &services {
        service.ready().await?;
    }
    let client = tests::http::client().timeout(SOON).build()?;
    let orders = services.first().context("order-service")?;
    let order = place(&client, orders).await?;
    confirmed(&client, orders, &order)
        .await
        .with_context(|| services.iter().map(|s| s.report(10)).collect::<String>())?;
    events_are_published(&secured, &order).await?;
    others_topics_are_denied(&secured).await?;
    strangers_are_refused(&secured).await?;
    missing_acls_are_named(&secured, &client, orders).await?;
    for service in services.iter().filter(|service| service.name != Name::Orders) {
        service.sigterm().await?;
    }
    Ok(())
}

/// A user without rights, a wrong password, and a broker with an unknown certificate.
async fn strangers_are_refused(secured: &Secured) -> Result<()> {
    let stranger = secured.service(Name::Orders, STRANGER)?;
    stranger.start()?;
    let words = [
        "Kafka denies User:stranger access",
        "Read and Write on topic order-commands",
        "Read and Write on topic order-journal",
        "Write on topic saga-replies",
    ];
    refused(&stranger, &words).await?;

    std::fs::write(password_file(&secured.directory, STRANGER), "wrong")?;
    stranger.start()?;
    refused(&stranger, &["Kafka does not accept the credentials of User:stranger", "SCRAM"]).await?;
    let log = std::fs::read_to_string(stranger.log())?;
    ensure!(!log.contains(&password(STRANGER)), "the password is in the log");

    // A broker with a certificate of another authority is reported in the log.
    let distrustful = secured.service_trusting(Name::Payments, STRANGER, OTHER_AUTHORITY)?;
    distrustful.start()?;
    reports(&distrustful, &["certificate verify failed", "waiting for Kafka"]).await?;
    distrustful.kill9()
}

/// Rights that are taken away from a running service.
async fn missing_acls_are_named(secured: &Secured, client: &reqwest::Client, orders: &Service) -> Result<()> {
    secured.change("--remove --force", "order-service", "Write", "--topic created-orders")?;
    let order = place(client, orders).await?;
    reports(orders, &["Kafka denies User:order-service access. Grant it: Write on topic created-orders"]).await?;
    secured.change("--add", "order-service", "Write", "--topic created-orders")?;
    confirmed(client, orders, &order).await.context("the order after the right was granted")?;

    secured.change("--remove --force", "order-service", "Read", "--topic order-commands")?;
    reports(orders, &["Grant it: Read on topic order-commands"]).await?;
    secured.change("--remove --force", "order-service", "Read", "--group order-service")?;
    orders.kill9()?;
    orders.start()?;
    refused(orders, &["Grant it: Read on group order-service"]).await
}
