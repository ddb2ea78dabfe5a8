//! `completions` and `man`, made from the command line's definition.

use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::{Exit, Failure};
use crate::session::print;

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    print(&completions_of(shell))?;
    Ok(Exit::Ok)
}

fn completions_of(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sagactl", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Prints the manual page, or writes the pages of all commands to a directory.
pub fn manual(directory: Option<&Path>) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, error.to_string(), "name another directory");
    match directory {
        Some(directory) => {
            fs::create_dir_all(directory).map_err(failed)?;
            clap_mangen::generate_to(Cli::command(), directory).map_err(failed)?;
        }
        None => {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page).map_err(failed)?;
            print(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_commands_and_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let text = completions_of(shell);
            assert!(text.contains("put-back") && text.contains("waiting-longer-than"), "{shell}: {text}");
        }
    }

    #[test]
    fn every_command_has_a_manual_page() {
        let folder = tempfile::tempdir().unwrap();
        manual(Some(folder.path())).unwrap();
        for page in ["sagactl.1", "sagactl-sagas-retry.1", "sagactl-dlq-put-back.1"] {
            let text = fs::read_to_string(folder.path().join(page)).unwrap();
            assert!(text.contains(".TH"), "{page}: {text}");
        }
    }
}
