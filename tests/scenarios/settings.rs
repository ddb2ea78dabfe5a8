//! Invalid settings stop the start with a helpful message, and each binary has a command line.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::command;
use tests::process::Name;

crate::group::scenarios!(
    unknown_settings_stop_the_start,
    bad_values_stop_the_start,
    a_view_in_use_is_refused,
    another_partition_count_is_refused,
    settings_come_from_a_file_too,
    every_binary_has_help,
);

/// Runs another process with a service's settings. Returns true if it succeeded, and its output.
async fn run(
    cluster: &Cluster,
    name: Name,
    arguments: &'static [&'static str],
    settings: &[(&str, &str)],
) -> Result<(bool, String)> {
    let mut command = cluster.service(name)?.command()?;
    command.args(arguments).envs(settings.iter().map(|(key, value)| (name.variable(key), (*value).to_owned())));
    let output = command::run(command).await?;
    Ok((output.status.success(), command::text(&output)))
}

/// Expects that a service does not start with these settings, and that its output has all these words.
async fn refused(cluster: &Cluster, name: Name, settings: &[(&str, &str)], words: &[&str]) -> Result<()> {
    let (started, output) = run(cluster, name, &[], settings).await?;
    ensure!(!started, "{} started with {settings:?}:\n{output}", name.binary());
    for word in words {
        let found = output.to_lowercase().contains(&word.to_lowercase());
        ensure!(found, "{} rejects {settings:?} without '{word}' in:\n{output}", name.binary());
    }
    Ok(())
}

async fn unknown_settings_stop_the_start(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    for name in Name::ALL {
        refused(&cluster, name, &[("KAFKA__BROKRES", "x")], &["brokres"]).await?;
        refused(&cluster, name, &[("NO_SUCH__SECTION", "x")], &["no_such"]).await?;
    }
    Ok(())
}

async fn bad_values_stop_the_start(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    for name in Name::ALL {
        refused(&cluster, name, &[("HTTP__LISTEN", "not an address")], &["listen", "not an address"]).await?;
        refused(&cluster, name, &[("KAFKA__PARTITIONS", "many")], &["partitions", "many"]).await?;
        refused(&cluster, name, &[("LOG__FORMAT", "prose")], &["format", "prose", "json"]).await?;
    }
    for name in [Name::Orders, Name::Inventory, Name::Payments] {
        let key = r#"[{ name = "shop", role = "customer", hash = "1234" }]"#;
        refused(&cluster, name, &[("AUTH__KEYS", key)], &["auth.keys[0].hash", "auth.keys[0].customer_id"]).await?;
        let keys = "/there/is/none.json";
        let given = [("AUTH__JWT__ISSUER", "i"), ("AUTH__JWT__AUDIENCE", "a"), ("AUTH__JWT__JWKS_FILE", keys)];
        refused(&cluster, name, &given, &["auth.jwt.jwks_file", keys]).await?;
        refused(&cluster, name, &given[2..], &["auth.jwt.issuer", "auth.jwt.audience"]).await?;
        refused(&cluster, name, &[("EDGE__TRUSTED_PROXIES", "a proxy")], &["edge.trusted_proxies", "10.0.0.0/8"])
            .await?;
        refused(&cluster, name, &[("EDGE__CORS_ORIGINS", "shop.example")], &["edge.cors_origins", "https://"]).await?;
    }
    refused(&cluster, Name::Payments, &[("PROVIDER__KIND", "magic")], &["kind", "magic", "manual"]).await
}

async fn a_view_in_use_is_refused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    for name in Name::ALL {
        let view = cluster.service(name)?.view().display().to_string();
        refused(&cluster, name, &[("HTTP__LISTEN", "127.0.0.1:0")], &["in use", &view]).await?;
    }
    Ok(())
}

async fn another_partition_count_is_refused(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    for name in Name::ALL {
        let view = cluster.scratch(name.binary())?.display().to_string();
        let settings =
            [("HTTP__LISTEN", "127.0.0.1:0"), ("VIEW__DIRECTORY", view.as_str()), ("KAFKA__PARTITIONS", "3")];
        refused(&cluster, name, &settings, &["partitions", "2", "3"]).await?;
    }
    Ok(())
}

async fn settings_come_from_a_file_too(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let file = cluster.scratch("settings")?.join("own.toml");
    std::fs::write(&file, "[log]\nlevel = \"debug\"\n\n[kafka.client]\n\"client.rack\" = \"left\"\n")?;
    let file: &'static str = Box::leak(file.display().to_string().into_boxed_str());
    let arguments: &'static [&'static str] = Box::leak(Box::new(["--config", file, "--print-config"]));
    for name in Name::ALL {
        let (good, output) = run(&cluster, name, arguments, &[]).await?;
        ensure!(good, "{} --config: {output}", name.binary());
        ensure!(
            output.contains("client.rack") && output.contains("left"),
            "{} ignores the file: {output}",
            name.binary()
        );
        // The environment has precedence: the cluster sets `info` and the broker's address.
        ensure!(
            output.contains("info") && output.contains(&cluster.brokers),
            "{} ignores the environment: {output}",
            name.binary()
        );
    }
    Ok(())
}

async fn every_binary_has_help(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    for name in Name::ALL {
        let words: [(&'static [&'static str], &[&str]); 3] = [
            (&["--help"], &["--config", "--print-config"]),
            (&["--version"], &[name.binary()]),
            (&["--print-config"], &["[kafka]", "[http]", "[view]", "brokers"]),
        ];
        for (arguments, words) in words {
            let (good, output) = run(&cluster, name, arguments, &[]).await.context(name.binary())?;
            let all = words.iter().all(|word| output.contains(word));
            ensure!(good && all, "{} {arguments:?} should print {words:?}: {output}", name.binary());
        }
    }
    Ok(())
}
