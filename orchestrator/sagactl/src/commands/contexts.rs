//! `login` and `context`

use serde_json::{Value, json};

use crate::cli::{ContextCommand, Format, Global, Login};
use crate::client::{Call, Client, Service};
use crate::config::{Config, Context, Secret};
use crate::failure::{Exit, Failure};
use crate::render::{Column, table};
use crate::session::{ask_password, overrides, path, print, read_line};

const COLUMNS: [Column; 6] = [
    ("CURRENT", "/current"),
    ("NAME", "/name"),
    ("ORCHESTRATOR", "/orchestrator"),
    ("ORDERS", "/orders"),
    ("USER", "/user"),
    ("KEYS", "/keys"),
];

/// Checks a login, and stores it with the addresses as a context, which becomes the current one.
pub async fn login(global: &Global, login: &Login) -> Result<Exit, Failure> {
    let path = path(global)?;
    let mut config = Config::read(&path)?;
    let name = config.context_name(global.context.as_deref()).to_owned();
    let known = config.contexts.get(&name).cloned().unwrap_or_default();
    let context = with_login(known.overridden_by(overrides(global)), login)?;
    if !login.no_check {
        let client = Client::new(context.clone())?;
        client.json(Call::get(Service::Orchestrator, &["api", "definitions"])).await?;
    }
    let text = format!("logged in; stored as context {name:?} in {}\n", path.display());
    config.contexts.insert(name.clone(), context);
    config.current = Some(name);
    config.write(&path)?;
    print(&text)?;
    Ok(Exit::Ok)
}

/// The context with the password that is asked for or read.
fn with_login(context: Context, login: &Login) -> Result<Context, Failure> {
    if login.keys {
        if context.key.is_none() && context.orders_key.is_none() {
            let advice = "set SAGACTL_KEY, SAGACTL_ORDERS_KEY or both";
            return Err(Failure::new(Exit::Usage, "there is no key to store", advice));
        }
        return Ok(context);
    }
    let Some(user) = context.user.clone() else {
        let advice = "add --user NAME, or --keys with SAGACTL_KEY";
        return Err(Failure::new(Exit::Usage, "the user is missing", advice));
    };
    let password = match (login.password_stdin, &context.password) {
        (true, _) => Secret(read_line()?),
        (false, Some(password)) if std::env::var_os("SAGACTL_PASSWORD").is_some() => password.clone(),
        (false, Some(_) | None) => ask_password(&user)?,
    };
    Ok(Context { password: Some(password), key: None, ..context })
}

/// Runs a command.
pub fn run(global: &Global, command: ContextCommand) -> Result<Exit, Failure> {
    let path = path(global)?;
    let mut config = Config::read(&path)?;
    match command {
        ContextCommand::List => {
            let items = list(&config);
            print(&match global.output {
                Format::Json => format!("{:#}\n", json!({ "items": items })),
                Format::Table => table(&COLUMNS, &items, None),
            })?;
        }
        ContextCommand::Use { name } => {
            if !config.contexts.contains_key(&name) {
                return Err(config.unknown(&name));
            }
            config.current = Some(name);
            config.write(&path)?;
        }
        ContextCommand::Remove { name } => {
            if config.contexts.remove(&name).is_none() {
                return Err(config.unknown(&name));
            }
            if config.current.as_ref() == Some(&name) {
                config.current = None;
            }
            config.write(&path)?;
        }
    }
    Ok(Exit::Ok)
}

/// The contexts without their secrets.
fn list(config: &Config) -> Vec<Value> {
    let item = |(name, context): (&String, &Context)| {
        let keys = [context.key.as_ref().map(|_| "orchestrator"), context.orders_key.as_ref().map(|_| "orders")];
        let keys: Vec<&str> = keys.into_iter().flatten().collect();
        json!({
            "current": if config.current.as_ref() == Some(name) { "*" } else { "" },
            "name": name,
            "orchestrator": context.orchestrator,
            "orders": context.orders,
            "user": context.user,
            "keys": keys,
        })
    };
    config.contexts.iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_list_has_no_secrets() {
        let context = Context {
            user: Some("techlead".to_owned()),
            password: Some(Secret("secret-1".to_owned())),
            orders_key: Some(Secret("secret-2".to_owned())),
            ..Context::default()
        };
        let config =
            Config { current: Some("local".to_owned()), contexts: BTreeMap::from([("local".to_owned(), context)]) };
        let text = table(&COLUMNS, &list(&config), None);
        assert_eq!(text, "CURRENT  NAME   USER      KEYS\n*        local  techlead  orders\n");
    }
}
