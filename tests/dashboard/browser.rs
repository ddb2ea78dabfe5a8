//! A headless Chromium with a tab that tests control like a user: navigate, read, click, type.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetTimezoneOverrideParams,
};
use chromiumoxide::cdp::browser_protocol::input::{DispatchMouseEventParams, DispatchMouseEventType, MouseButton};
use chromiumoxide::cdp::browser_protocol::network::{CookieParam, Headers, SetExtraHttpHeadersParams};
use chromiumoxide::cdp::browser_protocol::page::{CaptureScreenshotFormat, CaptureScreenshotParams, Viewport};
use chromiumoxide::{Browser, BrowserConfig, Page};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tests::cluster::{PASSWORD, USER};
use tests::files;
use tests::wait::{SOON, until};

/// Names of the executable on Debian and other systems.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// The path below the target directory where `./dev test` installs axe-core.
const AXE: &str = "axe/node_modules/axe-core/axe.min.js";

/// A browser.
pub struct Chromium {
    browser: Browser,
    base: String,
}

/// A tab of the browser.
pub struct Tab {
    page: Page,
    base: String,
}

fn executable() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    all.find(|file| file.is_file()).context(
        "no Chromium found: install Debian's package chromium (./dev test does as root), or set CHROMIUM to the \
         program",
    )
}

impl Chromium {
    /// Starts a browser for the pages at `base`.
    pub async fn start(base: &str, profile: &Path) -> Result<Self> {
        files::empty(profile)?;
        let config = BrowserConfig::builder()
            .chrome_executable(executable()?)
            .new_headless_mode()
            // Root in a container has no user namespaces, and the pages are trusted.
            .no_sandbox()
            .user_data_dir(profile)
            .viewport(None)
            .launch_timeout(SOON)
            .request_timeout(SOON)
            .arg("disable-dev-shm-usage")
            .arg("disable-gpu")
            .build()
            .map_err(|why| anyhow!("{why}"))?;
        let (browser, mut events) = Browser::launch(config).await.context("Chromium does not start")?;
        tokio::spawn(async move { while events.next().await.is_some() {} });
        Ok(Self { browser, base: base.to_owned() })
    }

    /// A tab without cookies, so without a login.
    pub async fn tab(&mut self) -> Result<Tab> {
        self.browser.clear_cookies().await?;
        let page = self.browser.new_page("about:blank").await?;
        let tab = Tab { page, base: self.base.clone() };
        tab.set_size(1440, 900, false).await?;
        Ok(tab)
    }

    /// A tab with an operator's login.
    pub async fn logged_in(&mut self) -> Result<Tab> {
        let tab = self.tab().await?;
        tab.log_in(USER, PASSWORD).await?;
        Ok(tab)
    }

    /// Ends the browser. `Browser::close` waits for an answer that an ended browser may not have sent.
    pub async fn stop(mut self) -> Result<()> {
        let killed = tokio::time::timeout(SOON, self.browser.kill()).await.context("Chromium does not end")?;
        killed.context("Chromium was not started here")?.context("end Chromium")
    }
}

impl Tab {
    /// Goes to a page and waits until it is loaded.
    pub async fn go(&self, path: &str) -> Result<()> {
        self.page.goto(format!("{}{path}", self.base)).await.with_context(|| format!("go to {path}"))?;
        self.page.wait_for_navigation().await?;
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
        let cookies = self.page.get_cookies().await?.into_iter();
        let session = cookies.filter(|cookie| cookie.name == "session").map(|cookie| cookie.value).next();
        session.context("the tab has no session")
    }

    /// Replaces the token of its session.
    pub async fn set_session(&self, token: &str) -> Result<()> {
        let cookie = CookieParam::builder().name("session").value(token).url(&self.base).path("/").http_only(true);
        self.page.set_cookie(cookie.build().map_err(|why| anyhow!("{why}"))?).await?;
        Ok(())
    }

