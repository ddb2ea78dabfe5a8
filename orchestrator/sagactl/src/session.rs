//! What a command runs with: the client, and the terminal.

use std::env;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use serde_json::Value;

use crate::cli::{Format, Global};
use crate::client::Client;
use crate::config::{Config, Context, Secret, default_path};
use crate::failure::{Exit, Failure};

/// The session of a command.
#[derive(Debug)]
pub struct Session {
    pub client: Client,
    pub format: Format,
    /// The width of the terminal, if standard output is one.
    pub width: Option<u16>,
}

impl Session {
    /// A session with the context of the options, the environment and the file. A password that is missing is asked for
    /// on a terminal.
    ///
    /// # Errors
    /// The configuration is not valid, or a password is missing.
    pub fn open(global: &Global) -> Result<Self, Failure> {
        let config = Config::read(&path(global)?)?;
        let mut context = config.context(global.context.as_deref())?.overridden_by(overrides(global));
        if let (Some(user), None, None) = (&context.user, &context.password, &context.key) {
            context.password = Some(ask_password(user)?);
        }
        let width = terminal_size::terminal_size().map(|(width, _)| width.0);
        let width = width.filter(|_| io::stdout().is_terminal());
        Ok(Self { client: Client::new(context)?, format: global.output, width })
    }

    /// Prints a value: as JSON, or the text.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn print(&self, value: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        print(&match self.format {
            Format::Json => format!("{value:#}\n"),
            Format::Table => text(),
        })
    }
}

/// Prints a text.
///
/// # Errors
/// Standard output is closed.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| Failure::new(Exit::Failed, format!("standard output: {error}"), "check where it leads"))
}

/// The path of the file with the contexts.
///
/// # Errors
/// There is no home directory.
pub fn path(global: &Global) -> Result<PathBuf, Failure> {
    global.config.clone().map_or_else(default_path, Ok)
}

/// The values of the options and the environment.
pub fn overrides(global: &Global) -> Context {
    let secret = |name: &str| env::var(name).ok().filter(|text| !text.is_empty()).map(Secret);
    Context {
        orchestrator: global.orchestrator.clone(),
        orders: global.orders.clone(),
        inventory: global.inventory.clone(),
        payments: global.payments.clone(),
        ca: global.ca.clone(),
        user: global.user.clone(),
        password: secret("SAGACTL_PASSWORD"),
        key: secret("SAGACTL_KEY"),
        orders_key: secret("SAGACTL_ORDERS_KEY"),
    }
}

/// Asks for a password on the terminal.
///
/// # Errors
/// There is no terminal.
pub fn ask_password(user: &str) -> Result<Secret, Failure> {
    let missing = |problem: String| {
        let advice = "run sagactl login on a terminal, or set SAGACTL_PASSWORD";
        Failure::new(Exit::NotPermitted, problem, advice)
    };
    if !io::stdin().is_terminal() {
        return Err(missing(format!("the password of {user} is missing")));
    }
    rpassword::prompt_password(format!("Password of {user}: ")).map(Secret).map_err(|error| missing(error.to_string()))
}

/// Reads a line of standard input, without its end.
///
/// # Errors
/// Standard input can't be read.
pub fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::new(Exit::Usage, format!("standard input: {error}"), "check where it leads"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks a question on the terminal.
///
/// # Errors
/// There is no terminal.
pub fn confirm(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Usage, format!("{question} Not confirmed."), "add --yes, or --dry-run to look"));
    }
    // A closed standard error leaves no way to ask.
    _ = write!(io::stderr(), "{question} [y/N] ");
    Ok(matches!(read_line()?.trim(), "y" | "Y" | "yes"))
}
