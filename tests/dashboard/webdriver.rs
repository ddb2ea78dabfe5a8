//! A client of WebDriver, the W3C's protocol for controlling a browser: HTTP requests with JSON to ChromeDriver, and
//! through it commands of Chromium's own protocol (CDP). The crate thirtyfour is not used because it turns on
//! `preserve_order` of `serde_json` for all crates of a build: the tests would run other services than are released.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tests::machine;
use tests::process::Group;
use tests::wait::{SOON, until};

/// The key of an element's id, a constant of the specification.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with the process of its driver. When dropped, both are killed.
pub struct Session {
    client: Client,
    url: String,
    _driver: Group,
}

impl Session {
    /// Starts a driver, whose log is in `directory`, and a browser with these capabilities.
    pub async fn start(driver: &Path, directory: &Path, capabilities: &Value) -> Result<Self> {
        let client = tests::http::client().timeout(SOON).build()?;
        let port = machine::free_ports(1)?;
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}"));
        let driver = Group::start(&mut command, &directory.join("chromedriver.log")).context("start ChromeDriver")?;
        let mut session = Self { client, url: format!("http://127.0.0.1:{port}"), _driver: driver };
        let ready = || async { Ok((session.get("/status").await?["ready"] == true).then_some(())) };
        until("ChromeDriver to be ready", SOON, ready).await?;
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let created = session.post("/session", &body).await.context("start Chromium")?;
        let id = created["sessionId"].as_str().context("a session without an id")?;
        session.url = format!("{}/session/{id}", session.url);
        Ok(session)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let failed = !response.status().is_success();
        let value = response.json::<Value>().await?["value"].take();
        if failed {
            bail!("{}: {}", value["error"], value["message"]);
        }
        Ok(value)
    }

    /// The value that a command without parameters returns.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// Carries out a command.
    pub async fn post(&self, path: &str, parameters: &Value) -> Result<Value> {
        self.send(Method::POST, path, Some(parameters)).await
    }

    /// Carries out a command of CDP in the current tab.
    pub async fn cdp(&self, method: &str, parameters: Value) -> Result<Value> {
        self.post("/goog/cdp/execute", &json!({ "cmd": method, "params": parameters })).await.context(method.to_owned())
    }

    /// Carries out a command on the element of a CSS selector.
    pub async fn post_to(&self, selector: &str, command: &str, parameters: &Value) -> Result<Value> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector })).await?;
        let id = found[ELEMENT].as_str().with_context(|| format!("no id of {selector}"))?;
        self.post(&format!("/element/{id}/{command}"), parameters).await
    }

    /// Opens an empty tab, the only one. Settings of a tab, such as its size, end with it.
    pub async fn open_tab(&self) -> Result<()> {
        let old = self.get("/window/handles").await?;
        let new = self.post("/window/new", &json!({ "type": "tab" })).await?;
        for handle in old.as_array().context("no list of tabs")? {
            self.post("/window", &json!({ "handle": handle })).await?;
            self.send(Method::DELETE, "/window", None).await?;
        }
        self.post("/window", &json!({ "handle": new["handle"] })).await?;
        Ok(())
    }
}
