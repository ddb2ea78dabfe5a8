//! Plays a saga definition with scripted answers: unit tests of sagas, without Kafka and without waiting. The engine is
//! the crate `saga`, as the service runs it.

mod answer;
mod check;
mod coverage;
mod format;
mod json;
mod play;
mod report;

use saga::Definition;

use self::coverage::Coverage;
use self::format::Script;

/// How much is printed, and which cases are played.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Print the timelines of failed cases only.
    pub quiet: bool,
    /// Fail unless the cases cover every edge.
    pub full_coverage: bool,
    /// Play only the case with this name.
    pub case: Option<String>,
}

/// The result of a script.
#[derive(Debug)]
pub struct Results {
    /// The timelines, the failures and the coverage.
    pub text: String,
    /// The failures in short, a line each; empty if everything was as expected.
    pub failures: Vec<String>,
}

/// Plays the cases of a script.
///
/// # Errors
/// All errors in the script, a line each.
pub fn run(definition: &Definition, file: &str, text: &str, options: &Options) -> Result<Results, Vec<String>> {
    let script = Script::parse(file, text)?;
    let problems = check::check(&script, definition, file, text);
    if !problems.is_empty() {
        return Err(problems);
    }
    let wanted = |name: &str| options.case.as_deref().is_none_or(|case| case == name);
    let cases: Vec<_> = script.cases.iter().map(|case| case.get_ref()).filter(|case| wanted(&case.name)).collect();
    if cases.is_empty() {
        let names: Vec<&str> = script.cases.iter().map(|case| case.get_ref().name.as_str()).collect();
        return Err(vec![format!("{file}: there is no such case; the cases are: {}", names.join(", "))]);
    }
    let mut coverage = Coverage::new(definition);
    let mut text = String::new();
    let mut failed = Vec::new();
    for case in &cases {
        let run = play::play(definition, &script.start, case);
        coverage.add(&run);
        let differences = report::differences(case.expect.get_ref(), &run);
        text.push_str(&report::case(case, &run, &differences, options.quiet));
        if !differences.is_empty() {
            failed.push(format!("{file}: case {:?} failed", case.name));
        }
    }
    text.push_str(&coverage.table());
    text.push_str(&format!("{} of {} cases passed\n", cases.len() - failed.len(), cases.len()));
    let uncovered = coverage.uncovered();
    if options.full_coverage && !uncovered.is_empty() {
        failed.push(format!("{file}: no case covers: {}", uncovered.join(", ")));
    }
    Ok(Results { text, failures: failed })
}
