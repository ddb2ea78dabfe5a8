//! Checks style rules: sizes of files and functions, file headers, module layout, imports, and names that pure code
//! must not use.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is a test")]
#![allow(clippy::wildcard_enum_match_arm, reason = "syn adds variants in minor releases")]

mod functions;
mod modules;
mod sources;

use syn::visit::Visit as _;

use crate::functions::Functions;
use crate::sources::{Source, sources};

/// Maximum lines of a file.
const FILE: usize = 400;
/// Maximum lines of a program's `main.rs`.
const MAIN: usize = 60;
/// Maximum columns of a line.
const WIDTH: usize = 120;

/// Folders and files of pure code, relative to the root: the output depends on the input alone.
const PURE: &[&str] = &[
    "common/journal/src",
    "orchestrator/core/src",
    "orchestrator/src/effects",
    "orchestrator/src/entity",
    "orchestrator/src/handler",
    "orchestrator/src/rules",
    "order-service/src/handler",
    "order-service/src/order",
    "order-service/src/rules",
    "inventory-service/src/entity",
    "inventory-service/src/handler",
    "inventory-service/src/rules",
    "payment-service/src/entity",
    "payment-service/src/handler",
    "payment-service/src/rules",
];

/// Names that pure code must not use: I/O, clocks, randomness.
const IMPURE: &[&str] = &[
    "rdkafka",
    "tokio",
    "rusqlite",
    "axum",
    "reqwest",
    "lettre",
    "Timestamp::now",
    "Instant::now",
    "SystemTime",
    "Zoned::now",
    "new_v4",
    "now_v7",
    "fastrand",
    "std::fs",
    "std::net",
    "std::thread",
];

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// Runs `check` on every Rust file of the project and expects no violations.
fn check_all(mut check: impl FnMut(&Source, &mut Vec<String>)) {
    let mut violations = Vec::new();
    for source in sources() {
        check(&source, &mut violations);
    }
    assert_none(&violations);
}

#[test]
fn files_have_a_header_and_stay_short() {
    check_all(|source, violations| {
        let limit = if source.path.ends_with("src/main.rs") { MAIN } else { FILE };
        let lines = source.text.lines().count();
        if !source.text.starts_with("//!") {
            violations.push(format!("{}: the file must begin with //!", source.path));
        }
        if lines > limit {
            violations.push(format!("{}: {lines} lines, at most {limit}", source.path));
        }
    });
}

#[test]
fn lines_stay_narrow() {
    check_all(|source, violations| {
        for (number, line) in (1..).zip(source.text.lines()) {
            let columns = line.chars().count();
            if columns > WIDTH {
                violations.push(format!("{}:{number}: {columns} columns, at most {WIDTH}", source.path));
            }
        }
    });
}

#[test]
fn no_unfinished_work_is_marked() {
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|w| w.concat());
    check_all(|source, violations| {
        for (number, line) in (1..).zip(source.text.lines()) {
            if words.iter().any(|word| line.contains(word.as_str())) {
                violations.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    });
}

#[test]
fn functions_stay_short_and_have_one_statement_per_line() {
    check_all(|source, violations| {
        Functions { path: &source.path, violations }.visit_file(&source.parsed());
    });
}

/// `tests/…/mod.rs` is how cargo shares a module between test programs.
#[test]
fn modules_are_files_named_after_them() {
    check_all(|source, violations| {
        let shared_by_tests = source.path.split('/').any(|folder| folder == "tests");
        if source.path.ends_with("/mod.rs") && !shared_by_tests {
            violations.push(format!("{}: name the file after the module, beside its folder", source.path));
        }
    });
}

#[test]
fn modules_import_each_other_in_one_direction() {
    let mut violations = Vec::new();
    for krate in modules::crates(&sources()) {
        for ring in krate.rings() {
            violations.push(format!("{}: {}", krate.name, ring.join(" <-> ")));
        }
    }
    assert_none(&violations);
}

#[test]
fn pure_code_names_no_io_and_no_clock() {
    let mut violations = Vec::new();
    let sources = sources();
    let tests = modules::test_modules(&sources);
    for module in PURE {
        let inside = |path: &str| path == format!("{module}.rs") || path.starts_with(&format!("{module}/"));
        let mut found = false;
        for source in sources.iter().filter(|source| inside(&source.path) && !modules::is_in(source, &tests)) {
            found = true;
            let code = modules::code_without_tests(&source.parsed());
            for word in IMPURE.iter().filter(|word| code.contains(&modules::spaced(word))) {
                violations.push(format!("{}: names {word}", source.path));
            }
        }
        if !found {
            violations.push(format!("{module}: no such folder or file"));
        }
    }
    assert_none(&violations);
}

/// The packages that may name rdkafka: the runtime, the settings of its clients, and the tests.
const KAFKA: &[&str] = &["common/runtime", "common/web", "tests"];

#[test]
fn only_the_runtime_and_the_settings_depend_on_rdkafka() {
    let folders = modules::crates(&sources()).into_iter().filter_map(|krate| {
        let folder = krate.name.strip_suffix("/src")?.to_owned();
        let manifest = tests::files::root().join(&folder).join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap_or_default();
        manifest.lines().any(|line| line.starts_with("rdkafka")).then_some(folder)
    });
    assert_eq!(folders.collect::<Vec<_>>(), KAFKA);
}

#[test]
fn no_option_is_in_an_option() {
    let nested = ["Option<", "Option<"].concat();
    check_all(|source, violations| {
        if source.text.contains(&nested) {
            violations.push(format!("{}: write a type with names for the cases", source.path));
        }
    });
}
