//! The invariants of ARCHITECTURE.md: each is a line `**J1.** ... Kept by: ...` with an id of its own, and each test
//! that it names exists.

use std::collections::{BTreeMap, BTreeSet};

use tests::files::root;

use crate::{assert_none, documents, tracked};

/// The mark before the tests that keep an invariant.
const KEPT_BY: &str = "*Kept by:* ";

struct Invariant {
    line: usize,
    id: String,
    kept_by: String,
}

/// `J1` or `S12`: an area's letter and a number.
fn is_id(text: &str) -> bool {
    let mut chars = text.chars();
    let letter = chars.next().is_some_and(|c| c.is_ascii_uppercase());
    letter && !chars.as_str().is_empty() && chars.all(|c| c.is_ascii_digit())
}

fn invariants() -> Vec<Invariant> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let Some((id, rest)) = content.strip_prefix("**").and_then(|rest| rest.split_once(".**")) else { continue };
        if is_id(id) {
            let kept_by = rest.split_once(KEPT_BY).map_or("", |(_, kept_by)| kept_by).to_owned();
            found.push(Invariant { line, id: id.to_owned(), kept_by });
        }
    }
    found
}

/// The names of all functions, and of tests that a program registers itself.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in tracked("rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("fn ").skip(1).chain(text.split("Trial::test(\"").skip(1)) {
            names.insert(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

/// The code spans of a text.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_invariant_has_a_unique_id_and_names_its_tests() {
    let mut wrong = Vec::new();
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for Invariant { line, id, kept_by } in invariants() {
        if let Some(first) = lines.insert(id.clone(), line) {
            wrong.push(format!("ARCHITECTURE.md:{line}: {id} is on line {first} too"));
        }
        if kept_by.is_empty() {
            wrong.push(format!("ARCHITECTURE.md:{line}: {id} has no \"{KEPT_BY}\""));
        }
    }
    assert!(lines.len() > 20, "only {} invariants found", lines.len());
    assert_none(&wrong);
}

#[test]
fn every_test_that_keeps_an_invariant_exists() {
    let functions = functions();
    let mut wrong = Vec::new();
    for Invariant { line, id, kept_by } in invariants() {
        for name in spans(&kept_by).filter(|name| !functions.contains(*name)) {
            wrong.push(format!("ARCHITECTURE.md:{line}: {id} names `{name}`, and there is no such function"));
        }
    }
    assert_none(&wrong);
}

/// A reference is written "invariant J1".
#[test]
fn every_invariant_that_a_document_refers_to_exists() {
    let ids: BTreeSet<String> = invariants().into_iter().map(|invariant| invariant.id).collect();
    let mut wrong = Vec::new();
    for path in documents().into_keys().chain(tracked("rs")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            for part in line.split("nvariant ").skip(1) {
                let id: String = part.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
                if is_id(&id) && !ids.contains(&id) {
                    wrong.push(format!("{}:{number}: there is no invariant {id}", path.display()));
                }
            }
        }
    }
    assert_none(&wrong);
}
