//! The HTTP edge: API keys and tokens, access to orders, rate limits, CORS, response headers and request ids in logs.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow, ensure};
use aws_lc_rs::signature::Ed25519KeyPair;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tests::broker::Broker;
use tests::cluster::{Cluster, OPERATOR_KEY, Options};
use tests::files;
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{SOON, until};
use uuid::Uuid;

crate::group::scenarios!(
    requests_without_valid_credentials_are_rejected,
    operator_endpoints_reject_customers,
    a_customer_sees_only_their_own_orders,
    idempotency_keys_are_separate_for_each_customer,
    a_token_identifies_the_caller,
    an_invalid_token_is_rejected,
    a_new_signing_key_is_accepted_without_a_restart,
    a_rate_limited_caller_gets_retry_after,
    a_configured_origin_passes_cors,
    a_request_id_appears_in_the_log,
);

pub(crate) const ANA: &str = "0a11e9a5-2c4b-4a6e-9d61-0d9f5b7c1a01";
const BIA: &str = "0b1a5e77-8d1f-4c53-8a90-63f1c1f2b002";
/// API keys of the two customers, and of a client that exceeds the rate limit.
pub(crate) const ANAS: &str = "ana's API key with enough entropy";
const BIAS: &str = "bia's API key with enough entropy";
const BUSY: &str = "the API key of a client that sends too often";
const SHOP: &str = "https://shop.example";
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "orders";

/// The file of the identity provider's public keys.
fn jwks() -> Result<PathBuf> {
    // A file for each run: two may go on at the same time.
    Ok(files::target()?.join("test-edge").join(files::program()?).join("jwks.json"))
}

/// The identity provider's first key.
fn provider() -> Result<&'static Signer> {
    static PROVIDER: OnceLock<Signer> = OnceLock::new();
    if PROVIDER.get().is_none() {
        let signer = Signer::new("first")?;
        publish(&[&signer])?;
        _ = PROVIDER.set(signer);
    }
    PROVIDER.get().ok_or_else(|| anyhow!("there is no provider"))
}

/// Replaces the provider's public keys atomically.
fn publish(signers: &[&Signer]) -> Result<()> {
    let file = jwks()?;
    let keys = signers.iter().map(|signer| signer.jwk()).collect::<Result<Vec<_>>>()?;
    std::fs::create_dir_all(file.parent().context("a directory")?)?;
    let temporary = file.with_extension("new");
    std::fs::write(&temporary, json!({ "keys": keys }).to_string())?;
    Ok(std::fs::rename(temporary, file)?)
}

/// The services with authentication, rate limits and an allowed origin.
pub(crate) fn options() -> Result<Options> {
    provider()?;
    let hash = |key: &str| Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let customer = |name: &str, id: &str, key: &str| {
        format!("{{ name = \"{name}\", role = \"customer\", customer_id = \"{id}\", hash = \"{}\" }}", hash(key))
    };
    let operator = format!("{{ name = \"operator\", role = \"operator\", hash = \"{}\" }}", hash(OPERATOR_KEY));
    let all = [customer("ana", ANA, ANAS), customer("bia", BIA, BIAS), customer("busy", BIA, BUSY), operator];
    let keys = format!("[{}]", all.join(", "));
    let file = jwks()?.display().to_string();
    let mut settings = Vec::new();
    for name in [Name::Orders, Name::Inventory, Name::Payments] {
        for (key, value) in [
            ("AUTH__KEYS", keys.as_str()),
            ("AUTH__JWT__JWKS_FILE", &file),
            ("AUTH__JWT__ISSUER", ISSUER),
            ("AUTH__JWT__AUDIENCE", AUDIENCE),
            ("EDGE__RATE_LIMIT", "600"),
            ("EDGE__CORS_ORIGINS", SHOP),
        ] {
            let value: &'static str = Box::leak(value.to_owned().into_boxed_str());
            settings.push((name, key, value));
        }
    }
    // The tests are a reverse proxy, which reports its clients' addresses.
    settings.push((Name::Orchestrator, "EDGE__TRUSTED_PROXIES", "127.0.0.1"));
    settings.push((Name::Payments, "HTTP__HEADER_TIMEOUT", "2s"));
    settings.push((Name::Orders, "AUTH__JWT__LEEWAY", "0s"));
    let settings = Box::leak(settings.into_boxed_slice());
    Ok(Options { name: "edge", instances: 1, settings, result_timeout: None, definitions: &[], log: "info" })
}

