//! The subcommands of the binary: they import, check, draw and try definitions. They need neither settings nor Kafka,
//! so that they run on a laptop and in CI.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgMatches, Command, FromArgMatches as _, Subcommand, ValueEnum};
use saga::{Definition, DefinitionError, Format, IMPORT_LIMIT, Step, WHOLE_LIMIT, Work};

use crate::definitions::Definitions;
use crate::script::{self, Options};

// The subcommands. A docstring here would become the help text of the program.
#[derive(Debug, Subcommand)]
enum Tool {
    /// Check definitions as a start of the orchestrator does, and print all problems
    Check {
        /// Definitions
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Draw the flow of a definition
    Graph {
        /// A definition
        file: PathBuf,
        /// The output format
        #[arg(long, value_enum, default_value_t = Shape::Svg)]
        format: Shape,
        /// The language of the labels; English where a label has no such text
        #[arg(long, value_name = "LANGUAGE", default_value = "en")]
        language: String,
        /// Write to this file instead of to standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Write a definition from an OSOP 1.0 document or FlowZap Code, with a comment at each open decision
    Import {
        /// An OSOP document (YAML or JSON) or a FlowZap diagram, recognized by its content
        file: PathBuf,
        /// Write to this file instead of to standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Play a definition with scripted answers, without Kafka and without waiting, and check its endings
    Try {
        /// A definition
        file: PathBuf,
        /// A script with cases
        script: PathBuf,
        /// Play only this case
        #[arg(long, value_name = "NAME")]
        case: Option<String>,
        /// Print the timelines of failed cases only
        #[arg(long, short)]
        quiet: bool,
        /// Fail unless the cases cover every step and every edge
        #[arg(long)]
        full_coverage: bool,
    },
    /// Print the JSON Schema of definitions, for editors
    Schema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// A picture for browsers and documents
    Svg,
    /// BPMN 2.0 for modellers
    Bpmn,
    /// A flowchart for Markdown
    Mermaid,
    /// OSOP 1.0, for exchange
    Osop,
    /// FlowZap Code, for exchange
    Flowzap,
}

impl From<Shape> for Format {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Svg => Self::Svg,
            Shape::Bpmn => Self::Bpmn,
            Shape::Mermaid => Self::Mermaid,
            Shape::Osop => Self::Osop,
            Shape::Flowzap => Self::FlowZap,
        }
    }
}

/// The command line with the tools.
pub fn command_line(command: Command) -> Command {
    Tool::augment_subcommands(command).subcommand_required(false).args_conflicts_with_subcommands(true)
}

/// Runs the subcommand, if there is one. The exit code is 1 on a problem.
pub fn run(matches: &ArgMatches) -> Option<ExitCode> {
    matches.subcommand()?;
    let result = match Tool::from_arg_matches(matches).unwrap_or_else(|error| error.exit()) {
        Tool::Check { files } => check(&files),
        Tool::Graph { file, format, language, output } => graph(&file, format, &language, output.as_deref()),
        Tool::Import { file, output } => import(&file, output.as_deref()),
        Tool::Try { file, script, case, quiet, full_coverage } => {
            play(&file, &script, &Options { quiet, full_coverage, case })
        }
        Tool::Schema => print(&saga::definition_schema()),
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            // A closed standard error leaves no way to report.
            _ = writeln!(io::stderr(), "{}", problems.join("\n"));
            ExitCode::FAILURE
        }
    })
}

/// Problems, a line each.
type Problems = Vec<String>;

/// Prints a line for each valid file; returns the problems of the others, and the conflicts between them.
fn check(files: &[PathBuf]) -> Result<(), Problems> {
    let mut definitions = Definitions::default();
    let mut problems = Problems::new();
    for file in files {
        match read(file, &mut definitions) {
            Ok(definition) => {
                let Definition { name, version, .. } = &*definition;
                let count = definition.steps.len();
                let steps = if count == 1 { "step" } else { "steps" };
                print(&format!("{}: {name} version {version}, {count} {steps}: valid\n", file.display()))?;
                print(&notes(file, &definition))?;
            }
            Err(errors) => problems.extend(errors),
        }
    }
    problems.extend(definitions.ambiguous_topics());
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// A line for each step that keeps whole messages, since it names no fields.
fn notes(file: &Path, definition: &Definition) -> String {
    let note = |step: &Step| match &step.work {
        Work::Receive(receive) if receive.keeps_whole() => Some(format!(
            "{}: step {:?}: note: receive names no fields, so the whole message is kept, and one of more than \
             {WHOLE_LIMIT} bytes is refused; write receive.fields, such as fields = {{ reason = \"text\" }}\n",
            file.display(),
            step.name,
        )),
        Work::Receive(_) | Work::Execute(_) | Work::Check(_) => None,
    };
    definition.steps.iter().filter_map(note).collect()
}

fn graph(file: &Path, format: Shape, language: &str, output: Option<&Path>) -> Result<(), Problems> {
    let definition = read(file, &mut Definitions::default())?;
    deliver(&saga::draw(&definition, format.into(), language), output)
}

/// Imports a file of another format, and checks the definition as a start of the orchestrator does.
fn import(file: &Path, output: Option<&Path>) -> Result<(), Problems> {
    let name = file.display().to_string();
    let texts = |errors: Vec<DefinitionError>| errors.iter().map(ToString::to_string).collect::<Problems>();
    let definition = saga::import(&name, &bounded_text_of(file)?).map_err(texts)?;
    Definitions::default().add(&name, &definition)?;
    deliver(&definition, output)
}

/// Prints a text, or writes it to a file.
fn deliver(text: &str, output: Option<&Path>) -> Result<(), Problems> {
    match output {
        None => print(text),
        Some(output) => {
            let problem = |error| vec![format!("{}: it can't be written: {error}", output.display())];
            fs::write(output, text).map_err(problem)
        }
    }
}

/// Plays the cases of a script; the problems are the failed cases.
fn play(file: &Path, script: &Path, options: &Options) -> Result<(), Problems> {
    let definition = read(file, &mut Definitions::default())?;
    let results = script::run(&definition, &script.display().to_string(), &text_of(script)?, options)?;
    print(&results.text)?;
    if results.failures.is_empty() { Ok(()) } else { Err(results.failures) }
}

fn read(file: &Path, definitions: &mut Definitions) -> Result<Arc<Definition>, Problems> {
    definitions.add(&file.display().to_string(), &text_of(file)?)
}

fn text_of(file: &Path) -> Result<String, Problems> {
    fs::read_to_string(file).map_err(|error| vec![format!("{}: it can't be read: {error}", file.display())])
}

/// The text of a file, up to the limit of an import: a longer one is not read to its end.
fn bounded_text_of(file: &Path) -> Result<String, Problems> {
    let problem = |error: io::Error| vec![format!("{}: it can't be read: {error}", file.display())];
    let limit = u64::try_from(IMPORT_LIMIT).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).map_err(problem)?;
    opened.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(problem)?;
    if bytes.len() > IMPORT_LIMIT {
        return Err(vec![format!("{}: it is too long; write at most {IMPORT_LIMIT} bytes", file.display())]);
    }
    String::from_utf8(bytes).map_err(|_| vec![format!("{}: it is not UTF-8; write UTF-8", file.display())])
}

fn print(text: &str) -> Result<(), Problems> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| vec![format!("standard output: {error}")])
}
