//! Orders with delivery: shipment, event stream, invoice, notices, returns, and validation errors.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::orders::{PlacedOrder, status_of};
use tests::process::Name;
use tests::wait::{PATIENT, SOON, until, until_is};
use uuid::Uuid;

crate::group::scenarios!(
    an_order_is_delivered_and_the_customer_is_notified,
    an_unshippable_order_is_refunded_and_has_no_valid_invoice,
    an_event_stream_can_be_resumed,
    a_part_is_returned_and_then_the_rest,
    rejected_goods_are_not_refunded,
    invalid_returns_are_rejected_with_a_code,
    all_errors_of_an_order_are_reported_at_once,
    each_notice_is_mailed_once,
);

/// A delivery to Ana, who reads Portuguese.
pub(crate) fn delivery_to_ana(method: &str, postal_code: &str) -> Value {
    let address = json!({"name": "Ana Lima", "line1": "Rua do Sol, 1", "city": "Recife", "postalCode": postal_code,
        "country": "BR"});
    json!({"customer": {"name": "Ana Lima", "email": "ana@example.com", "language": "pt"},
        "delivery": {"method": method, "address": address}})
}

async fn get(cluster: &Cluster, path: &str) -> Result<Value> {
    cluster.get(cluster.service(Name::Orders)?, path).await?.with_context(|| format!("GET {path} returns 404"))
}

/// Sends a request to a service. Returns the status and the JSON.
pub(crate) async fn post(cluster: &Cluster, name: Name, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
    let answer = cluster.http.post(cluster.service(name)?.url(path)).json(body).send().await?;
    Ok((answer.status(), answer.json().await?))
}

/// The notices about an order, oldest first, as soon as there are `least`: they are sent a moment after the change.
pub(crate) async fn notices(cluster: &Cluster, order: &PlacedOrder, least: usize) -> Result<Vec<Value>> {
    let read = || async {
        let all = cluster.kafka.about("notifications", &order.id).await?;
        Ok(Some(all).filter(|all| all.len() >= least))
    };
    let all = until(&format!("{least} notices of order {}", order.id), SOON, read).await?;
    Ok(all.iter().map(|message| serde_json::from_slice(&message.value)).collect::<Result<_, _>>()?)
}

async fn an_order_is_delivered_and_the_customer_is_notified(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let order = item.order(2).with(delivery_to_ana("express", "50030-230")).place().await?;
    order.ends("shipped").await?;
    order.payment("approved").await?;
    order.reservation("confirmed").await?;
    item.has_stock(8, 0).await?;
    let shown = order.get().await?;
    let tracking = &shown["shipment"]["trackingNumber"];
    let expected = &shown["shipment"]["estimatedDate"];
    ensure!(tracking.is_string() && expected.is_string(), "{shown:#}");
    let labels = shown["timeline"].as_array().into_iter().flatten().filter_map(|moment| moment["step"].as_str());
    let steps: Vec<_> = labels.collect();
    let expected_steps = ["validate", "reserve", "request-payment", "payment-result", "finalize", "ship", "notify"];
    ensure!(steps == expected_steps, "{steps:?}");
    let sent = notices(&cluster, &order, 1).await?;
    ensure!(sent.len() == 1 && sent[0]["kind"] == "shipped" && sent[0]["language"] == "pt", "{sent:#?}");
    let text = sent[0]["text"].as_str().unwrap_or_default();
    ensure!(text.contains(tracking.as_str().unwrap_or_default()) && text.contains("Olá, Ana Lima"), "{text}");
    let number = shown["invoice"]["number"].as_str().context("the invoice's number")?;
    ensure!(text.contains(&format!("Fatura: {number}")), "{text}");
    let invoice = get(&cluster, &format!("/orders/{}/invoice", order.id)).await?;
    ensure!(invoice["status"] == "paid" && invoice["total"] == 10.5 && invoice["number"] == shown["invoice"]["number"]);
    ensure!(invoice["lines"][0]["quantity"] == 2 && invoice["address"]["city"] == "Recife", "{invoice:#}");
    let url = cluster.service(Name::Orders)?.url(&format!("/orders/{}/invoice", order.id));
    let page = cluster.http.get(url).header("Accept", "application/pdf").send().await?;
    ensure!(page.headers()["content-type"] == "application/pdf", "{:?}", page.headers());
    let page = page.bytes().await?;
    ensure!(page.starts_with(b"%PDF-"));
    // Kept for inspection.
    std::fs::write(cluster.scratch("invoice")?.join("invoice.pdf"), page)?;
    Ok(())
}

