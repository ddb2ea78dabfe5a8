//! The OpenAPI documents of the four services: valid, linted without a finding, and usable to generate a TypeScript
//! client that compiles. `./dev test` fetches the tools.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::files;

/// A client of each service, on the generated types.
const CLIENT: &str = include_str!("openapi/client.ts");
/// The rules of the linter.
const RULES: &str = include_str!("openapi/redocly.yaml");

/// Each service and its document.
fn documents() -> [(&'static str, String); 4] {
    [
        ("order-service", order_service::api::description()),
        ("inventory-service", inventory_service::api::description()),
        ("payment-service", payment_service::api::description()),
        ("orchestrator", orchestrator::api::OPENAPI.to_owned()),
    ]
}

fn tools() -> PathBuf {
    files::target().unwrap().join("openapi")
}

/// An empty directory with the documents, below that of the tools, so that node finds its modules.
fn directory(name: &str) -> PathBuf {
    let directory = tools().join(name);
    files::empty(&directory).unwrap();
    for (service, document) in documents() {
        std::fs::write(directory.join(format!("{service}.json")), document).unwrap();
    }
    directory
}

/// Runs a program of a package; panics with its output if it fails.
fn run(program: &str, directory: &Path, arguments: &[&str]) {
    let program = tools().join("node_modules/.bin").join(program);
    let mut command = Command::new(&program);
    command.current_dir(directory).args(arguments).env("CI", "true");
    command.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    let output = command.output().unwrap_or_else(|error| {
        let by_hand = "npm install --no-save --prefix target/openapi @redocly/cli openapi-typescript openapi-fetch \
                       typescript@5";
        panic!("{}: {error}; ./dev test fetches it, and so does: {by_hand}", program.display())
    });
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{} {arguments:?}:\n{}", program.display(), String::from_utf8_lossy(&text));
}

#[test]
fn every_operation_has_an_id_of_its_own_and_every_reference_resolves() {
    for (service, document) in documents() {
        let document: Value = serde_json::from_str(&document).unwrap();
        common::http::check_description(&document).unwrap_or_else(|faults| panic!("{service}: {faults}"));
        let paths = document["paths"].as_object().unwrap();
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(operation["operationId"].is_string(), "{service}: {method} {path}");
            }
        }
    }
}

#[test]
fn the_linter_finds_nothing() {
    let directory = directory("lint");
    std::fs::write(directory.join("redocly.yaml"), RULES).unwrap();
    let names = documents().map(|(service, _)| format!("{service}.json"));
    let arguments: Vec<&str> = ["lint", "--max-problems", "1000", "--format", "stylish"].into_iter().collect();
    let arguments: Vec<&str> = arguments.into_iter().chain(names.iter().map(String::as_str)).collect();
    run("redocly", &directory, &arguments);
}

#[test]
fn a_generated_client_compiles() {
    let directory = directory("client");
    for (service, _) in documents() {
        run("openapi-typescript", &directory, &[&format!("{service}.json"), "--output", &format!("{service}.ts")]);
    }
    std::fs::write(directory.join("client.ts"), CLIENT).unwrap();
    let options = ["--strict", "--noEmit", "--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler"];
    run("tsc", &directory, &[&options[..], &["client.ts"]].concat());
}
