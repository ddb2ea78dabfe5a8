//! Draws a definition: its nodes (`flow`), their layout (`grid`, `tracks`, `layout`, `route`) and the output formats,
//! which share one flow.

mod bpmn;
mod bpmn_ids;
mod flow;
mod flowzap;
mod geometry;
mod grid;
mod interchange;
mod labels;
mod layout;
mod marks;
mod mermaid;
mod osop;
mod route;
mod style;
mod svg;
mod tracks;

use crate::definition::Definition;

pub(crate) use labels::clean;
pub use labels::conclude_label;
pub use marks::{Mark, Marks};
pub use style::STYLE_SHEET;

/// The format of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// SVG, light or dark by the reader's preference. The element of a step has `data-step="NAME"`, so that a page can
    /// style it.
    Svg,
    /// BPMN 2.0 with its diagram, for modelling tools. It is not executable.
    Bpmn,
    /// A Mermaid flowchart, for Markdown.
    Mermaid,
    /// An OSOP 1.0 document, for exchange. [`crate::import()`] reads it.
    Osop,
    /// FlowZap Code, for exchange. [`crate::import()`] reads it.
    FlowZap,
}

/// Draws a definition with its labels in a language (BCP 47, such as `pt`), by default in English. Deterministic: the
/// same definition gives the same text.
#[must_use]
pub fn draw(definition: &Definition, format: Format, language: &str) -> String {
    let flow = flow::Flow::of(definition, language);
    match format {
        Format::Svg => svg::write(&layout::Drawing::of(&flow), None),
        Format::Bpmn => bpmn::write(&layout::Drawing::of(&flow)),
        Format::Mermaid => mermaid::write(&flow),
        Format::Osop => osop::write(&flow),
        Format::FlowZap => flowzap::write(&flow),
    }
}

/// Draws a definition as an SVG fragment for a page: with marks on its steps, and without a style sheet, so that a
/// strict content security policy allows it. The page must include [`STYLE_SHEET`].
#[must_use]
pub fn draw_marked(definition: &Definition, language: &str, marks: &Marks) -> String {
    let flow = flow::Flow::of(definition, language);
    svg::write(&layout::Drawing::of(&flow), Some(marks))
}
