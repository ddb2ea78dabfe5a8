//! `definitions`

mod comparison;

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Method;
use saga::Definition;
use serde_json::{Value, json};
use similar::TextDiff;

use super::act::key_of;
use crate::cli::{Act, Definitions, VersionedName};
use crate::client::{Call, Service};
use crate::failure::{Exit, Failure};
use crate::render::{at, clean, items, table_of};
use crate::session::{Session, print};

/// Runs a command. A session is opened only by the commands that need the orchestrator.
pub async fn run(open: &dyn Fn() -> Result<Session, Failure>, command: Definitions) -> Result<Exit, Failure> {
    match command {
        Definitions::List => {
            let session = open()?;
            let all = known(&session).await?;
            session.print(&all, || list(&all, session.width))?;
            Ok(Exit::Ok)
        }
        Definitions::Check { files, server } => {
            let all = if server { Some(known(&open()?).await?) } else { None };
            check(&files, all.as_ref())
        }
        Definitions::Diff { old, new, exit_code } => {
            let needs_server = [&old, &new].iter().any(|source| !is_file(source));
            let all = if needs_server { Some(known(&open()?).await?) } else { None };
            let texts = [lines(&old, all.as_ref())?, lines(&new, all.as_ref())?];
            let difference = diff(&Named { name: &old, text: &texts[0] }, &Named { name: &new, text: &texts[1] });
            print(&difference)?;
            Ok(if exit_code && !difference.is_empty() { Exit::Failed } else { Exit::Ok })
        }
        Definitions::Compare { name, from, to, window } => {
            comparison::run(&open()?, &name, from, to, window).await?;
            Ok(Exit::Ok)
        }
        Definitions::Deploy { file, act } => {
            deploy(&open()?, &file, &act).await?;
            Ok(Exit::Ok)
        }
        Definitions::Undeploy { name, version, act } => {
            undeploy(&open()?, &name, version, &act).await?;
            Ok(Exit::Ok)
        }
        Definitions::Rollout { name, version, percent, act } => {
            rollout(&open()?, &name, version, percent, &act).await?;
            Ok(Exit::Ok)
        }
    }
}

/// The definitions and rollouts of the orchestrator.
async fn known(session: &Session) -> Result<Value, Failure> {
    session.client.json(Call::get(Service::Orchestrator, &["api", "definitions"])).await
}

fn list(all: &Value, width: Option<u16>) -> String {
    let rows: Vec<Vec<String>> = items(all, "/items")
        .iter()
        .map(|definition| {
            let name = at(definition, "/name");
            let rollout = &all["rollouts"][&name];
            let share = (rollout["version"] == definition["version"]).then(|| format!("{} %", at(rollout, "/percent")));
            vec![
                name,
                at(definition, "/version"),
                items(definition, "/steps").len().to_string(),
                source(definition).to_owned(),
                share.unwrap_or_default(),
                at(definition, "/hash"),
            ]
        })
        .collect();
    table_of(&["NAME", "VERSION", "STEPS", "SOURCE", "ROLLOUT", "HASH"], &rows, width)
}

fn source(definition: &Value) -> &'static str {
    match (definition["file"] == true, definition["deployed"] == true) {
        (true, _) => "file",
        (false, true) => "deployed",
        (false, false) => "journal only",
    }
}

/// Checks files, and that the orchestrator does not have the same versions with another content.
fn check(files: &[PathBuf], all: Option<&Value>) -> Result<Exit, Failure> {
    let mut exit = Exit::Ok;
    for file in files {
        let name = file.display().to_string();
        let result = Definition::parse(&name, &read(file)?);
        let text = match result {
            Ok(definition) => match conflict(&definition, all) {
                Some(conflict) => {
                    exit = Exit::Failed;
                    format!("{name}: {conflict}\n")
                }
                None => format!("{name}: {} version {}: valid\n", definition.name, definition.version),
            },
            Err(errors) => {
                exit = Exit::Failed;
                errors.iter().map(|error| format!("{error}\n")).collect()
            }
        };
        print(&text)?;
    }
    Ok(exit)
}

/// The conflict with a definition of the orchestrator.
fn conflict(definition: &Definition, all: Option<&Value>) -> Option<String> {
    let Definition { name, version, .. } = definition;
    let same = |known: &&Value| known["name"] == name.as_str() && known["version"] == *version;
    let known = items(all?, "/items").iter().find(same)?;
    let newest = newest(all?, name).unwrap_or(*version);
    (known["hash"] != definition.hash()).then(|| {
        let next = u64::from(newest) + 1;
        format!("{name} version {version} has another content in the orchestrator; write version = {next}")
    })
}

fn newest(all: &Value, name: &str) -> Option<u32> {
    let of_name = items(all, "/items").iter().filter(|known| known["name"] == name);
    of_name.filter_map(|known| u32::try_from(known["version"].as_u64()?).ok()).max()
}

fn is_file(source: &str) -> bool {
    let path = Path::new(source);
    path.exists() || path.extension().is_some()
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| {
        Failure::new(Exit::Usage, format!("{}: it can't be read: {error}", file.display()), "name another file")
    })
}

/// A definition as lines of JSON, with all defaults, so that only differences in behaviour and labels remain.
fn lines(source: &str, all: Option<&Value>) -> Result<String, Failure> {
    let mut definition = if is_file(source) {
        let parsed = Definition::parse(source, &read(Path::new(source))?).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Failure::new(Exit::Failed, errors.join("; "), "correct the definition")
        })?;
        json!(parsed)
    } else {
        find(source, all.unwrap_or(&Value::Null))?
    };
    if let Some(definition) = definition.as_object_mut() {
        definition.remove("hash");
        definition.remove("file");
        definition.remove("deployed");
    }
    Ok(format!("{definition:#}\n"))
}

