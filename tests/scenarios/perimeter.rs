//! What reaches the services from outside: where they listen, requests of foreign web pages, logins, bodies in other
//! codings, idle connections and event streams. The cluster has authentication on; `edge` has its keys.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, OPERATOR_KEY, PASSWORD, USER};
use tests::command;
use tests::login::log_in;
use tests::orders::PlacedOrder;
use tests::process::{Group, Name};
use tests::wait::{PATIENT, SOON, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::edge::{self, ANA, ANAS, expect, request};

crate::group::scenarios!(
    services_listen_on_this_machine_only,
    a_service_that_anyone_can_use_is_reported_and_refused_where_authentication_is_required,
    the_dashboard_shows_that_anyone_can_use_it,
    the_dashboard_shows_other_services_that_anyone_can_use,
    requests_for_other_hosts_are_rejected,
    changes_of_foreign_pages_are_rejected,
    a_login_leads_to_a_page_of_the_dashboard_only,
    wrong_passwords_lock_out_their_own_address_only,
    bodies_in_other_codings_are_rejected,
    two_idempotency_keys_are_rejected,
    silent_connections_are_closed,
    a_stream_ends_with_its_token,
    only_the_systems_own_groups_are_read,
);

/// Settings without the keys of this cluster.
const OPEN: [(&str, &str); 4] =
    [("AUTH__KEYS", "[]"), ("AUTH__JWT__JWKS_FILE", ""), ("AUTH__JWT__ISSUER", ""), ("AUTH__JWT__AUDIENCE", "")];

/// A command that starts another process of a service without authentication, with these settings.
fn open(cluster: &Cluster, name: Name, settings: &[(&str, &str)]) -> Result<Command> {
    let mut command = cluster.service(name)?.command()?;
    let view = cluster.scratch(&format!("open-{}", name.binary()))?.join("view");
    command.env(name.variable("VIEW__DIRECTORY"), view);
    // The orchestrator has users instead of keys.
    let without_keys = OPEN.iter().filter(|_| name != Name::Orchestrator);
    command.envs(without_keys.chain(settings).map(|(key, value)| (name.variable(key), (*value).to_owned())));
    Ok(command)
}

async fn services_listen_on_this_machine_only(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    for name in Name::ALL {
        let mut command = open(&cluster, name, &[])?;
        command.env_remove(name.variable("HTTP__LISTEN")).arg("--print-config");
        let printed = command::text(&command::run(command).await?);
        ensure!(printed.contains("listen = \"127.0.0.1:808"), "{}: {printed}", name.binary());
    }
    Ok(())
}

async fn a_service_that_anyone_can_use_is_reported_and_refused_where_authentication_is_required(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    // The warning is logged before the broker is needed.
    let everywhere = [("HTTP__LISTEN", "0.0.0.0:0"), ("KAFKA__BROKERS", "127.0.0.1:1")];
    for name in Name::ALL {
        let log = cluster.scratch(&format!("warned-{}", name.binary()))?.join("log");
        let running = Group::start(&mut open(&cluster, name, &everywhere)?, &log)?;
        until("the warning", SOON, || async {
            let text = std::fs::read_to_string(&log)?;
            let warned = text.lines().any(|line| line.contains("WARN") && line.contains("other machines may reach"));
            Ok(warned.then_some(()))
        })
        .await
        .with_context(|| format!("{}: {}", name.binary(), log.display()))?;
        drop(running);

        let required = open(&cluster, name, &[("AUTH__REQUIRED", "true"), ("HTTP__LISTEN", "127.0.0.1:0")])?;
        let text = command::refused(required).await.with_context(|| name.binary())?;
        ensure!(text.contains("auth.required = true: "), "{}: {text}", name.binary());
    }
    Ok(())
}

async fn the_dashboard_shows_that_anyone_can_use_it(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let port = tests::machine::free_ports(1)?;
    let base = format!("http://127.0.0.1:{port}");
    let log = cluster.scratch("exposed")?.join("log");
    let listen = format!("0.0.0.0:{port}");
    let running = Group::start(&mut open(&cluster, Name::Orchestrator, &[("HTTP__LISTEN", &listen)])?, &log)?;
    let health = until("the dashboard", PATIENT, || async {
        let answer = cluster.http.get(format!("{base}/health/ready")).send().await?.error_for_status()?;
        Ok(Some(answer.json::<Value>().await?))
    })
    .await?;
    let access = health["checks"]["access"].as_str().unwrap_or_default();
    ensure!(access.contains("other machines may reach this service"), "{health}");
    let warning = "it has the published default password";
    for (base, shown) in [(base, true), (cluster.service(Name::Orchestrator)?.url(""), false)] {
        let (browser, _) = log_in(&base, "192.0.2.9", PASSWORD, "/").await?;
        let page = browser.get(format!("{base}/definitions")).send().await?.text().await?;
        ensure!(page.contains(warning) == shown, "{base}: {page}");
    }
    running.stop().await
}

async fn the_dashboard_shows_other_services_that_anyone_can_use(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let exposed_orders = async || {
        let answer = cluster.get(orchestrator, "/api/throughput").await?.unwrap_or_default();
        let groups = answer["groups"].as_array().cloned().unwrap_or_default();
        let members = groups.iter().flat_map(|group| group["members"].as_array().cloned().unwrap_or_default());
        let instances = members.filter(|member| member["exposed"] == true).map(|member| member["instance"].clone());
        anyhow::Ok(instances.filter(|name| name.as_str().is_some_and(|n| n.starts_with("order-service@"))).count())
    };
    ensure!(exposed_orders().await? == 0, "an instance with authentication is called exposed");
    let log = cluster.scratch("exposed-orders")?.join("log");
    let listen = format!("0.0.0.0:{}", tests::machine::free_ports(1)?);
    let running = Group::start(&mut open(&cluster, Name::Orders, &[("HTTP__LISTEN", &listen)])?, &log)?;
    until("an exposed instance of order-service", PATIENT, || async {
        Ok((exposed_orders().await? == 1).then_some(()))
    })
    .await?;
    running.stop().await
}

async fn requests_for_other_hosts_are_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    for name in Name::ALL {
        for path in ["/health/live", "/openapi.json", "/nothing"] {
            let foreign = request(&cluster, name, Method::GET, path)?.header("Host", "evil.example:8080");
            let (_, problem) = expect(foreign, 421).await?;
            ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains("http.hosts")), "{problem}");
        }
        let port = cluster.service(name)?.port;
        let local = request(&cluster, name, Method::GET, "/health/live")?.header("Host", format!("localhost:{port}"));
        expect(local, 200).await?;
    }
    Ok(())
}