async fn an_unshippable_order_is_refunded_and_has_no_valid_invoice(
    cluster: Arc<Cluster>,
    _: Arc<Broker>,
) -> Result<()> {
    let item = cluster.item(3).await?;
    // The simulated carrier refuses this postal code.
    let order = item.order(1).with(delivery_to_ana("standard", "00000-000")).place().await?;
    order.ends("refunded").await?;
    order.has_reason("carrier_refused").await?;
    order.payment("refunded").await?;
    order.reservation("released").await?;
    item.has_stock(3, 0).await?;
    let shown = order.get().await?;
    // It has an invoice only if its progress was reported, and then a void one.
    ensure!(shown["invoice"].is_null() || shown["invoice"]["status"] == "void", "no invoice is valid: {shown:#}");
    ensure!(shown["shipment"].is_null(), "{shown:#}");
    let kinds: Vec<_> = notices(&cluster, &order, 1).await?.into_iter().map(|notice| notice["kind"].clone()).collect();
    ensure!(kinds == [json!("refunded")], "{kinds:?}");
    Ok(())
}

/// The events of an order's stream after `last`, to its end.
async fn stream(cluster: &Cluster, order: &PlacedOrder, last: Option<u64>) -> Result<(StatusCode, Vec<(u64, Value)>)> {
    let url = cluster.service(Name::Orders)?.url(&format!("/orders/{}/events", order.id));
    let mut request = cluster.http.get(url).timeout(PATIENT);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last.to_string());
    }
    let answer = request.send().await?;
    // The stream ends with the order.
    let status = answer.status();
    let text = answer.text().await?;
    let mut events = Vec::new();
    for event in text.split("\n\n") {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if let (Some(id), Some(data)) = (field("id"), field("data")) {
            events.push((id.parse()?, serde_json::from_str(data)?));
        }
    }
    Ok((status, events))
}

async fn an_event_stream_can_be_resumed(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    // The payment's result is late, so that the order waits.
    let order = cluster.item(5).await?.order(1).amount("10.99").place().await?;
    let (status, events) = stream(&cluster, &order, None).await?;
    let mut statuses: Vec<_> = events.iter().map(|(_, order)| order["status"].as_str().unwrap_or_default()).collect();
    // A slow request of the payment shows the order as reserved for a moment.
    statuses.retain(|status| *status != "reserved");
    ensure!(status == StatusCode::OK && statuses == ["pending", "awaiting_payment", "confirmed"], "{events:#?}");
    let last = events.len() as u64 - 1;
    ensure!(events.iter().map(|(id, _)| *id).eq(0..=last), "{events:#?}");
    let (_, rest) = stream(&cluster, &order, Some(0)).await?;
    ensure!(rest == events[1..], "{rest:#?}");
    let (status, rest) = stream(&cluster, &order, Some(last)).await?;
    ensure!(status == StatusCode::NO_CONTENT && rest.is_empty(), "{status}: {rest:#?}");
    order.ends("confirmed").await
}

/// Requests a return and returns its id.
pub(crate) async fn request_return(cluster: &Cluster, order: &PlacedOrder, body: &Value) -> Result<String> {
    let path = format!("/orders/{}/returns", order.id);
    let (status, body) = post(cluster, Name::Orders, &path, body).await?;
    ensure!(status == StatusCode::ACCEPTED, "{status}: {body:#}");
    let last = body["returns"].as_array().and_then(|all| all.last()).context("no return")?;
    Ok(last["id"].as_str().unwrap_or_default().to_owned())
}

/// Waits until a return has a status.
pub(crate) async fn return_is(order: &PlacedOrder, id: &str, status: &str) -> Result<Value> {
    let what = format!("return {id} to be {status}");
    until(&what, PATIENT, || async {
        let shown = order.get().await?;
        let all = shown["returns"].as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().find(|known| known["id"] == id && known["status"] == status))
    })
    .await
}

