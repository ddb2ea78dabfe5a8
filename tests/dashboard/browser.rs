//! A headless Chromium with a tab that tests control like a user: navigate, read, click, type.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tests::cluster::{PASSWORD, USER};
use tests::files;
use tests::wait::{SOON, until};
use tokio::sync::OnceCell;

use crate::webdriver::Session;

/// Names of the browser on Debian and other systems. The first one has no user interface, and takes less CPU time.
const BROWSERS: [&str; 5] =
    ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// The path below the target directory where `./dev test` installs axe-core.
const AXE: &str = "axe/node_modules/axe-core/axe.min.js";
/// The rules of axe-core about colors.
const COLOR_RULES: &str = "['color-contrast', 'link-in-text-block']";

/// The browser of all tests. The runner ends it with its other processes.
static SESSION: OnceCell<Session> = OnceCell::const_new();

/// The browser, for one test.
pub struct Chromium {
    session: &'static Session,
    base: String,
}

/// The tab of the browser.
pub struct Tab<'a> {
    session: &'static Session,
    base: &'a str,
}

/// The program that a variable of the environment names, or the first one on the path.
fn program(variable: &str, names: &[&str], package: &str) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = names.iter().flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)));
    all.find(|file| file.is_file()).with_context(|| {
        format!(
            "no {} found: install Debian's package {package} (./dev test does as root), or set {variable} to the \
             program",
            names.join(", ")
        )
    })
}

async fn start(directory: &Path) -> Result<Session> {
    files::empty(directory)?;
    let driver = program("CHROMEDRIVER", &["chromedriver"], "chromium-driver")?;
    let browser = program("CHROMIUM", &BROWSERS, "chromium-headless-shell or chromium")?;
    // ChromeDriver starts the two kinds of browsers in different ways.
    let shell = browser.file_name().is_some_and(|name| name.to_string_lossy().contains("headless-shell"));
    let name = if shell { "chrome-headless-shell" } else { "chrome" };
    let profile = format!("user-data-dir={}", directory.join("profile").display());
    let arguments = [
        "headless",
        "hide-scrollbars",
        "lang=en-US",
        "force-color-profile=srgb",
        // Root in a container has no user namespaces, and the pages are trusted.
        "no-sandbox",
        "disable-dev-shm-usage",
        "disable-gpu",
        &profile,
    ];
    let options = json!({ "binary": browser, "args": arguments });
    Session::start(&driver, directory, &json!({ "browserName": name, "goog:chromeOptions": options })).await
}

impl Chromium {
    /// The browser for the pages at `base`. The first test starts it, with its profile and its log in `directory`.
    pub async fn start(base: &str, directory: &Path) -> Result<Self> {
        let session = SESSION.get_or_try_init(|| start(directory)).await?;
        Ok(Self { session, base: base.to_owned() })
    }

    /// A tab without cookies, so without a login. It replaces the tab before.
    pub async fn tab(&mut self) -> Result<Tab<'_>> {
        self.clear().await?;
        let tab = Tab { session: self.session, base: &self.base };
        tab.set_size(1440, 900, false).await?;
        Ok(tab)
    }

    /// A tab with an operator's login.
    pub async fn logged_in(&mut self) -> Result<Tab<'_>> {
        let tab = self.tab().await?;
        tab.log_in(USER, PASSWORD).await?;
        Ok(tab)
    }

    /// Closes the page, and deletes what the browser keeps of it.
    pub async fn clear(&self) -> Result<()> {
        self.session.open_tab().await?;
        self.session.cdp("Network.clearBrowserCookies", json!({})).await?;
        let of_pages = json!({ "origin": self.base, "storageTypes": "local_storage" });
        self.session.cdp("Storage.clearDataForOrigin", of_pages).await?;
        Ok(())
    }
}

