//! Runs the binary as a command line.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs the binary in the root of the project.
pub fn orchestrator(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_orchestrator");
    Command::new(binary).args(arguments).current_dir(root()).output().unwrap()
}

/// The text that a program printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