async fn a_part_is_returned_and_then_the_rest(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    let customer = json!({"customer": {"name": "Bia", "email": "bia@example.com"}});
    let order = item.order(3).amount("31.00").with(customer).place().await?;
    order.ends("confirmed").await?;
    item.has_stock(7, 0).await?;
    let part = json!({"items": [{"id": item.id, "quantity": 1}], "reason": "too many"});
    let first = request_return(&cluster, &order, &part).await?;
    let done = return_is(&order, &first, "returned").await?;
    ensure!(get(&cluster, &format!("/orders/{}/returns/{first}", order.id)).await? == done, "{done:#}");
    ensure!(done["refund"] == 10.33, "{done:#}");
    item.has_stock(8, 0).await?;
    ensure!(order.get().await?["status"] == "confirmed");
    let rest = request_return(&cluster, &order, &json!({})).await?;
    let done = return_is(&order, &rest, "returned").await?;
    ensure!(done["refund"] == 20.67, "{done:#}");
    order.ends("returned").await?;
    item.has_stock(10, 0).await?;
    until_is("the payment", "refunded".to_owned(), SOON, || status_of(&cluster, Name::Payments, "payments", &order.id))
        .await?;
    let kinds: Vec<_> = notices(&cluster, &order, 3).await?.into_iter().map(|notice| notice["kind"].clone()).collect();
    ensure!(kinds == [json!("confirmed"), json!("returned"), json!("returned")], "{kinds:?}");
    has_documents(&cluster, &order, [(&first, 10.33), (&rest, 20.67)]).await
}

/// Checks the invoice and the credit notes of an order of 31.00, which are over these returns, in each format.
async fn has_documents(cluster: &Cluster, order: &PlacedOrder, returns: [(&String, f64); 2]) -> Result<()> {
    let list = get(cluster, &format!("/orders/{}/credit-notes", order.id)).await?;
    let totals = returns.map(|(id, total)| json!([id, total]));
    let listed: Vec<Value> =
        list.as_array().into_iter().flatten().map(|note| json!([note["returnId"], note["total"]])).collect();
    ensure!(listed == totals, "{list:#}");
    let shown = order.get().await?;
    ensure!(shown["creditNotes"] == list && shown["links"]["creditNotes"].is_string(), "{shown:#}");
    let mut paths = vec![(format!("/orders/{}/invoice", order.id), 31.0, "<Invoice ")];
    for (note, (_, total)) in list.as_array().into_iter().flatten().zip(returns) {
        let number = note["number"].as_str().unwrap_or_default();
        paths.push((format!("/orders/{}/credit-notes/{number}", order.id), total, "<CreditNote "));
    }
    for (path, total, root) in paths {
        let document = get(cluster, &path).await?;
        ensure!(document["total"] == total && document["seller"]["name"] == "Shop", "{document:#}");
        for (format, start) in [("application/pdf", "%PDF-1.7"), ("application/xml", "<?xml")] {
            let url = cluster.service(Name::Orders)?.url(&path);
            let answer = cluster.http.get(url).header("Accept", format).send().await?;
            ensure!(answer.headers()["content-type"] == format, "{path}: {:?}", answer.headers());
            let bytes = answer.bytes().await?;
            let text = String::from_utf8_lossy(&bytes);
            ensure!(text.starts_with(start) && (format == "application/pdf" || text.contains(root)), "{path}: {text}");
        }
    }
    let unknown = format!("/orders/{}/credit-notes/C0-999999", order.id);
    ensure!(cluster.get(cluster.service(Name::Orders)?, &unknown).await?.is_none(), "{unknown}");
    Ok(())
}

async fn rejected_goods_are_not_refunded(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(4).await?;
    let order = item.order(2).with(delivery_to_ana("standard", "50030-230")).place().await?;
    order.ends("shipped").await?;
    let refused = request_return(&cluster, &order, &json!({"reason": "too small"})).await?;
    // Shipped goods must arrive first; the warehouse inspects them.
    let expected = || async { cluster.get(cluster.service(Name::Inventory)?, &format!("/returns/{refused}")).await };
    until("the return to be expected", SOON, expected).await?;
    let path = format!("/returns/{refused}/receipt");
    let inspection = json!({"status": "rejected", "by": "warehouse", "why": "worn"});
    let (status, body) = post(&cluster, Name::Inventory, &path, &inspection).await?;
    ensure!(status.is_success(), "{status}: {body:#}");
    return_is(&order, &refused, "refused").await?;
    item.has_stock(2, 0).await?;
    order.payment("approved").await?;
    // A second inspection accepts them; an operator publishes the result.
    let good = request_return(&cluster, &order, &json!({})).await?;
    let text = json!({"returnId": good, "status": "received"}).to_string();
    cluster.kafka.publish("goods-received", None, text.as_bytes()).await?;
    return_is(&order, &good, "returned").await?;
    item.has_stock(4, 0).await?;
    order.payment("refunded").await?;
    order.ends("returned").await
}