async fn changes_of_foreign_pages_are_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = uuid::Uuid::new_v4();
    for (name, path) in [
        (Name::Orders, format!("/orders/{id}/cancel")),
        (Name::Inventory, format!("/returns/{id}/receipt")),
        (Name::Payments, format!("/payments/{id}/approve")),
        (Name::Orchestrator, "/login".to_owned()),
    ] {
        let send =
            || Ok::<_, anyhow::Error>(request(&cluster, name, Method::POST, &path)?.header("X-API-Key", OPERATOR_KEY));
        // A browser's `fetch(…, {mode: "no-cors", method: "POST"})` without a body.
        let (_, problem) = expect(send()?.header("Sec-Fetch-Site", "cross-site"), 403).await?;
        ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains("edge.cors_origins")), "{problem}");
        expect(send()?.header("Sec-Fetch-Site", "same-site").header("Origin", "http://localhost:1"), 403).await?;
        expect(send()?.header("Origin", "https://evil.example"), 403).await?;
        let own = send()?.header("Origin", cluster.service(name)?.url("")).send().await?.status();
        let program = send()?.send().await?.status();
        ensure!(own == program && program != StatusCode::FORBIDDEN, "{path}: {own} {program}");
    }
    Ok(())
}

async fn a_login_leads_to_a_page_of_the_dashboard_only(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let base = cluster.service(Name::Orchestrator)?.url("");
    for (next, to) in [
        ("/sagas%3Fstatus=running", "/sagas?status=running"),
        ("/%09/evil.example", "/"),
        ("/%0a/evil.example", "/"),
        ("/%0d%0aset-cookie:a=b", "/"),
        ("//evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("https://evil.example", "/"),
        ("/sagas%3Ftext=%C3%A9", "/"),
    ] {
        let (_, answer) = log_in(&base, "192.0.2.1", PASSWORD, next).await?;
        let location = edge::header(answer.headers(), "location");
        ensure!(answer.status() == StatusCode::SEE_OTHER && location == to, "{next}: {} {location}", answer.status());
    }
    Ok(())
}

async fn wrong_passwords_lock_out_their_own_address_only(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let orchestrator = cluster.service(Name::Orchestrator)?;
    let base = orchestrator.url("");
    until("a lock", SOON, || async {
        let (_, answer) = log_in(&base, "192.0.2.66", "a guess", "/").await?;
        Ok((answer.status() == StatusCode::TOO_MANY_REQUESTS).then_some(()))
    })
    .await?;
    let (_, elsewhere) = log_in(&base, "192.0.2.67", PASSWORD, "/").await?;
    ensure!(elsewhere.status() == StatusCode::SEE_OTHER, "another address is locked out: {}", elsewhere.status());
    let api = request(&cluster, Name::Orchestrator, Method::GET, "/api/definitions")?.basic_auth(USER, Some(PASSWORD));
    expect(api, 200).await?;
    let text = std::fs::read_to_string(orchestrator.log())?;
    let logged = text.lines().any(|line| line.contains("a login failed") && line.contains("192.0.2.66"));
    ensure!(logged && !text.contains("a guess"), "the failures are not logged, or with the password");
    Ok(())
}

async fn bodies_in_other_codings_are_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = uuid::Uuid::new_v4();
    for (name, path) in [
        (Name::Orders, "/orders".to_owned()),
        (Name::Inventory, format!("/stock/{id}/counts")),
        (Name::Payments, format!("/payments/{id}/refunds")),
        (Name::Orchestrator, "/api/sagas/actions".to_owned()),
    ] {
        let send = |kind: &str| {
            let request = request(&cluster, name, Method::POST, &path)?.header("Content-Type", kind).body("{}");
            let signed = if name == Name::Orchestrator {
                request.basic_auth(USER, Some(PASSWORD))
            } else {
                request.header("X-API-Key", OPERATOR_KEY)
            };
            Ok::<_, anyhow::Error>(signed)
        };
        for coding in ["gzip", "br"] {
            let (headers, problem) = expect(send("application/json")?.header("Content-Encoding", coding), 415).await?;
            ensure!(edge::header(&headers, "accept-encoding") == "identity", "{headers:?}");
            ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains(coding)), "{problem}");
        }
        let (headers, problem) = expect(send("application/json; charset=utf-16")?, 415).await?;
        ensure!(edge::header(&headers, "accept") == "application/json", "{headers:?}");
        ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains("utf-16")), "{problem}");
        let utf8 = send("application/json; charset=UTF-8")?.send().await?.status();
        ensure!(utf8 == StatusCode::UNPROCESSABLE_ENTITY, "{path}: {utf8}");
    }
    // `1.0` is the number 1.
    let item = cluster.item(5).await?;
    let body = item.order(1).by(ANA).body()?.to_string().replace("\"quantity\":1", "\"quantity\":1.0");
    ensure!(body.contains("1.0"), "{body}");
    let places = request(&cluster, Name::Orders, Method::POST, "/orders")?.header("X-API-Key", ANAS);
    let (_, order) = expect(places.header("Content-Type", "application/json").body(body), 201).await?;
    PlacedOrder::with_id(&cluster, order["id"].as_str().context("an id")?).ends("confirmed").await?;
    item.has_stock(4, 0).await
}

