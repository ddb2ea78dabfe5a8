//! The subcommand `positions` of every service: shows the positions of its inputs, and accepts the loss of messages.

use std::process::ExitCode;

use clap::{ArgMatches, Command, FromArgMatches as _, Subcommand, ValueEnum};
use runtime::worker::{AcceptanceRequest, Config, ContinueAt, PositionReport, accept, host_name, report};

/// The subcommand's name.
const NAME: &str = "positions";

/// What to do with the positions.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Positions {
    /// Show the position of every input, and if the topic can be read on from it (exit code 1 if one can't)
    Show,
    /// Continue an input whose next messages are lost. The decision is written to the journal
    AcceptLoss {
        /// The input topic
        #[arg(long)]
        topic: String,
        /// The partition
        #[arg(long)]
        partition: i32,
        /// Why the loss is accepted, for the journal
        #[arg(long, value_parser = reason)]
        why: String,
        /// Where to continue: at the first message that the topic has, or behind the last
        #[arg(long, value_enum, default_value_t = At::Begin)]
        at: At,
    },
}

/// Where to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum At {
    Begin,
    End,
}

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

fn reason(text: &str) -> Result<String, String> {
    let length = text.trim().chars().count();
    if (1..=LONGEST_REASON).contains(&length) {
        Ok(text.trim().to_owned())
    } else {
        Err(format!("must have 1 to {LONGEST_REASON} characters"))
    }
}

/// Adds the subcommand.
pub(crate) fn command_line(command: Command) -> Command {
    let about = "Show the positions of the inputs, or accept the loss of messages";
    let positions = Positions::augment_subcommands(Command::new(NAME).about(about));
    command.subcommand(positions.subcommand_required(true).arg_required_else_help(true).disable_help_subcommand(true))
}

/// The subcommand in the arguments, if any.
pub(crate) fn requested(matches: &ArgMatches) -> Option<Positions> {
    let (_, arguments) = matches.subcommand().filter(|(name, _)| *name == NAME)?;
    Some(Positions::from_arg_matches(arguments).unwrap_or_else(|error| error.exit()))
}

/// Runs the subcommand.
pub(crate) fn run(requested: Positions, config: &Config, service: &str, journal: &str) -> anyhow::Result<ExitCode> {
    match requested {
        Positions::Show => {
            eprintln!("reading {journal} …");
            let all = report(config, journal)?;
            all.iter().for_each(|position| println!("{}", line(position, service)));
            let good = all.iter().all(|position| position.fault.is_none() && position.range.is_some());
            Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Positions::AcceptLoss { topic, partition, why, at } => {
            eprintln!("reading {journal} …");
            let at = match at {
                At::Begin => ContinueAt::Begin,
                At::End => ContinueAt::End,
            };
            let request = AcceptanceRequest { topic, partition, at, why, by: operator() };
            let (accepted, offset) = accept(config, journal, &request)?;
            let AcceptanceRequest { topic, partition, .. } = request;
            println!(
                "{topic}-{partition} continues at {} instead of {}; recorded in {journal} at offset {offset}",
                accepted.to, accepted.from
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn line(report: &PositionReport, service: &str) -> String {
    let PositionReport { partition, topic, position, range, fault } = report;
    let begun = format!("{topic}-{partition}  position {position}");
    let Some(range) = range else {
        return format!(
            "{begun}  the topic does not exist\n  restore it; or, if its messages are lost, create it anew and accept \
             the loss"
        );
    };
    let state = match fault {
        None => "ok".to_owned(),
        Some(fault) => format!(
            "{fault}\n  to continue without the missing messages: {service} positions accept-loss --topic {topic} \
             --partition {partition} --why REASON"
        ),
    };
    format!("{begun}  topic {}..{}  {state}", range.begins, range.ends)
}

/// The user and the host of this process, as the environment names them.
fn operator() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    format!("{}@{}", user.unwrap_or_else(|| "unknown".to_owned()), host_name())
}

#[cfg(test)]
mod tests {
    use journal::TopicRange;

    use super::*;

    fn read(arguments: &[&str]) -> Result<Option<Positions>, clap::Error> {
        let command = command_line(Command::new("sums"));
        let all = ["sums"].iter().chain(arguments);
        command.try_get_matches_from(all).map(|matches| requested(&matches))
    }

    #[test]
    fn the_subcommand_is_well_formed() {
        command_line(Command::new("sums")).debug_assert();
    }

    #[test]
    fn a_loss_is_accepted_for_one_partition_of_a_topic_and_with_a_reason() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["positions", "show"]).unwrap(), Some(Positions::Show));
        let whole = ["positions", "accept-loss", "--topic", "t", "--partition", "3", "--why", " restored "];
        let topic = "t".to_owned();
        let why = "restored".to_owned();
        let expected = Positions::AcceptLoss { topic, partition: 3, why, at: At::Begin };
        assert_eq!(read(&whole).unwrap(), Some(expected));
        for missing in [2, 4, 6] {
            let mut less = whole.to_vec();
            less.drain(missing..missing + 2);
            assert!(read(&less).unwrap_err().to_string().contains("required"), "{less:?}");
        }
        let long = "x".repeat(501);
        let mut arguments = whole.to_vec();
        arguments[7] = &long;
        assert!(read(&arguments).unwrap_err().to_string().contains("1 to 500 characters"));
    }

    #[test]
    fn an_input_without_a_topic_is_no_good_position() {
        let report = |range| {
            let topic = "gone".to_owned();
            PositionReport { partition: 1, topic, position: 7, range, fault: None }
        };
        let good = line(&report(Some(TopicRange { begins: 0, ends: 9 })), "sums");
        assert_eq!(good, "gone-1  position 7  topic 0..9  ok");
        let missing = line(&report(None), "sums");
        assert!(missing.starts_with("gone-1  position 7  the topic does not exist"), "{missing}");
        assert!(!missing.contains("ok"), "{missing}");
    }
}