/// A definition of the orchestrator.
fn find(source: &str, all: &Value) -> Result<Value, Failure> {
    let wanted: VersionedName = source.parse().map_err(|problem| {
        Failure::new(Exit::Usage, format!("{source:?}: {problem}"), "write a file, or NAME@VERSION")
    })?;
    let version = wanted.version.or_else(|| newest(all, &wanted.name));
    let same =
        |known: &&Value| known["name"] == wanted.name.as_str() && known["version"].as_u64() == version.map(u64::from);
    items(all, "/items").iter().find(same).cloned().ok_or_else(|| {
        let names =
            items(all, "/items").iter().map(|known| format!("{}@{}", at(known, "/name"), at(known, "/version")));
        let known = names.collect::<Vec<_>>().join(", ");
        let detail = format!("the orchestrator has no definition {source}, and there is no such file");
        Failure::new(Exit::Failed, detail, format!("write one of: {known}; or a file"))
    })
}

/// A definition's text, and the name under which differences show it.
struct Named<'a> {
    name: &'a str,
    text: &'a str,
}

/// The differences in the format of `diff -u`; empty if there are none.
fn diff(old: &Named<'_>, new: &Named<'_>) -> String {
    if old.text == new.text {
        return String::new();
    }
    let text = TextDiff::from_lines(old.text, new.text).unified_diff().header(old.name, new.name).to_string();
    text.lines().map(|line| clean(line) + "\n").collect()
}

async fn deploy(session: &Session, file: &Path, act: &Act) -> Result<(), Failure> {
    let key = key_of(act.idempotency_key.as_ref());
    let call = Call {
        service: Service::Orchestrator,
        method: Method::POST,
        path: &["api", "definitions"],
        query: Vec::new(),
        body: Some(json!({ "text": read(file)?, "why": act.why })),
        key: Some(&key),
    };
    let deployed = session.client.json(call).await?;
    session.print(&deployed, || {
        format!("new sagas start on {} version {}\n", at(&deployed, "/name"), at(&deployed, "/version"))
    })
}

async fn undeploy(session: &Session, name: &str, version: u32, act: &Act) -> Result<(), Failure> {
    let key = key_of(act.idempotency_key.as_ref());
    let number = version.to_string();
    let call = Call {
        service: Service::Orchestrator,
        method: Method::DELETE,
        path: &["api", "definitions", name, &number],
        query: vec![("why", act.why.clone())],
        body: None,
        key: Some(&key),
    };
    session.client.done(call).await?;
    let undeployed = json!({ "name": name, "version": version });
    session.print(&undeployed, || format!("no new saga starts on {name} version {version}\n"))
}

async fn rollout(session: &Session, name: &str, version: u32, percent: u8, act: &Act) -> Result<(), Failure> {
    let key = key_of(act.idempotency_key.as_ref());
    let path = ["api", "definitions", name, "rollout"];
    let done = session
        .client
        .json(Call {
            service: Service::Orchestrator,
            method: Method::PUT,
            path: &path,
            query: Vec::new(),
            body: Some(json!({ "version": version, "percent": percent, "why": act.why })),
            key: Some(&key),
        })
        .await?;
    session.print(&done, || format!("new sagas of {name}: {percent} % on version {version}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = include_str!("../../../sagas/order.toml");

    fn server() -> Value {
        let definition = Definition::parse("order.toml", ORDER).unwrap();
        let mut known = json!(definition);
        known["file"] = json!(true);
        json!({ "items": [known], "rollouts": { "order": { "version": definition.version, "percent": 10 } } })
    }

    #[test]
    fn the_list_shows_rollouts() {
        let text = list(&server(), None);
        assert!(text.starts_with("NAME   VERSION  STEPS  SOURCE  ROLLOUT  HASH\norder  "), "{text}");
        assert!(text.contains("  file    10 %     "), "{text}");
    }

    #[test]
    fn a_known_version_must_not_change() {
        let definition = Definition::parse("order.toml", ORDER).unwrap();
        assert_eq!(conflict(&definition, Some(&server())), None);
        assert_eq!(conflict(&definition, None), None);
        let changed = Definition::parse("order.toml", &ORDER.replace("\"15m\"", "\"16m\"")).unwrap();
        let problem = conflict(&changed, Some(&server())).unwrap();
        assert!(problem.contains(&format!("write version = {}", definition.version + 1)), "{problem}");
    }

    #[test]
    fn a_difference_is_shown_by_line_and_equal_definitions_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let same = file("same.toml", &format!("# a comment\n{ORDER}"));
        let other = file("other.toml", &ORDER.replace("\"15m\"", "\"16m\""));
        let all = server();
        let of = |source: &str| lines(source, Some(&all)).unwrap();
        let differ = |name: &str| diff(&Named { name: "order", text: &of("order") }, &Named { name, text: &of(name) });
        assert_eq!(differ(&same), "");
        let difference = differ(&other);
        assert!(
            difference.contains("\n-        \"timeout\": \"15m\",\n+        \"timeout\": \"16m\",\n"),
            "{difference}"
        );
        let failure = lines("order@99", Some(&all)).unwrap_err();
        assert!(failure.advice.contains("order@"), "{failure:?}");
    }
}
