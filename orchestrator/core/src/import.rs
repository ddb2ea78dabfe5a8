//! Imports descriptions of processes: OSOP 1.0 and FlowZap Code. The result is the text of a definition that can be run
//! as it is, with a comment at each decision that the imported file leaves open.

mod atoms;
mod draft;
mod flowzap;
mod format;
mod formula;
mod graph;
mod names;
mod osop;
mod report;
mod write;
mod yaml;

use crate::definition::{Definition, DefinitionError};
use format::Source;
use report::Report;

/// The most bytes of a file to be imported.
pub const IMPORT_LIMIT: usize = 1 << 20;

/// Imports an OSOP document or a FlowZap diagram, and returns the text of a definition.
///
/// # Errors
/// All errors in the file, by line.
pub fn import(file: &str, text: &str) -> Result<String, Vec<DefinitionError>> {
    let report = Report::new(file);
    if text.len() > IMPORT_LIMIT {
        let problem = format!("it has {} bytes", text.len());
        report.error(None, problem, format!("write at most {IMPORT_LIMIT} bytes"));
        return Err(report.into_errors());
    }
    let base = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = base.split('.').next().unwrap_or_default();
    let draft = match format::source(base, text) {
        Ok(Source::Osop) => osop::read(text, &report),
        Ok(Source::FlowZap) => flowzap::read(text, stem, &report),
        Err(found) => {
            report.error(
                None,
                format!("this is {found}"),
                "write an OSOP 1.0 document (YAML with osop_version) or FlowZap Code (lanes with nodes and arrows)",
            );
            None
        }
    };
    let Some(draft) = draft else { return Err(report.into_errors()) };
    let text = write::write(&draft, base);
    // What the reading of the file does not find, the definition's own checks do.
    match Definition::parse(file, &text) {
        Ok(_) => Ok(text),
        Err(errors) => Err(errors.into_iter().map(|error| DefinitionError { line: None, ..error }).collect()),
    }
}
