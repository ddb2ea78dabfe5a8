//! The HTTP client of the services' APIs.

use std::time::Duration;

use reqwest::{Certificate, Method, Request, RequestBuilder, Url, redirect};
use serde_json::Value;

use crate::config::Context;
use crate::failure::{Exit, Failure};

/// The time limit for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The time limit for a response. The orchestrator answers an action within ten seconds.
const RESPONSE: Duration = Duration::from_secs(60);
/// The longest response.
const MOST_BYTES: usize = 64 << 20;

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Orchestrator,
    Orders,
    Inventory,
    Payments,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 4] = [Self::Orchestrator, Self::Orders, Self::Inventory, Self::Payments];

    /// The name of its program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::Orders => "order-service",
            Self::Inventory => "inventory-service",
            Self::Payments => "payment-service",
        }
    }

    /// Its address in a context.
    fn address(self, context: &Context) -> &str {
        let (configured, default) = match self {
            Self::Orchestrator => (&context.orchestrator, "http://localhost:8083"),
            Self::Orders => (&context.orders, "http://localhost:8080"),
            Self::Inventory => (&context.inventory, "http://localhost:8081"),
            Self::Payments => (&context.payments, "http://localhost:8082"),
        };
        configured.as_deref().unwrap_or(default)
    }
}

/// A request to a service.
#[derive(Debug)]
pub struct Call<'a> {
    pub service: Service,
    pub method: Method,
    /// The segments of the path, which are escaped.
    pub path: &'a [&'a str],
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    /// The `Idempotency-Key` of a change.
    pub key: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// A GET request.
    pub const fn get(service: Service, path: &'a [&'a str]) -> Self {
        Self { service, method: Method::GET, path, query: Vec::new(), body: None, key: None }
    }
}

/// A response: its status and its body.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub body: String,
}

/// The client.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    context: Context,
}

impl Client {
    /// A client with the addresses and the login of a context.
    ///
    /// # Errors
    /// The certificate can't be read.
    pub fn new(context: Context) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(RESPONSE)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("sagactl/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &context.ca {
            let advice = "name a file with certificates in PEM with --ca, or correct the context";
            let failed = |error: String| Failure::new(Exit::Usage, format!("{}: {error}", path.display()), advice);
            let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
            for certificate in Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let advice = "check the certificates of this machine";
        let http = builder.build().map_err(|error| Failure::new(Exit::Failed, causes(&error), advice))?;
        Ok(Self { http, context })
    }

    /// Sends a request; the response must be JSON.
    ///
    /// # Errors
    /// The service is not reached or refuses the request.
    pub async fn json(&self, call: Call<'_>) -> Result<Value, Failure> {
        let service = call.service;
        let body = self.done(call).await?;
        serde_json::from_str(&body).map_err(|error| {
            let detail = format!("the answer of {} is not JSON: {error}", service.address(&self.context));
            Failure::new(Exit::Failed, detail, format!("check that this is the address of {}", service.name()))
        })
    }

