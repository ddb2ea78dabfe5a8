//! What the binary does besides running sagas: it checks definitions and draws them. That needs no settings and no
//! Kafka, so that it also runs on a laptop and where changes are checked.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgMatches, Command, FromArgMatches as _, Subcommand, ValueEnum};
use saga::{Definition, Format};

use crate::definitions::Definitions;

// The tools, as subcommands. (What would stand here as documentation would become the program's own.)
#[derive(Debug, Subcommand)]
enum Tool {
    /// Check definitions, as a start with all of them would, and print everything that is wrong
    Check {
        /// Definitions
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Draw the flow of a definition
    Graph {
        /// A definition
        file: PathBuf,
        /// As what
        #[arg(long, value_enum, default_value_t = Shape::Svg)]
        format: Shape,
        /// The language of its labels; English where it has none in it
        #[arg(long, value_name = "LANGUAGE", default_value = "en")]
        language: String,
        /// Write to this file instead of to standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// A picture for browsers and documents
    Svg,
    /// BPMN 2.0 for modellers
    Bpmn,
    /// A flowchart for Markdown
    Mermaid,
}

impl From<Shape> for Format {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Svg => Self::Svg,
            Shape::Bpmn => Self::Bpmn,
            Shape::Mermaid => Self::Mermaid,
        }
    }
}

/// The command line with the tools.
pub fn command_line(command: Command) -> Command {
    Tool::augment_subcommands(command).subcommand_required(false).args_conflicts_with_subcommands(true)
}

/// Uses the tool that is asked for, if any. The exit code is 1 where something is wrong.
pub fn run(matches: &ArgMatches) -> Option<ExitCode> {
    matches.subcommand()?;
    let done = match Tool::from_arg_matches(matches).unwrap_or_else(|error| error.exit()) {
        Tool::Check { files } => check(&files),
        Tool::Graph { file, format, language, output } => graph(&file, format, &language, output.as_deref()),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            // Nobody listens any more: there is no one to tell.
            _ = writeln!(io::stderr(), "{}", wrong.join("\n"));
            ExitCode::FAILURE
        }
    })
}

/// Everything that is wrong, a line each.
type Wrong = Vec<String>;

/// Says of each good file that it is good; answers what is wrong with the others, and what does not go together.
fn check(files: &[PathBuf]) -> Result<(), Wrong> {
    let (mut definitions, mut wrong) = (Definitions::default(), Wrong::new());
    for file in files {
        match read(file, &mut definitions) {
            Ok(good) => {
                let (name, version, count) = (&good.name, good.version, good.steps.len());
                let steps = if count == 1 { "step" } else { "steps" };
                print(&format!("{}: {name} version {version}, {count} {steps}: good\n", file.display()))?;
            }
            Err(errors) => wrong.extend(errors),
        }
    }
    wrong.extend(definitions.mixed_up());
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn graph(file: &Path, format: Shape, language: &str, output: Option<&Path>) -> Result<(), Wrong> {
    let definition = read(file, &mut Definitions::default())?;
    let drawn = saga::draw(&definition, format.into(), language);
    match output {
        None => print(&drawn),
        Some(output) => {
            let told = |error| vec![format!("{}: it can't be written: {error}", output.display())];
            fs::write(output, drawn).map_err(told)
        }
    }
}

fn read(file: &Path, definitions: &mut Definitions) -> Result<Arc<Definition>, Wrong> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|error| vec![format!("{name}: it can't be read: {error}")])?;
    definitions.add(&name, &text)
}

fn print(text: &str) -> Result<(), Wrong> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| vec![format!("standard output: {error}")])
}
