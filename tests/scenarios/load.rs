//! Many concurrent orders for the same item.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::load::client::{Connection, Order};
use tests::process::Name;
use tests::wait::{PATIENT, until};
use uuid::Uuid;

crate::group::scenarios!(ten_thousand_orders_for_a_hundred_pieces);

const ORDERS: usize = 10_000;
const PIECES: i64 = 100;
const CLIENTS: usize = 64;

/// Places orders until `ORDERS` are placed. One whose outcome is unknown (503) is placed again with the same key.
async fn client(port: u16, body: Arc<String>, placed: Arc<AtomicUsize>) -> Result<()> {
    let mut connection = Connection::open(port).await?;
    let head = "POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nidempotency-key";
    while placed.fetch_add(1, Ordering::Relaxed) < ORDERS {
        let request = format!("{head}: {}\r\ncontent-length: {}\r\n\r\n{body}", Uuid::new_v4(), body.len());
        while !is_placed(connection.send(request.as_bytes()).await?)? {
            // As `Retry-After` asks.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    Ok(())
}

/// False if the outcome is unknown.
fn is_placed((status, answer): (u16, &[u8])) -> Result<bool> {
    if status == 503 {
        return Ok(false);
    }
    ensure!(status == 201, "POST /orders returns {status}: {}", String::from_utf8_lossy(answer));
    let order: Order<'_> = serde_json::from_slice(answer)?;
    ensure!(order.status == "pending", "{order:?}");
    Ok(true)
}

async fn ten_thousand_orders_for_a_hundred_pieces(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(PIECES).await?;
    let draft = item.order(1);
    let port = cluster.service(Name::Orders)?.port;
    let body = Arc::new(draft.body()?.to_string());
    let begun = Instant::now();
    let placed = Arc::new(AtomicUsize::new(0));
    let clients = (0..CLIENTS).map(|_| tokio::spawn(client(port, Arc::clone(&body), Arc::clone(&placed))));
    for client in clients.collect::<Vec<_>>() {
        client.await??;
    }
    let all_placed = begun.elapsed();
    let pending = format!("/orders?status=pending&customerId={}&limit=1", draft.customer);
    until("the last order to end", 2 * PATIENT, || async {
        let page = cluster.get(cluster.service(Name::Orders)?, &pending).await?.unwrap_or_default();
        match page["items"].as_array().map(Vec::len) {
            Some(0) => Ok(Some(())),
            _ => Err(anyhow!("{page}")),
        }
    })
    .await?;
    let seconds = |time: Duration| time.as_secs_f64();
    eprint!("placed in {:.1} s, ended in {:.1} s ", seconds(all_placed), seconds(begun.elapsed()));
    let mut ends = BTreeMap::<String, usize>::new();
    for order in cluster.orders(&format!("&customerId={}", draft.customer)).await? {
        *ends.entry(order["status"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let expected = [("confirmed".to_owned(), 100), ("rejected".to_owned(), ORDERS - 100)];
    ensure!(ends == BTreeMap::from(expected), "{ends:?}");
    item.has_stock(0, 0).await?;
    crate::stock::movements_match_the_stock(&cluster, &item.id).await.map(|_| ())
}