/// A key of an identity provider.
struct Signer {
    name: &'static str,
    key: EncodingKey,
}

impl Signer {
    fn new(name: &'static str) -> Result<Self> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pair = Ed25519KeyPair::generate_pkcs8v1(&random).map_err(|_| anyhow!("no key was generated"))?;
        Ok(Self { name, key: EncodingKey::from_ed_der(pair.as_ref()) })
    }

    fn jwk(&self) -> Result<Value> {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA)?;
        jwk.common.key_id = Some(self.name.to_owned());
        Ok(serde_json::to_value(jwk)?)
    }

    /// A valid token for a customer, with these claims changed.
    fn token(&self, customer: &str, changed: &Value) -> Result<String> {
        let exp = get_current_timestamp() + 600;
        let mut claims = json!({"sub": customer, "role": "customer", "iss": ISSUER, "aud": AUDIENCE, "exp": exp});
        for (name, value) in changed.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let header = Header { kid: Some(self.name.to_owned()), ..Header::new(Algorithm::EdDSA) };
        Ok(encode(&header, &claims, &self.key)?)
    }
}

/// A token for a customer that expires after so many seconds.
pub(crate) fn token_for(customer: &str, seconds: u64) -> Result<String> {
    provider()?.token(customer, &json!({ "exp": get_current_timestamp() + seconds }))
}

/// A request without credentials.
pub(crate) fn request(cluster: &Cluster, name: Name, method: Method, path: &str) -> Result<RequestBuilder> {
    let client = tests::http::client().timeout(SOON).build()?;
    Ok(client.request(method, cluster.service(name)?.url(path)))
}

fn as_key(request: RequestBuilder, key: &str) -> RequestBuilder {
    request.header("X-API-Key", key)
}

