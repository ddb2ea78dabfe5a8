//! A definition as a picture: what is on it (`flow`), where it stands (`grid`, `tracks`, `place`), and the formats it can
//! be written in. The formats share one picture, so that they never tell different stories.

mod bpmn;
mod bpmn_ids;
mod flow;
mod geometry;
mod grid;
mod interchange;
mod labels;
mod layout;
mod marks;
mod mermaid;
mod route;
mod style;
mod svg;
mod tracks;
mod xml;

use crate::definition::Definition;

pub use marks::{Mark, Marks};
pub use style::SHEET;

/// What a definition can be drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A picture for a browser or a document, light or dark as its reader likes it. What shows a step has
    /// `data-step="NAME"`, so that a page can colour it.
    Svg,
    /// BPMN 2.0 with its diagram, for a modeller. It shows what is done, and can't be executed.
    Bpmn,
    /// The text of a flowchart, for Markdown.
    Mermaid,
}

/// Draws a definition, its labels in a language (BCP 47, such as `pt`), or in English where they have none in it. The
/// same definition gives the same text, always.
#[must_use]
pub fn draw(definition: &Definition, format: Format, language: &str) -> String {
    let flow = flow::Flow::of(definition, language);
    match format {
        Format::Svg => svg::write(&layout::Picture::of(&flow), None),
        Format::Bpmn => bpmn::write(&layout::Picture::of(&flow)),
        Format::Mermaid => mermaid::write(&flow),
    }
}

/// Draws a definition as SVG to be put into a page: with what the page has to say about its steps, and without a style
/// sheet, for a page that allows none inside it; [`SHEET`] has to be part of the page's own.
#[must_use]
pub fn draw_marked(definition: &Definition, language: &str, marks: &Marks) -> String {
    let flow = flow::Flow::of(definition, language);
    svg::write(&layout::Picture::of(&flow), Some(marks))
}
