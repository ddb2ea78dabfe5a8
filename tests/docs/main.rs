//! The documents: links lead to files and headings, commands exist, generated parts are up to date, and the tests that
//! ARCHITECTURE.md names for its invariants are in the code. And what `ops/` and docker-compose.yml promise.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is a test")]

mod commands;
mod definitions;
mod invariants;
mod markdown;
mod observability;
mod test_script;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::files::root;
use tests::settings_doc;

use self::markdown::Document;

const README_LINES: usize = 150;

/// The files with this extension: those in git, and new ones that git does not ignore.
fn tracked(extension: &str) -> Vec<PathBuf> {
    let pattern = format!("*.{extension}");
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", pattern.as_str()];
    let output = Command::new("git").args(arguments).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let mut files: Vec<PathBuf> = listed.lines().map(|line| root().join(line)).filter(|path| path.is_file()).collect();
    if !output.status.success() {
        // A copy without git metadata.
        walk(&root(), extension, &mut files);
    }
    assert!(!files.is_empty(), "no {pattern} below {}", root().display());
    files
}

fn walk(directory: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            walk(&path, extension, files);
        } else if path.extension().is_some_and(|e| e == extension) {
            files.push(path);
        }
    }
}

fn documents() -> BTreeMap<PathBuf, Document> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.canonicalize().unwrap(), Document::parse(&text))
    };
    tracked("md").into_iter().map(read).collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let documents = documents();
    let mut wrong = Vec::new();
    for (path, document) in &documents {
        for (line, target) in &document.links {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let joined = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let Ok(found) = joined.canonicalize() else {
                wrong.push(format!("{}:{line}: no file {file}", path.display()));
                continue;
            };
            let has = documents.get(&found).is_some_and(|other| other.anchors.contains(anchor));
            if !anchor.is_empty() && !has {
                wrong.push(format!("{}:{line}: no heading #{anchor} in {}", path.display(), found.display()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_document_is_linked_from_the_readme() {
    let readme = Document::parse(&std::fs::read_to_string(root().join("README.md")).unwrap());
    let linked: Vec<PathBuf> =
        readme.links.iter().filter_map(|(_, t)| root().join(t.split('#').next()?).canonicalize().ok()).collect();
    let folder = root().join("docs").canonicalize().unwrap();
    for path in documents().keys().filter(|path| path.starts_with(&folder)) {
        assert!(linked.contains(path), "README.md has no link to {}", path.display());
    }
}

#[test]
fn the_readme_is_short_and_has_the_sample_order() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines, at most {README_LINES}");
    let curl = std::fs::read_to_string(root().join("tests/scenarios/sample-curl.sh")).unwrap();
    assert!(readme.contains(curl.trim()), "README.md does not contain tests/scenarios/sample-curl.sh unchanged");
}

#[test]
fn the_settings_document_is_up_to_date() {
    let written = std::fs::read_to_string(root().join(settings_doc::FILE)).unwrap_or_default();
    let command = settings_doc::COMMAND;
    assert!(written == settings_doc::text().unwrap(), "{} is out of date: {command}", settings_doc::FILE);
}

#[test]
fn the_settings_reader_finds_every_key_that_a_toml_parser_finds() {
    fn keys(table: &toml::Table, section: &str, all: &mut Vec<(String, String)>) {
        for (name, value) in table {
            let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
            match value {
                toml::Value::Table(inner) => keys(inner, &path, all),
                toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
                    list.iter().filter_map(toml::Value::as_table).for_each(|inner| keys(inner, &path, all));
                }
                toml::Value::String(_)
                | toml::Value::Integer(_)
                | toml::Value::Float(_)
                | toml::Value::Boolean(_)
                | toml::Value::Datetime(_)
                | toml::Value::Array(_) => all.push((section.to_owned(), name.clone())),
            }
        }
    }
    for service in settings_doc::SERVICES {
        let text = std::fs::read_to_string(root().join(service).join("config/default.toml")).unwrap();
        let mut expected = Vec::new();
        keys(&text.parse().unwrap(), "", &mut expected);
        let sections = settings_doc::sections(&text, service).unwrap();
        let mut found: Vec<(String, String)> =
            sections.into_iter().flat_map(|section| section.keys).map(|key| (key.section, key.name)).collect();
        expected.sort();
        expected.dedup();
        found.sort();
        assert_eq!(found, expected, "{service}");
    }
}