impl Tab<'_> {
    /// Goes to a page and waits until it is loaded.
    pub async fn go(&self, path: &str) -> Result<()> {
        let url = format!("{}{path}", self.base);
        self.session.post("/url", &json!({ "url": url })).await.with_context(|| format!("go to {path}"))?;
        Ok(())
    }

    /// Logs in with the form.
    pub async fn log_in(&self, user: &str, password: &str) -> Result<()> {
        self.go("/login").await?;
        self.fill("#user", user).await?;
        self.fill("#password", password).await?;
        self.submit("form.login button").await
    }

    /// The token of its session.
    pub async fn session(&self) -> Result<String> {
        let cookie = self.session.get("/cookie/session").await.context("the tab has no session")?;
        Ok(cookie["value"].as_str().context("a cookie without a value")?.to_owned())
    }

    /// Replaces the token of its session.
    pub async fn set_session(&self, token: &str) -> Result<()> {
        let cookie = json!({ "name": "session", "value": token, "path": "/", "httpOnly": true });
        self.session.post("/cookie", &json!({ "cookie": cookie })).await?;
        Ok(())
    }

    /// The value of a script.
    pub async fn eval(&self, script: &str) -> Result<Value> {
        let parameters = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let mut evaluated = self.session.cdp("Runtime.evaluate", parameters).await?;
        let thrown = &evaluated["exceptionDetails"];
        ensure!(thrown.is_null(), "evaluate {script:.200}: {} {}", thrown["text"], thrown["exception"]["description"]);
        Ok(evaluated["result"]["value"].take())
    }

    /// The text of an element, or `None` if there is no such element.
    pub async fn text(&self, selector: &str) -> Result<Option<String>> {
        let text = self.eval(&format!("document.querySelector({})?.innerText ?? null", json!(selector))).await?;
        Ok(text.as_str().map(str::to_owned))
    }

    /// The current path and query.
    pub async fn location(&self) -> Result<String> {
        Ok(self.eval("location.pathname + location.search").await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a script returns `true`.
    pub async fn wait_until(&self, what: &str, script: &str) -> Result<()> {
        let seen = until(what, SOON, || async { Ok((self.eval(script).await? == true).then_some(())) }).await;
        if seen.is_err() {
            let shown = self.text("body").await.ok().flatten().unwrap_or_default();
            bail!("{what}: not at {}:\n{shown}", self.location().await.unwrap_or_default());
        }
        Ok(())
    }

    /// Waits until an element contains a text.
    pub async fn wait_for_text(&self, selector: &str, text: &str) -> Result<()> {
        let script = format!("!!document.querySelector({})?.innerText.includes({})", json!(selector), json!(text));
        self.wait_until(&format!("{text:?} in {selector}"), &script).await
    }

    /// Clicks on an element with the mouse, and tries again if a live update replaces the element.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let clicked = || async { self.session.post_to(selector, "click", &json!({})).await.map(Some) };
        until(&format!("a click on {selector}"), SOON, clicked).await.map(drop)
    }

    /// Clicks on an element that leads to another page, and waits until that is loaded.
    pub async fn submit(&self, selector: &str) -> Result<()> {
        self.eval("window.before = true").await?;
        self.click(selector).await?;
        self.wait_until("the next page", "window.before !== true && document.readyState === 'complete'").await
    }

    /// Types into a field.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let script = format!("document.querySelector({}).value = ''", json!(selector));
        self.eval(&script).await?;
        self.click(selector).await?;
        self.type_text(text).await
    }

    /// Selects a value in a list.
    pub async fn select(&self, selector: &str, value: &str) -> Result<()> {
        let script = format!(
            "document.querySelector({0}).value = {1}; document.querySelector({0}).value",
            json!(selector),
            json!(value)
        );
        ensure!(self.eval(&script).await? == value, "{selector} has no {value}");
        Ok(())
    }

    /// Presses a key in the focused element. Those that are no character have one in the specification of WebDriver.
    pub async fn press(&self, key: &str) -> Result<()> {
        self.type_text(match key {
            "Tab" => "\u{E004}",
            "Enter" => "\u{E007}",
            "Escape" => "\u{E00C}",
            "ArrowRight" => "\u{E014}",
            character => character,
        })
        .await
    }

    /// Types into the focused element.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        ensure!(self.eval("document.activeElement !== document.body").await? == true, "nothing has the focus");
        let keys = text.chars().flat_map(|key| ["keyDown", "keyUp"].map(|what| json!({ "type": what, "value": key })));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": keys.collect::<Vec<_>>() });
        self.session.post("/actions", &json!({ "actions": [keyboard] })).await?;
        Ok(())
    }

    /// Sets the size of the window.
    pub async fn set_size(&self, width: i64, height: i64, phone: bool) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.session.cdp("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// Sets the color scheme: `light` or `dark`.
    pub async fn set_theme(&self, theme: &str) -> Result<()> {
        self.set_media("prefers-color-scheme", theme).await
    }

    /// Asks for less motion, as a setting of the system does.
    pub async fn reduce_motion(&self) -> Result<()> {
        self.set_media("prefers-reduced-motion", "reduce").await
    }

    async fn set_media(&self, name: &str, value: &str) -> Result<()> {
        let features = json!({ "features": [{ "name": name, "value": value }] });
        self.session.cdp("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    /// Sets the accepted languages.
    pub async fn set_languages(&self, languages: &str) -> Result<()> {
        // ChromeDriver does not enable this domain, without which Chromium ignores the headers.
        self.session.cdp("Network.enable", json!({})).await?;
        let headers = json!({ "headers": { "Accept-Language": languages } });
        self.session.cdp("Network.setExtraHTTPHeaders", headers).await?;
        Ok(())
    }

    /// Drags with the mouse over an element, between two parts of its width (0 to 1).
    pub async fn drag(&self, selector: &str, from: f64, to: f64) -> Result<()> {
        let script = format!(
            "(() => {{ const one = document.querySelector({}); one.scrollIntoView({{ block: 'center' }}); \
             const box = one.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; }})()",
            json!(selector)
        );
        let place = self.eval(&script).await?;
        let number = |index: usize| place[index].as_f64().with_context(|| format!("no {selector} to drag over"));
        let x = |part: f64| Ok::<_, anyhow::Error>(number(0)? + part * number(2)?);
        let y = number(1)? + number(3)? / 2.0;
        let steps = [
            ("mousePressed", x(from)?),
            ("mouseMoved", x((from + to) / 2.0)?),
            ("mouseMoved", x(to)?),
            ("mouseReleased", x(to)?),
        ];
        for (kind, x) in steps {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
            self.session.cdp("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Sets the time zone.
    pub async fn set_zone(&self, zone: &str) -> Result<()> {
        self.session.cdp("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await?;
        Ok(())
    }

    /// Writes a screenshot of the whole page.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let size = self.eval("[document.documentElement.clientWidth, document.documentElement.scrollHeight]").await?;
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
        let parameters =
            json!({ "format": "png", "clip": clip, "captureBeyondViewport": true, "optimizeForSpeed": true });
        let taken = self.session.cdp("Page.captureScreenshot", parameters).await?;
        let image = taken["data"].as_str().context("a screenshot without data")?;
        std::fs::write(file, BASE64_STANDARD.decode(image)?)?;
        Ok(())
    }

    /// The serious and critical accessibility violations that axe-core finds, one per line.
    pub async fn accessibility_violations(&self) -> Result<Vec<String>> {
        self.violations("{ resultTypes: ['violations'] }").await
    }

    /// Those of [`Tab::accessibility_violations`] that depend on colors.
    pub async fn color_violations(&self) -> Result<Vec<String>> {
        self.violations(&format!("{{ resultTypes: ['violations'], runOnly: {COLOR_RULES} }}")).await
    }

    /// All the others of them.
    pub async fn violations_without_colors(&self) -> Result<Vec<String>> {
        let rules = format!("Object.fromEntries({COLOR_RULES}.map((rule) => [rule, {{ enabled: false }}]))");
        self.violations(&format!("{{ resultTypes: ['violations'], rules: {rules} }}")).await
    }

    /// The serious and critical violations that axe-core finds with these options.
    async fn violations(&self, options: &str) -> Result<Vec<String>> {
        if self.eval("typeof axe === 'undefined'").await? == true {
            self.load_axe().await?;
        }
        let found = self.eval(&format!("axe.run(document, {options}).then((results) => results.violations)")).await?;
        let serious = found.as_array().into_iter().flatten();
        let serious = serious.filter(|one| one["impact"] == "serious" || one["impact"] == "critical");
        let violations = serious.map(|one| {
            let nodes = one["nodes"].as_array().cloned().unwrap_or_default();
            let shown: Vec<String> =
                nodes.iter().take(4).map(|node| format!("{} ({})", node["html"], node["failureSummary"])).collect();
            format!("{}: {}\n    {}", one["id"], one["help"], shown.join("\n    "))
        });
        Ok(violations.collect())
    }

    async fn load_axe(&self) -> Result<()> {
        let file = files::target()?.join(AXE);
        let axe = std::fs::read_to_string(&file).with_context(|| {
            format!(
                "{} does not exist: ./dev test fetches it (npm install --prefix target/axe axe-core)",
                file.display()
            )
        })?;
        // Also into the pages to which this tab goes from here.
        let script = json!({ "source": axe, "runImmediately": true });
        self.session.cdp("Page.addScriptToEvaluateOnNewDocument", script).await?;
        Ok(())
    }
}