    /// The value of a script.
    pub async fn eval(&self, script: &str) -> Result<Value> {
        let result = self.page.evaluate(script).await.with_context(|| format!("evaluate {script}"))?;
        Ok(result.value().cloned().unwrap_or(Value::Null))
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
        let clicked = || async {
            let found = self.page.find_element(selector).await.with_context(|| format!("no {selector} to click on"))?;
            found.click().await.with_context(|| format!("click on {selector}"))?;
            Ok(Some(()))
        };
        until(&format!("a click on {selector}"), SOON, clicked).await
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
        let field = self.page.find_element(selector).await.with_context(|| format!("no {selector} to fill"))?;
        field.type_str(text).await?;
        Ok(())
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

    /// Presses a key in the focused element.
    pub async fn press(&self, key: &str) -> Result<()> {
        let focused = self.page.find_element(":focus").await.context("nothing has the focus")?;
        focused.press_key(key).await?;
        Ok(())
    }

    /// Types into the focused element.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.page.find_element(":focus").await.context("nothing has the focus")?.type_str(text).await?;
        Ok(())
    }

    /// Sets the size of the window.
    pub async fn set_size(&self, width: i64, height: i64, phone: bool) -> Result<()> {
        self.page.execute(SetDeviceMetricsOverrideParams::new(width, height, 1.0, phone)).await?;
        Ok(())
    }

    /// Sets the color scheme: `light` or `dark`.
    pub async fn set_theme(&self, theme: &str) -> Result<()> {
        let feature = MediaFeature { name: "prefers-color-scheme".to_owned(), value: theme.to_owned() };
        self.page.emulate_media_features(vec![feature]).await?;
        Ok(())
    }

    /// Asks for less motion, as a setting of the system does.
    pub async fn reduce_motion(&self) -> Result<()> {
        let feature = MediaFeature { name: "prefers-reduced-motion".to_owned(), value: "reduce".to_owned() };
        self.page.emulate_media_features(vec![feature]).await?;
        Ok(())
    }

    /// Sets the accepted languages.
    pub async fn set_languages(&self, languages: &str) -> Result<()> {
        let headers = Headers::new(json!({ "Accept-Language": languages }));
        self.page.execute(SetExtraHttpHeadersParams::new(headers)).await?;
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
            (DispatchMouseEventType::MousePressed, x(from)?),
            (DispatchMouseEventType::MouseMoved, x((from + to) / 2.0)?),
            (DispatchMouseEventType::MouseMoved, x(to)?),
            (DispatchMouseEventType::MouseReleased, x(to)?),
        ];
        for (kind, x) in steps {
            let event = DispatchMouseEventParams::builder().r#type(kind).x(x).y(y).button(MouseButton::Left);
            let event = event.buttons(1).click_count(1).build().map_err(|why| anyhow!("{why}"))?;
            self.page.execute(event).await?;
        }
        Ok(())
    }

    /// Sets the time zone.
    pub async fn set_zone(&self, zone: &str) -> Result<()> {
        self.page.execute(SetTimezoneOverrideParams::new(zone)).await?;
        Ok(())
    }

    /// Writes a screenshot of the whole page.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let size = self.eval("[document.documentElement.clientWidth, document.documentElement.scrollHeight]").await?;
        let width = size[0].as_f64().unwrap_or(0.0);
        let height = size[1].as_f64().unwrap_or(0.0);
        let clip = Viewport { x: 0.0, y: 0.0, width, height, scale: 1.0 };
        let format = CaptureScreenshotFormat::Png;
        let params = CaptureScreenshotParams::builder()
            .format(format)
            .clip(clip)
            .capture_beyond_viewport(true)
            .optimize_for_speed(true)
            .build();
        let taken = self.page.execute(params).await?;
        std::fs::write(file, BASE64_STANDARD.decode(&taken.result.data)?)?;
        Ok(())
    }

    /// The serious and critical accessibility violations that axe-core finds, one per line.
    pub async fn accessibility_violations(&self) -> Result<Vec<String>> {
        self.violations("{ resultTypes: ['violations'] }").await
    }

    /// Those of [`Tab::accessibility_violations`] that depend on colors.
    pub async fn color_violations(&self) -> Result<Vec<String>> {
        self.violations("{ resultTypes: ['violations'], runOnly: ['color-contrast', 'link-in-text-block'] }").await
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
        self.page.evaluate(format!("{axe};true")).await.context("axe-core")?;
        Ok(())
    }
}
