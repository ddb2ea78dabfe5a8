//! The services' HTTP APIs: the sample request, read-after-write, lists, problems, traces, the login.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{SOON, until};
use uuid::Uuid;

crate::group::scenarios!(
    the_sample_curl,
    an_order_is_readable_at_once,
    orders_are_listed,
    an_order_with_a_key_is_placed_once,
    a_waiting_get_ends_after_its_timeout,
    errors_are_problem_json,
    traces_pass_through_all_topics,
    sagas_and_definitions_are_shown,
    the_dashboard_needs_a_login,
    the_payments_api_is_described,
);

/// The request of the training's README.
const CURL: &str = include_str!("sample-curl.sh");

async fn the_sample_curl(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    // The command is unchanged; curl's settings redirect the port.
    let home = cluster.scratch("curl")?;
    let port = cluster.service(Name::Orders)?.port;
    std::fs::write(
        home.join(".curlrc"),
        format!("connect-to = \"localhost:8080:127.0.0.1:{port}\"\nsilent\ninclude\n"),
    )?;
    let output = Command::new("bash").arg("-c").arg(CURL).env("CURL_HOME", &home).env("HOME", &home).output()?;
    let output_text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let errors = String::from_utf8_lossy(&output.stderr);
    let (head, body) =
        output_text.split_once("\n\n").with_context(|| format!("curl printed: {output_text} {errors}"))?;
    ensure!(head.starts_with("HTTP/1.1 201"), "{output_text}");
    let order: Value = serde_json::from_str(body)?;
    let id = order["id"].as_str().unwrap_or_default();
    let location = head.lines().find_map(|l| l.to_lowercase().strip_prefix("location:").map(|l| l.trim().to_owned()));
    ensure!(location.as_deref().is_some_and(|l| l.ends_with(&format!("/orders/{id}"))), "{output_text}");
    ensure!(order["status"] == "pending" && order["amount"] == 10.5, "{order}");
    ensure!(order["customerId"] == "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "{order}");
    ensure!(order["items"][0]["name"] == "day-one" && order["items"][0]["quantity"] == 1, "{order}");
    ensure!(order["createdAt"].is_string() && order["links"]["self"].is_string(), "{order}");
    let order = PlacedOrder::with_id(&cluster, id);
    order.ends("confirmed").await?;
    order.payment("approved").await?;
    order.reservation("confirmed").await
}

async fn an_order_is_readable_at_once(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(100).await?;
    for _ in 0..10 {
        let draft = item.order(1);
        let order = draft.place().await?;
        for _ in 0..2 {
            ensure!(order.get().await?["id"] == order.id, "it is not readable");
        }
        let listed = cluster.orders(&format!("&customerId={}", draft.customer)).await?;
        ensure!(listed.len() == 1, "it is not listed: {listed:?}");
        order.ends("confirmed").await?;
    }
    Ok(())
}

async fn orders_are_listed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(100).await?;
    let customer = Uuid::new_v4().to_string();
    let mut placed = Vec::new();
    for number in 0..7 {
        let amount = if number == 3 { "10.13" } else { "10.50" };
        let order = item.order(1).by(&customer).amount(amount).place().await?;
        placed.push(order.id.clone());
        order.ends(if number == 3 { "payment_not_completed" } else { "confirmed" }).await?;
    }
    placed.reverse();
    let ids =
        |orders: &[Value]| orders.iter().map(|o| o["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    let all = cluster.orders(&format!("&customerId={customer}")).await?;
    ensure!(ids(&all) == placed, "not newest first: {:?}, expected {placed:?}", ids(&all));
    let unpaid = cluster.orders(&format!("&customerId={customer}&status=payment_not_completed")).await?;
    ensure!(ids(&unpaid) == placed.get(3..4).unwrap_or_default(), "{unpaid:?}");
    let service = cluster.service(Name::Orders)?;
    let mut paged = Vec::new();
    let mut cursor = String::new();
    for expected in [3, 3, 1] {
        let path = format!("/orders?customerId={customer}&limit=3{cursor}");
        let page = cluster.get(service, &path).await?.unwrap_or_default();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        ensure!(items.len() == expected, "not a page of {expected}: {page}");
        paged.extend(ids(&items));
        cursor = format!("&cursor={}", page["next"].as_str().unwrap_or_default());
    }
    ensure!(paged == placed, "the pages have {paged:?}, expected {placed:?}");
    Ok(())
}

async fn a_waiting_get_ends_after_its_timeout(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.item(1).await?.order(1).amount("10.44").place().await?;
    let url = cluster.service(Name::Orders)?.url(&format!("/orders/{}", order.id));
    let answer = cluster.http.get(url).header("Prefer", "wait=1").send().await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    ensure!(answer.headers().contains_key("preference-applied"), "RFC 7240: {answer:?}");
    ensure!(answer.json::<Value>().await?["timeline"].as_array().is_some_and(|all| !all.is_empty()));
    order.is_underway().await?;
    order.declined_by_hand().await
}

async fn errors_are_problem_json(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let valid = cluster.order().of("x", 1).body()?;
    let invalid = |key: &str, value: Value| {
        let mut body = valid.clone();
        body[key] = value;
        body.to_string()
    };
    let bodies = [
        "{".to_owned(),
        "{}".to_owned(),
        invalid("amount", Value::from(-1)),
        invalid("amount", Value::from("ten")),
        invalid("amount", Value::from(10.555)),
        invalid("items", Value::from(Vec::<Value>::new())),
        invalid("customerId", Value::Null),
    ];
    let unknown = format!("/orders/{}", Uuid::new_v4());
    let orders = bodies.iter().map(|body| (Method::POST, "/orders", Some(body.as_str())));
    let others = [
        (Method::GET, unknown.as_str()),
        (Method::GET, "/orders?limit=x"),
        (Method::GET, "/no/such"),
        (Method::DELETE, "/orders"),
    ];
    for (method, path, body) in orders.chain(others.map(|(m, p)| (m, p, None))) {
        let mut request = cluster.http.request(method.clone(), cluster.service(Name::Orders)?.url(path));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let answer = request.send().await?;
        let status = answer.status();
        let kind = answer.headers().get("content-type").cloned();
        let text = answer.text().await?;
        let what = format!("{method} {path} {} returns {status} {kind:?} {text}", body.unwrap_or_default());
        ensure!(status.is_client_error(), "{what}");
        ensure!(kind.is_some_and(|k| k.as_bytes().starts_with(b"application/problem+json")), "{what}");
        let problem: Value = serde_json::from_str(&text).with_context(|| what.clone())?;
        ensure!(problem["status"] == status.as_u16() && problem["title"].is_string(), "{what}");
    }
    Ok(())
}

async fn traces_pass_through_all_topics(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let trace = Uuid::new_v4().simple().to_string();
    let draft = cluster.item(1).await?.order(1).traceparent(&format!("00-{trace}-00f067aa0ba902b7-01"));
    let order = draft.place().await?;
    order.ends("confirmed").await?;
    let expected = [
        (common::topics::CREATED_ORDERS, "order.created"),
        (common::topics::INVENTORY_COMMANDS, "inventory.reserve"),
        (common::topics::PAYMENT_COMMANDS, "payment.request"),
        (common::topics::INVENTORY_COMMANDS, "inventory.confirm"),
        (common::topics::ORDER_COMMANDS, "order.conclude"),
        (common::topics::SAGA_REPLIES, "saga.reply"),
    ];
    for (topic, kind) in expected {
        let messages = cluster.kafka.about(topic, &order.id).await?;
        let of_kind: Vec<_> = messages.iter().filter(|m| m.kind() == kind).collect();
        ensure!(!of_kind.is_empty(), "no {kind} on {topic} about {}", order.id);
        for message in of_kind {
            let parent = message.header("traceparent");
            ensure!(parent.starts_with(&format!("00-{trace}-")), "{kind} on {topic}: traceparent is '{parent}'");
            ensure!(
                message.header("ce_specversion") == "1.0" && !message.header("ce_source").is_empty(),
                "{message:?}"
            );
        }
    }
    Ok(())
}

async fn sagas_and_definitions_are_shown(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.item(1).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    let orchestrator = cluster.service(Name::Orchestrator)?;
    until("its saga to be listed", SOON, || async {
        let all = cluster.get(orchestrator, "/api/sagas").await?.unwrap_or_default().to_string();
        Ok(all.contains(&order.id).then_some(()))
    })
    .await?;
    until("its saga to be completed", SOON, || async {
        let saga = order.saga().await?;
        if saga["status"] == "completed" { Ok(Some(())) } else { Err(anyhow!("{saga:#}")) }
    })
    .await?;
    let definitions = cluster.get(orchestrator, "/api/definitions").await?.unwrap_or_default().to_string();
    ensure!(definitions.contains("request-payment"), "{definitions}");
    Ok(())
}

async fn the_dashboard_needs_a_login(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = cluster.item(1).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    let base = cluster.service(Name::Orchestrator)?.url("");
    let browser = tests::http::client().cookie_store(true).build()?;
    let page = browser.get(format!("{base}/")).send().await?.text().await?;
    ensure!(!page.contains(&order.id), "the page is shown without a login");
    let form = Form::of(&page).with_context(|| format!("no login form in {page}"))?;
    let wrong = form.send(&browser, &base, "techlead", "wrong").await?;
    ensure!(
        !wrong.contains(&order.id) && Form::of(&wrong).is_some(),
        "a wrong password does not lead back to the form: {wrong}"
    );
    let page = browser.get(format!("{base}/sagas")).send().await?.text().await?;
    ensure!(!page.contains(&order.id), "the page is shown after a wrong password");
    form.send(&browser, &base, "techlead", "zup@123").await?;
    until("the saga to be listed", SOON, || async {
        let page = browser.get(format!("{base}/sagas")).send().await?.text().await?;
        if page.contains(&order.id) { Ok(Some(())) } else { Err(anyhow!("{page}")) }
    })
    .await
}

async fn the_payments_api_is_described(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let payments = cluster.service(Name::Payments)?;
    let description = cluster.get(payments, "/openapi.json").await?.unwrap_or_default();
    ensure!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{description:#}");
    common::http::check_description(&description).map_err(|lost| anyhow!("broken references: {lost}"))?;
    for path in ["/payments", "/payments/{id}/refunds", "/ledger", "/providers", "/webhooks/stripe"] {
        ensure!(description["paths"][path].is_object(), "{path} is not described");
    }
    // Every service has a documentation page.
    for service in cluster.services() {
        let described = cluster.get(service, "/openapi.json").await?.unwrap_or_default();
        ensure!(described["paths"].as_object().is_some_and(|paths| paths.len() > 5), "{:?}: {described}", service.name);
        let page = cluster.http.get(service.url("/docs/")).send().await?;
        ensure!(page.status() == StatusCode::OK && page.text().await?.contains("swagger-ui"), "{:?}", service.name);
    }
    // The response has the described members.
    let item = cluster.item(1).await?.order(1).place().await?;
    item.ends("confirmed").await?;
    let payment = cluster.get(payments, &format!("/payments/{}", item.id)).await?.unwrap_or_default();
    let described = &description["components"]["schemas"]["Payment"];
    for (member, _) in payment.as_object().context("an object")? {
        ensure!(described["properties"][member].is_object(), "{member} is not described: {described:#}");
    }
    for required in described["required"].as_array().context("required members")? {
        ensure!(!payment[required.as_str().unwrap_or_default()].is_null(), "{required} is missing: {payment:#}");
    }
    let page = cluster.http.get(payments.url("/docs/")).send().await?;
    ensure!(page.status() == StatusCode::OK && page.text().await?.contains("swagger-ui"), "no documentation page");
    Ok(())
}

/// A page's login form: its action and the names of its fields.
struct Form {
    action: String,
    user: String,
    password: String,
    hidden: Vec<(String, String)>,
}

impl Form {
    fn of(page: &str) -> Option<Self> {
        let form = page.split("<form").find(|part| part.contains("type=\"password\""))?;
        let attribute = |tag: &str, name: &str| {
            let (_, rest) = tag.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let mut user = None;
        let mut password = None;
        let mut hidden = Vec::new();
        for tag in form.split("<input").skip(1).filter_map(|t| t.split('>').next()) {
            match (attribute(tag, "type").as_deref(), attribute(tag, " name")) {
                (Some("password"), name) => password = name,
                (Some("hidden"), Some(name)) => hidden.push((name, attribute(tag, "value").unwrap_or_default())),
                (Some("submit" | "checkbox"), _) => {}
                (_, name) => user = user.or(name),
            }
        }
        let action = attribute(form.split('>').next()?, "action").unwrap_or_else(|| "/".to_owned());
        Some(Self { action, user: user?, password: password?, hidden })
    }

    async fn send(&self, browser: &reqwest::Client, base: &str, user: &str, password: &str) -> Result<String> {
        let mut fields = self.hidden.clone();
        fields.push((self.user.clone(), user.to_owned()));
        fields.push((self.password.clone(), password.to_owned()));
        Ok(browser.post(format!("{base}{}", self.action)).form(&fields).send().await?.text().await?)
    }
}

async fn an_order_with_a_key_is_placed_once(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(100).await?;
    let draft = item.order(2);
    let key = format!("\"{}\"", Uuid::new_v4());
    let place = |key: String, body: Value| {
        let request = cluster.service(Name::Orders).map(|orders| cluster.http.post(orders.url("/orders")));
        async move {
            let answer = request?.header("Idempotency-Key", key).json(&body).send().await?;
            let status = answer.status();
            let location = answer.headers().get("location").cloned();
            anyhow::Ok((status, location, answer.json::<Value>().await?))
        }
    };
    // Two concurrent requests, then another after the order has ended.
    let body = draft.body()?;
    let (first, again) = tokio::try_join!(place(key.clone(), body.clone()), place(key.clone(), body.clone()))?;
    ensure!(first.0 == StatusCode::CREATED && first == again, "{first:?}, then {again:?}");
    let order = PlacedOrder::with_id(&cluster, first.2["id"].as_str().unwrap_or_default());
    order.ends("confirmed").await?;
    item.has_stock(98, 0).await?;
    let again = place(key.clone(), body.clone()).await?;
    ensure!(first == again, "{first:?}, then {again:?}");
    let (status, location, body_text) = place(key.clone(), item.order(3).body()?).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && location.is_none(), "{status}: {body_text}");
    ensure!(body_text["location"] == format!("/orders/{}", order.id), "{body_text}");
    let (status, _, body_text) = place("x".repeat(300), body.clone()).await?;
    ensure!(
        status == StatusCode::BAD_REQUEST && body_text["detail"].to_string().contains("Idempotency-Key"),
        "{body_text}"
    );
    // The key is kept over a restart.
    let orders = cluster.service(Name::Orders)?;
    orders.kill9()?;
    orders.restart().await?;
    let again = place(key, body).await?;
    ensure!(first == again, "{first:?}, then {again:?}");
    item.has_stock(98, 0).await
}
