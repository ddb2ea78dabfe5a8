//! The command line, which is the same for every service.

use std::path::PathBuf;

use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser};

use crate::settings;

/// The arguments of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(disable_help_subcommand = true)]
pub struct Args {
    /// Read settings from this TOML file, over the built-in defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the settings in effect as TOML, with secrets masked, and exit
    #[arg(long)]
    pub print_config: bool,
}

/// The command line of `service`: `about` describes it in a sentence, `defaults` is its `default.toml`.
pub fn command(service: &'static str, about: &'static str, defaults: &str) -> Command {
    let variables = settings::variables(defaults, service).unwrap_or_default();
    let width = variables.iter().map(|(name, _, _)| name.chars().count()).max().unwrap_or(0);
    let mut after = String::from(
        "Environment (each variable sets one key, over file and defaults; a list is a TOML array or has commas;\n\
         the variable of a secret with _FILE appended names a file that holds it):\n",
    );
    for (name, key, default) in variables {
        let short: String = default.chars().take(60).collect();
        let rest = if short.len() < default.len() { "…" } else { "" };
        after.push_str(&format!("  {name:width$}  {key} = {short}{rest}\n"));
    }
    Args::command().name(service).bin_name(service).about(about).version(env!("CARGO_PKG_VERSION")).after_help(after)
}

/// Reads the process's command line. Ends the process on `--help`, `--version`, and unknown arguments (exit code 2).
pub fn parse(command: Command) -> (Args, ArgMatches) {
    let matches = command.get_matches();
    (Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()), matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str = include_str!("../../../order-service/config/default.toml");

    fn read(args: &[&str]) -> Result<Args, clap::Error> {
        let command = command("order-service", "Takes orders.", DEFAULTS);
        command.try_get_matches_from(args).and_then(|matches| Args::from_arg_matches(&matches))
    }

    #[test]
    fn the_command_is_well_formed() {
        command("order-service", "Takes orders.", DEFAULTS).debug_assert();
    }

    #[test]
    fn a_file_and_print_config() {
        let args = read(&["order-service", "--config", "my.toml", "--print-config"]).unwrap();
        assert_eq!(args, Args { config: Some("my.toml".into()), print_config: true });
        assert!(read(&["order-service", "--confg", "x"]).unwrap_err().to_string().contains("--config"));
    }

    #[test]
    fn help_names_every_environment_variable() {
        let help = read(&["order-service", "--help"]).unwrap_err().to_string();
        for part in
            ["Takes orders.", "--config <FILE>", "--version", "ORDER_SERVICE__KAFKA__BROKERS", "kafka.brokers = "]
        {
            assert!(help.contains(part), "{part} is not in:\n{help}");
        }
        let version = read(&["order-service", "--version"]).unwrap_err().to_string();
        assert_eq!(version, format!("order-service {}\n", env!("CARGO_PKG_VERSION")));
    }
}