async fn invalid_returns_are_rejected_with_a_code(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(2).await?;
    let order = item.order(1).place().await?;
    let rejected = item.order(9).place().await?;
    order.ends("confirmed").await?;
    rejected.ends("rejected").await?;
    let path = |order: &PlacedOrder| format!("/orders/{}/returns", order.id);
    let more = json!({"items": [{"id": item.id, "quantity": 2}]});
    let other = json!({"items": [{"id": Uuid::new_v4(), "quantity": 1}]});
    for (order, body, code) in [
        (&order, &more, "more_than_ordered"),
        (&order, &other, "unknown_item"),
        (&rejected, &json!({}), "not_fulfilled"),
    ] {
        let (status, body) = post(&cluster, Name::Orders, &path(order), body).await?;
        ensure!(status == StatusCode::CONFLICT && body["code"] == code, "{status}: {body:#}");
    }
    let wrong = json!({"items": [{"id": "x", "quantity": 1}, {"id": item.id, "quantity": 0}]});
    let (status, body) = post(&cluster, Name::Orders, &path(&order), &wrong).await?;
    let pointers: Vec<_> = body["errors"].as_array().into_iter().flatten().map(|e| e["pointer"].clone()).collect();
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status}: {body:#}");
    ensure!(pointers == [json!("#/items/0/id"), json!("#/items/1/quantity")], "{pointers:?}");
    Ok(())
}

async fn all_errors_of_an_order_are_reported_at_once(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let mut request = cluster.item(1).await?.order(1).with(delivery_to_ana("standard", "50030-230")).body()?;
    request["currency"] = json!("JPY");
    request["customer"]["email"] = json!("nobody");
    request["delivery"]["address"]["country"] = json!("Brasil");
    request["items"][0]["quantity"] = json!(0);
    let (status, body) = post(&cluster, Name::Orders, "/orders", &request).await?;
    let mut pointers: Vec<_> =
        body["errors"].as_array().into_iter().flatten().filter_map(|e| e["pointer"].as_str()).collect();
    pointers.sort_unstable();
    let wrong = ["#/currency", "#/customer/email", "#/delivery/address/country", "#/items/0/quantity"];
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && pointers == wrong, "{status}: {body:#}");
    request["amount"] = json!(10.555);
    let (status, body) = post(&cluster, Name::Orders, "/orders", &request).await?;
    let mut errors = body["errors"].as_array().into_iter().flatten();
    let is_reported = errors.any(|error| error["pointer"] == "#/amount");
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && is_reported, "{body:#}");
    Ok(())
}

async fn each_notice_is_mailed_once(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let server = tests::mail::shared()?;
    let customer = json!({"customer": {"name": "Zoë", "email": "zoe@example.com"}});
    let order = cluster.item(1).await?.order(1).with(customer).place().await?;
    order.ends("confirmed").await?;
    let received = || async { Ok(server.mails().into_iter().find(|mail| mail.text.contains(&order.id))) };
    let mail = until("the mail", PATIENT, received).await?;
    ensure!(mail.to == ["zoe@example.com"] && mail.from == "tickets@example.com", "{mail:?}");
    ensure!(mail.text.contains("Subject: Your order is confirmed"), "{}", mail.text);
    let notice = &notices(&cluster, &order, 1).await?[0]["noticeId"];
    ensure!(mail.text.contains(&format!("Message-ID: <{}@example.com>", notice.as_str().unwrap_or_default())));
    let sent = server.mails().iter().filter(|mail| mail.text.contains(&order.id)).count();
    ensure!(sent == 1, "it was mailed {sent} times");
    Ok(())
}