async fn two_idempotency_keys_are_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(5).await?;
    let body = item.order(1).by(ANA).body()?;
    let count = json!({"onHand": 5, "why": "counted"});
    let refund = json!({"amount": 1.0, "why": "broken"});
    let id = uuid::Uuid::new_v4();
    for (name, path, body) in [
        (Name::Orders, "/orders".to_owned(), &body),
        (Name::Inventory, format!("/stock/{id}/counts"), &count),
        (Name::Payments, format!("/payments/{id}/refunds"), &refund),
    ] {
        let request = request(&cluster, name, Method::POST, &path)?.json(body).header("X-API-Key", OPERATOR_KEY);
        let (_, problem) = expect(request.header("Idempotency-Key", "a").header("Idempotency-Key", "b"), 400).await?;
        ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains("Idempotency-Key")), "{problem}");
    }
    let action = json!({"action": "pause", "why": "look", "filter": {"status": "running"}});
    let act = request(&cluster, Name::Orchestrator, Method::POST, "/api/sagas/actions")?.json(&action);
    let act = act.basic_auth(USER, Some(PASSWORD)).header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    expect(act, 400).await?;
    item.has_stock(5, 0).await
}

async fn silent_connections_are_closed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let port = cluster.service(Name::Payments)?.port;
    let mut connections = Vec::new();
    for n in 0..120 {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
        if n % 2 == 1 {
            connection.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n").await?;
        }
        connections.push(connection);
    }
    for mut connection in connections {
        let mut answer = Vec::new();
        // A reset is an end, too.
        _ = tokio::time::timeout(SOON, connection.read_to_end(&mut answer)).await.context("it stays open")?;
        ensure!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }
    expect(request(&cluster, Name::Payments, Method::GET, "/health/ready")?, 200).await.map(|_| ())
}