    /// Sends a request that must succeed. Returns the body of the response.
    ///
    /// # Errors
    /// The service is not reached or refuses the request.
    pub async fn done(&self, call: Call<'_>) -> Result<String, Failure> {
        let key = call.key.map(str::to_owned);
        let Response { status, body } = self.send(call).await?;
        if (200..300).contains(&status) { Ok(body) } else { Err(Failure::of_response(status, &body, key.as_deref())) }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The service is not reached.
    pub async fn send(&self, call: Call<'_>) -> Result<Response, Failure> {
        let service = call.service;
        let key = call.key.map(str::to_owned);
        let request = self.request(call)?;
        let sent = async {
            let mut response = self.http.execute(request).await?;
            let status = response.status().as_u16();
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                if bytes.len() + chunk.len() > MOST_BYTES {
                    return Ok(None);
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(Some(Response { status, body: String::from_utf8_lossy(&bytes).into_owned() }))
        };
        match sent.await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => {
                let detail = format!("{} answers with more than {MOST_BYTES} bytes", service.name());
                Err(Failure::new(Exit::Failed, detail, "ask for less, such as with --limit"))
            }
            Err(error) => Err(self.unreached(service, &error, key.as_deref())),
        }
    }

    fn request(&self, call: Call<'_>) -> Result<Request, Failure> {
        let Call { service, method, path, query, body, key } = call;
        let address = service.address(&self.context);
        let advice = format!("write an address such as http://localhost:8083 for {}", service.name());
        let invalid = |problem: String| Failure::new(Exit::Usage, format!("{address:?}: {problem}"), advice.clone());
        let mut url = Url::parse(address).map_err(|error| invalid(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("it is neither http nor https".to_owned()));
        }
        match url.path_segments_mut() {
            Ok(mut segments) => _ = segments.pop_if_empty().extend(path),
            Err(()) => return Err(invalid("it has no path".to_owned())),
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(&query);
        }
        let mut request = self.authorized(service, self.http.request(method, url));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.build().map_err(|error| invalid(causes(&error)))
    }

    fn authorized(&self, service: Service, request: RequestBuilder) -> RequestBuilder {
        let context = &self.context;
        match service {
            Service::Orchestrator => match (&context.key, &context.user) {
                (Some(key), _) => request.bearer_auth(&key.0),
                (None, Some(user)) => request.basic_auth(user, context.password.as_ref().map(|secret| &secret.0)),
                (None, None) => request,
            },
            Service::Orders => match &context.orders_key {
                Some(key) => request.bearer_auth(&key.0),
                None => request,
            },
            Service::Inventory | Service::Payments => request,
        }
    }

    /// A request without a response. After a connection a change may have taken effect.
    fn unreached(&self, service: Service, error: &reqwest::Error, key: Option<&str>) -> Failure {
        let address = service.address(&self.context);
        let detail = format!("{} at {address}: {}", service.name(), causes(error));
        match key.filter(|_| !error.is_connect()) {
            Some(key) => {
                let advice = format!("repeat the command with --idempotency-key {key}: it takes effect once");
                Failure::new(Exit::Unknown, detail, advice)
            }
            None => {
                let advice = "check that it runs, and the address (sagactl context list; --orchestrator, --orders)";
                Failure::new(Exit::Unreachable, detail, advice)
            }
        }
    }
}

/// An error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn client(context: Context) -> Client {
        Client::new(context).unwrap()
    }

    #[test]
    fn the_path_is_escaped_and_follows_that_of_the_address() {
        let client =
            client(Context { orchestrator: Some("https://ops.example/sagas/".to_owned()), ..Context::default() });
        let mut call = Call::get(Service::Orchestrator, &["api", "dead-letters", "a/b?c.dlq"]);
        call.query = vec![("text", "a&b".to_owned())];
        let request = client.request(call).unwrap();
        assert_eq!(request.url().as_str(), "https://ops.example/sagas/api/dead-letters/a%2Fb%3Fc.dlq?text=a%26b");
    }

    #[test]
    fn each_service_gets_its_own_login() {
        let context = Context {
            user: Some("techlead".to_owned()),
            password: Some(Secret("p".to_owned())),
            orders_key: Some(Secret("k".to_owned())),
            ..Context::default()
        };
        let client = client(context);
        let header = |service| {
            let request = client.request(Call::get(service, &["x"])).unwrap();
            request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(header(Service::Orchestrator).as_deref(), Some("Basic dGVjaGxlYWQ6cA=="));
        assert_eq!(header(Service::Orders).as_deref(), Some("Bearer k"));
        assert_eq!(header(Service::Payments), None);
    }

    #[test]
    fn an_invalid_address_is_named() {
        for address in ["localhost:8083", "", "ftp://example.com", "http://"] {
            let client = client(Context { orchestrator: Some(address.to_owned()), ..Context::default() });
            let failure = client.request(Call::get(Service::Orchestrator, &["x"])).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{address}");
            assert!(failure.detail.contains(&format!("{address:?}")), "{failure:?}");
        }
    }
}