/// Sends the request, expects this status, and returns the headers and the body.
pub(crate) async fn expect(request: RequestBuilder, status: u16) -> Result<(reqwest::header::HeaderMap, Value)> {
    let answer: Response = request.send().await?;
    let is = answer.status();
    let headers = answer.headers().clone();
    let url = answer.url().clone();
    let text = answer.text().await?;
    ensure!(is == status, "{url} returns {is} and not {status}: {text}");
    Ok((headers, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

pub(crate) fn header<'h>(headers: &'h reqwest::header::HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn requests_without_valid_credentials_are_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = format!("/orders/{}", Uuid::new_v4());
    let closed = [
        (Name::Orders, Method::GET, "/orders"),
        (Name::Orders, Method::POST, "/orders"),
        (Name::Orders, Method::GET, &order),
        (Name::Inventory, Method::GET, "/stock"),
        (Name::Inventory, Method::PUT, "/stock/1"),
        (Name::Payments, Method::GET, "/payments"),
        (Name::Payments, Method::GET, "/nothing"),
    ];
    for (name, method, path) in closed {
        let (headers, problem) = expect(request(&cluster, name, method.clone(), path)?, 401).await?;
        let challenge = header(&headers, "www-authenticate");
        ensure!(challenge == format!("Bearer realm=\"{}\"", name.binary()), "{challenge}");
        ensure!(
            header(&headers, "content-type") == "application/problem+json" && problem["status"] == 401,
            "{problem}"
        );
        let wrong = as_key(request(&cluster, name, method, path)?, "a guess");
        let (headers, _) = expect(wrong, 401).await?;
        ensure!(header(&headers, "www-authenticate").contains("error=\"invalid_token\""), "{headers:?}");
    }
    for name in [Name::Orders, Name::Inventory, Name::Payments] {
        for path in ["/health/live", "/health/ready"] {
            expect(request(&cluster, name, Method::GET, path)?, 200).await?;
        }
    }
    expect(request(&cluster, Name::Payments, Method::GET, "/openapi.json")?, 200).await?;
    expect(request(&cluster, Name::Payments, Method::GET, "/docs/")?, 200).await?;
    // Webhooks are signed and need no key; this cluster has none.
    expect(request(&cluster, Name::Payments, Method::POST, "/webhooks/stripe")?, 404).await?;
    // The orchestrator has a login of its own.
    let sagas = request(&cluster, Name::Orchestrator, Method::GET, "/api/sagas")?;
    let (headers, _) = expect(sagas, 401).await?;
    ensure!(header(&headers, "www-authenticate").starts_with("Basic "), "{headers:?}");
    Ok(())
}

async fn operator_endpoints_reject_customers(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    expect(as_key(request(&cluster, Name::Inventory, Method::GET, "/stock")?, ANAS), 200).await?;
    let count = json!({"name": "a ticket", "onHand": 1});
    let path = format!("/stock/{}", Uuid::new_v4());
    let counts = as_key(request(&cluster, Name::Inventory, Method::PUT, &path)?.json(&count), ANAS);
    let (headers, problem) = expect(counts, 403).await?;
    ensure!(header(&headers, "www-authenticate").contains("error=\"insufficient_scope\""), "{headers:?}");
    ensure!(problem["title"] == "Forbidden" && problem["requestId"].is_string(), "{problem}");
    for path in ["/payments", "/ledger", "/providers"] {
        expect(as_key(request(&cluster, Name::Payments, Method::GET, path)?, ANAS), 403).await?;
        expect(as_key(request(&cluster, Name::Payments, Method::GET, path)?, OPERATOR_KEY), 200).await?;
    }
    Ok(())
}

/// A customer places an order of one piece.
async fn place(cluster: &Arc<Cluster>, by: &str, key: &str, name: Option<&str>) -> Result<String> {
    let body = cluster.item(10).await?.order(1).by(by).body()?;
    let mut request = as_key(request(cluster, Name::Orders, Method::POST, "/orders")?.json(&body), key);
    if let Some(name) = name {
        request = request.header("Idempotency-Key", name);
    }
    let (_, order) = expect(request, 201).await?;
    Ok(order["id"].as_str().context("an id")?.to_owned())
}

async fn a_customer_sees_only_their_own_orders(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let anas = place(&cluster, ANA, ANAS, None).await?;
    let bias = place(&cluster, BIA, BIAS, None).await?;
    let get = |path: String, key: &'static str| {
        Ok::<_, anyhow::Error>(as_key(request(&cluster, Name::Orders, Method::GET, &path)?, key))
    };
    let (_, own) = expect(get(format!("/orders/{anas}"), ANAS)?, 200).await?;
    ensure!(own["customerId"] == ANA, "{own}");
    let (_, other) = expect(get(format!("/orders/{bias}"), ANAS)?, 404).await?;
    let (_, none) = expect(get(format!("/orders/{}", Uuid::new_v4()), ANAS)?, 404).await?;
    ensure!(other["title"] == none["title"], "another customer's order differs from a missing one: {other} {none}");
    let waits = get(format!("/orders/{bias}"), ANAS)?.header("Prefer", "wait=5");
    expect(waits, 404).await?;
    let cancels = request(&cluster, Name::Orders, Method::POST, &format!("/orders/{bias}/cancel"))?.json(&json!({}));
    expect(as_key(cancels, ANAS), 404).await?;

    let (_, list) = expect(get("/orders?limit=200".to_owned(), ANAS)?, 200).await?;
    let of = |list: &Value| {
        list["items"].as_array().into_iter().flatten().map(|o| o["customerId"].clone()).collect::<Vec<_>>()
    };
    ensure!(!of(&list).is_empty() && of(&list).iter().all(|customer| customer == ANA), "{list}");
    expect(get(format!("/orders?customerId={BIA}"), ANAS)?, 403).await?;
    let (_, all) = expect(get("/orders?limit=200".to_owned(), OPERATOR_KEY)?, 200).await?;
    ensure!([ANA, BIA].iter().all(|id| of(&all).iter().any(|customer| customer == id)), "{all}");

    let body = cluster.item(1).await?.order(1).by(BIA).body()?;
    let for_bia = as_key(request(&cluster, Name::Orders, Method::POST, "/orders")?.json(&body), ANAS);
    let (_, problem) = expect(for_bia, 403).await?;
    ensure!(problem["status"] == 403, "{problem}");
    for id in [anas, bias] {
        PlacedOrder::with_id(&cluster, &id).ends("confirmed").await?;
    }
    Ok(())
}

async fn idempotency_keys_are_separate_for_each_customer(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let anas = place(&cluster, ANA, ANAS, Some("monday")).await?;
    let bias = place(&cluster, BIA, BIAS, Some("monday")).await?;
    ensure!(anas != bias, "one order for two customers: {anas}");
    Ok(())
}

fn with_token(cluster: &Cluster, path: &str, token: &str) -> Result<RequestBuilder> {
    Ok(request(cluster, Name::Orders, Method::GET, path)?.bearer_auth(token))
}

async fn a_token_identifies_the_caller(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let order = format!("/orders/{}", place(&cluster, ANA, ANAS, None).await?);
    let provider = provider()?;
    expect(with_token(&cluster, &order, &provider.token(ANA, &Value::Null)?)?, 200).await?;
    expect(with_token(&cluster, &order, &provider.token(BIA, &Value::Null)?)?, 404).await?;
    let operator = provider.token("carla", &json!({"role": null, "roles": ["operator"]}))?;
    expect(with_token(&cluster, &order, &operator)?, 200).await?;
    expect(request(&cluster, Name::Payments, Method::GET, "/ledger")?.bearer_auth(&operator), 200).await?;
    Ok(())
}

async fn an_invalid_token_is_rejected(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let provider = provider()?;
    let forger = Signer::new("first")?;
    let past = get_current_timestamp() - 600;
    for (token, why) in [
        (forger.token(ANA, &Value::Null)?, "the signature is wrong"),
        (provider.token(ANA, &json!({ "exp": past }))?, "the token has expired"),
        (provider.token(ANA, &json!({"aud": "another service"}))?, "the token is for another audience"),
        (provider.token(ANA, &json!({"iss": "https://id.elsewhere"}))?, "the token is from another issuer"),
        (provider.token(ANA, &json!({"role": "king"}))?, "neither role nor roles"),
    ] {
        let (headers, problem) = expect(with_token(&cluster, "/orders", &token)?, 401).await?;
        ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{why}: {problem}");
        ensure!(header(&headers, "www-authenticate").contains("error=\"invalid_token\""), "{headers:?}");
        let output = problem.to_string() + &std::fs::read_to_string(cluster.service(Name::Orders)?.log())?;
        ensure!(!output.contains(&token), "a token is disclosed");
    }
    Ok(())
}

async fn a_new_signing_key_is_accepted_without_a_restart(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let second = Signer::new("second")?;
    let token = second.token(ANA, &Value::Null)?;
    expect(with_token(&cluster, "/orders", &token)?, 401).await?;
    publish(&[provider()?, &second])?;
    until("the new key to be accepted", SOON, || async {
        let answer = with_token(&cluster, "/orders", &token)?.send().await?;
        Ok((answer.status() == StatusCode::OK).then_some(()))
    })
    .await?;
    expect(with_token(&cluster, "/orders", &provider()?.token(ANA, &Value::Null)?)?, 200).await.map(|_| ())
}

async fn a_rate_limited_caller_gets_retry_after(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let client = tests::http::client().timeout(SOON).build()?;
    let url = cluster.service(Name::Inventory)?.url("/stock");
    let sends = || as_key(client.get(&url), BUSY);
    let (headers, _) = expect(sends(), 200).await?;
    ensure!(header(&headers, "ratelimit-policy") == "\"requests\";q=600;w=60", "{headers:?}");
    ensure!(header(&headers, "ratelimit").starts_with("\"requests\";r=599;t="), "{headers:?}");
    let mut refused = None;
    for _ in 0..20_000 {
        let answer = sends().send().await?;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.context("no request was rate limited")?;
    let headers = refused.headers().clone();
    let problem: Value = refused.json().await?;
    ensure!(header(&headers, "retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{headers:?}");
    ensure!(header(&headers, "ratelimit").starts_with("\"requests\";r=0;t="), "{headers:?}");
    ensure!(header(&headers, "content-type") == "application/problem+json" && problem["status"] == 429, "{problem}");
    // Other callers and health checks are not limited.
    expect(as_key(client.get(&url), ANAS), 200).await?;
    expect(request(&cluster, Name::Inventory, Method::GET, "/health/ready")?, 200).await.map(|_| ())
}

async fn a_configured_origin_passes_cors(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let preflight = |origin: &str| {
        Ok::<_, anyhow::Error>(
            request(&cluster, Name::Orders, Method::OPTIONS, "/orders")?
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "authorization,content-type,idempotency-key"),
        )
    };
    let (headers, _) = expect(preflight(SHOP)?, 200).await?;
    ensure!(header(&headers, "access-control-allow-origin") == SHOP, "{headers:?}");
    ensure!(header(&headers, "access-control-allow-methods").contains("POST"), "{headers:?}");
    ensure!(header(&headers, "access-control-allow-headers").contains("idempotency-key"), "{headers:?}");
    let (headers, _) = expect(preflight("https://elsewhere.example")?, 200).await?;
    ensure!(header(&headers, "access-control-allow-origin").is_empty(), "{headers:?}");
    let get = as_key(request(&cluster, Name::Orders, Method::GET, "/orders")?.header("Origin", SHOP), ANAS);
    let (headers, _) = expect(get, 200).await?;
    ensure!(header(&headers, "access-control-allow-origin") == SHOP, "{headers:?}");
    ensure!(header(&headers, "cache-control") == "no-store", "{headers:?}");
    ensure!(header(&headers, "x-content-type-options") == "nosniff", "{headers:?}");
    ensure!(header(&headers, "content-security-policy").contains("frame-ancestors 'none'"), "{headers:?}");
    Ok(())
}

async fn a_request_id_appears_in_the_log(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let id = format!("shop-{}", Uuid::new_v4().simple());
    let body = cluster.item(1).await?.order(1).by(ANA).body()?;
    let places = request(&cluster, Name::Orders, Method::POST, "/orders")?.json(&body).header("X-Request-Id", &id);
    let (headers, order) = expect(as_key(places, ANAS), 201).await?;
    ensure!(header(&headers, "x-request-id") == id, "{headers:?}");
    let log = cluster.service(Name::Orders)?.log();
    let order = order["id"].as_str().context("an id")?.to_owned();
    until("the request's line in the log", SOON, || async {
        let text = std::fs::read_to_string(&log)?;
        let of_it = |line: &&str| line.contains(&id) && line.contains(&order) && line.contains("key ana");
        Ok(text.lines().find(of_it).map(|_| ()))
    })
    .await?;
    let odd = as_key(request(&cluster, Name::Orders, Method::GET, "/orders")?, ANAS).header("X-Request-Id", "a b");
    let (headers, _) = expect(odd, 200).await?;
    ensure!(Uuid::parse_str(header(&headers, "x-request-id")).is_ok(), "{headers:?}");
    Ok(())
}