async fn a_stream_ends_with_its_token(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    // The simulated provider never reports a result for this amount.
    let body = cluster.item(1).await?.order(1).by(ANA).amount("10.44").body()?;
    let places = request(&cluster, Name::Orders, Method::POST, "/orders")?.json(&body).header("X-API-Key", ANAS);
    let (_, order) = expect(places, 201).await?;
    let id = order["id"].as_str().context("an id")?.to_owned();
    let token = edge::token_for(ANA, 5)?;
    let events = request(&cluster, Name::Orders, Method::GET, &format!("/orders/{id}/events"))?.bearer_auth(token);
    let text = events.send().await?.error_for_status()?.text().await.context("the stream did not end")?;
    ensure!(text.contains("event: status"), "{text}");
    let read = request(&cluster, Name::Orders, Method::GET, &format!("/orders/{id}"))?.header("X-API-Key", ANAS);
    let (_, order) = expect(read, 200).await?;
    ensure!(order["status"] != "confirmed" && order["status"] != "cancelled", "the order has ended: {order}");
    let cancel = request(&cluster, Name::Orders, Method::POST, &format!("/orders/{id}/cancel"))?.json(&json!({}));
    _ = expect(cancel.header("X-API-Key", ANAS), 202).await.map(|(_, body): (_, Value)| body)?;
    PlacedOrder::with_id(&cluster, &id).ends("cancelled").await
}

async fn only_the_systems_own_groups_are_read(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    cluster.kafka.commit("a-foreign-group", "order-journal").await?;
    let names = |throughput: &Value| {
        let groups = throughput["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().map(|group| group["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    until("the four groups", SOON, || async {
        let api = request(&cluster, Name::Orchestrator, Method::GET, "/api/throughput")?;
        let (_, throughput) = expect(api.basic_auth(USER, Some(PASSWORD)), 200).await?;
        let names = names(&throughput);
        ensure!(!names.iter().any(|name| name == "a-foreign-group"), "{names:?}");
        let own = ["inventory-service", "orchestrator", "order-service", "payment-service"];
        Ok((names == own).then_some(()))
    })
    .await
}
