//! The statistics of the API: counts and waits of each step. A rebuilt view neither loses nor repeats any.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::process::Name;
use tests::wait::{SOON, until_is};

crate::group::scenarios!(the_flow_counts_every_step, a_rebuilt_view_has_the_same_statistics);

/// The statistics of a step of the order saga for the last day.
async fn step(cluster: &Cluster, name: &str) -> Result<Value> {
    let path = "/api/flow?definition=order&window=24h";
    let flow = cluster.get(cluster.service(Name::Orchestrator)?, path).await?.unwrap_or_default();
    let steps = flow["steps"].as_array().cloned().unwrap_or_default();
    Ok(steps.into_iter().find(|step| step["step"] == name).unwrap_or_default())
}

fn number(step: &Value, name: &str) -> i64 {
    step[name].as_i64().unwrap_or_default()
}

async fn the_flow_counts_every_step(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let reserve = step(&cluster, "reserve").await?;
    let result = step(&cluster, "payment-result").await?;
    let item = cluster.item(10).await?;
    let none = cluster.item(0).await?;
    item.order(1).place().await?.ends("confirmed").await?;
    item.order(1).amount("10.13").place().await?.ends("payment_not_completed").await?;
    none.order(1).place().await?.ends("rejected").await?;
    // The provider has no result for these cents: the order waits.
    let waits = item.order(1).amount("10.44").place().await?;
    let more =
        |now: &Value, before: &Value, names: [&str; 3]| names.map(|name| number(now, name) - number(before, name));
    // The API caches the statistics for some seconds.
    until_is("reserve: begun, done, refused", [4, 3, 1], SOON, || async {
        Ok(more(&step(&cluster, "reserve").await?, &reserve, ["started", "done", "refused"]))
    })
    .await?;
    until_is("payment-result: begun, done, refused", [3, 1, 1], SOON, || async {
        Ok(more(&step(&cluster, "payment-result").await?, &result, ["started", "done", "refused"]))
    })
    .await?;
    let now = step(&cluster, "payment-result").await?;
    ensure!(number(&now, "now") >= 1 && number(&now, "oldestWaitMs") > 0 && now["p95Ms"].is_number(), "{now:#}");
    ensure!(now["label"] == "Wait for the payment", "{now:#}");
    let throughput = cluster.get(cluster.service(Name::Orchestrator)?, "/api/throughput?window=24h").await?;
    let throughput = throughput.unwrap_or_default();
    let ended = |ending: &str| {
        let minutes = throughput["perMinute"]["ended"][ending].as_array().cloned().unwrap_or_default();
        minutes.iter().filter_map(Value::as_i64).sum::<i64>()
    };
    ensure!(ended("confirmed") >= 1 && ended("rejected") >= 1, "{throughput}");
    let groups = throughput["groups"].as_array().cloned().unwrap_or_default();
    let own = groups.iter().find(|group| group["name"] == "orchestrator").cloned().unwrap_or_default();
    ensure!(own["members"][0]["partitions"] == json!([0, 1]), "{own:#}");
    waits.declined_by_hand().await
}

async fn a_rebuilt_view_has_the_same_statistics(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let item = cluster.item(10).await?;
    for amount in ["10.50", "10.13"] {
        let order = item.order(1).amount(amount).place().await?;
        order.ended().await?;
        until_is("its saga has ended", false, SOON, || async { Ok(order.saga().await?["endedAt"].is_null()) }).await?;
    }
    let orchestrator = cluster.service(Name::Orchestrator)?;
    orchestrator.sigterm().await?;
    let clear_times = |flow: &mut Value| {
        for step in flow["steps"].as_array_mut().into_iter().flatten() {
            // These change with time.
            for name in ["oldestWaitMs", "shareOfWaiting", "heat"] {
                step[name] = Value::Null;
            }
            if number(step, "now") > 0 {
                for name in ["overdue", "p50Ms", "p95Ms", "p99Ms"] {
                    step[name] = Value::Null;
                }
            }
        }
        for name in ["from", "to", "viewLagMs", "sentence", "offender", "attention"] {
            flow[name] = Value::Null;
        }
    };
    let flow = || async {
        let mut flow = cluster.get(orchestrator, "/api/flow?definition=order&window=7d").await?.unwrap_or_default();
        clear_times(&mut flow);
        Ok::<_, anyhow::Error>(flow)
    };
    orchestrator.restart().await?;
    let before = flow().await?;
    ensure!(number(&before["steps"][0], "started") >= 2, "{before:#}");
    orchestrator.sigterm().await?;
    std::fs::remove_dir_all(orchestrator.view())?;
    orchestrator.restart().await?;
    let after = flow().await?;
    ensure!(after == before, "before: {before:#}\nafter: {after:#}");
    Ok(())
}
