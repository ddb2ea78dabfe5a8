//! The commands in the documents: each `./dev COMMAND` is one that `./dev help` lists, and each target that a `cargo`
//! command or `target/debug/` name is one of the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use tests::files::root;

use crate::{assert_none, documents};

/// The commands in `./dev help` and, of those that only have subcommands, the subcommands.
fn dev_commands() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(root().join("dev")).arg("help").output().unwrap();
    assert!(output.status.success(), "./dev help fails");
    let mut commands: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut bare = BTreeSet::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Some(entry) = line.strip_prefix("  ").filter(|entry| !entry.starts_with(' ')) else { continue };
        let mut words = entry.split(' ').take_while(|word| !word.is_empty());
        let Some(command) = words.next() else { continue };
        let subcommands = commands.entry(command.to_owned()).or_default();
        match words.next().filter(|word| is_word(word)) {
            Some(subcommand) => drop(subcommands.insert(subcommand.to_owned())),
            None => drop(bare.insert(command.to_owned())),
        }
    }
    for command in bare {
        commands.insert(command, BTreeSet::new());
    }
    commands.entry("help".to_owned()).or_default();
    commands
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

#[test]
fn every_dev_command_is_in_its_help() {
    let commands = dev_commands();
    let mut wrong = Vec::new();
    for (path, document) in documents() {
        for (line, code) in &document.code {
            for (i, _) in code.match_indices("./dev ") {
                let mut words = code[i..]
                    .split([' ', ';', '|'])
                    .skip(1)
                    .map(|word| word.trim_end_matches(['`', ')', ',', ':', '.']));
                let command = words.next().unwrap_or_default();
                let subcommand = words.next().unwrap_or_default();
                let known = commands.get(command);
                let good = known.is_some_and(|all| all.is_empty() || all.contains(subcommand));
                if is_word(command) && !good {
                    wrong.push(format!("{}:{line}: ./dev has no {command} {subcommand}", path.display()));
                }
            }
        }
    }
    assert_none(&wrong);
}

/// The targets of each package: (kind, name).
fn targets() -> BTreeMap<String, BTreeSet<(String, String)>> {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut packages = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let mut targets = BTreeSet::new();
        for target in package["targets"].as_array().unwrap() {
            targets.insert((text(&target["kind"][0]), text(&target["name"])));
        }
        packages.insert(text(&package["name"]), targets);
    }
    packages
}

/// The errors of one `cargo` command, given without the word `cargo`.
fn check_cargo(words: &[&str], packages: &BTreeMap<String, BTreeSet<(String, String)>>) -> Vec<String> {
    let words: Vec<&str> =
        words.iter().take_while(|word| **word != "--" && **word != "&&" && **word != ">").copied().collect();
    let after =
        |flags: &[&str]| words.iter().position(|word| flags.contains(word)).and_then(|i| words.get(i + 1).copied());
    let mut wrong = Vec::new();
    let package = after(&["-p", "--package"]);
    if let Some(package) = package
        && !packages.contains_key(package)
    {
        wrong.push(format!("no package {package}"));
    }
    for kind in ["bin", "test", "bench", "example"] {
        let Some(name) = after(&[&format!("--{kind}")]) else { continue };
        let wanted = (kind.to_owned(), name.to_owned());
        let mut candidates = packages.iter().filter(|(name, _)| package.is_none_or(|package| package == name.as_str()));
        if !candidates.any(|(_, targets)| targets.contains(&wanted)) {
            wrong.push(format!("no {kind} {name} in {}", package.unwrap_or("the workspace")));
        }
    }
    wrong
}

#[test]
fn every_cargo_command_names_targets_of_the_workspace() {
    let packages = targets();
    let mut wrong = Vec::new();
    for (path, document) in documents() {
        for (line, code) in &document.code {
            let words: Vec<&str> = code.split_whitespace().collect();
            for (i, _) in words.iter().enumerate().filter(|(_, word)| **word == "cargo") {
                let found = check_cargo(words.get(i + 1..).unwrap_or_default(), &packages);
                wrong.extend(found.into_iter().map(|what| format!("{}:{line}: {what}", path.display())));
            }
            let directories = ["target/release/", "target/debug/"];
            for (i, start) in directories.iter().flat_map(|directory| code.match_indices(directory)) {
                let name = code[i + start.len()..].split(' ').next().unwrap_or_default();
                let binary = ("bin".to_owned(), name.to_owned());
                if !packages.values().any(|targets| targets.contains(&binary)) {
                    wrong.push(format!("{}:{line}: no binary {name}", path.display()));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn a_missing_target_is_reported() {
    let packages = targets();
    assert!(check_cargo(&["test", "-p", "tests", "--test", "docs"], &packages).is_empty());
    assert_eq!(check_cargo(&["run", "-p", "tests", "--bin", "nothing"], &packages), ["no bin nothing in tests"]);
    assert_eq!(check_cargo(&["test", "-p", "missing"], &packages), ["no package missing"]);
}
