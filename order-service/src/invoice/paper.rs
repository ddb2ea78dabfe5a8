//! Pages of a PDF, written from top to bottom. Every font that is used is part of the file, with the glyphs that are
//! used.

use std::fmt::Display;

use krilla::Document;
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;

use super::fonts::Fonts;
use super::text::{Shaped, shape, wrap};

/// A4, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
pub(super) const LEFT: f32 = 56.0;
pub(super) const RIGHT: f32 = WIDTH - 56.0;
const TOP: f32 = 64.0;
const BOTTOM: f32 = HEIGHT - 72.0;
/// The baseline of the page's number.
const FOOT: f32 = HEIGHT - 40.0;
const LEADING: f32 = 14.0;
const FOOT_SIZE: f32 = 8.0;

/// The size and weight of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) size: f32,
    pub(super) bold: bool,
}

pub(super) const TEXT: Style = Style { size: 9.0, bold: false };
pub(super) const SMALL: Style = Style { size: 7.5, bold: false };
pub(super) const BOLD: Style = Style { size: 9.0, bold: true };
pub(super) const TITLE: Style = Style { size: 18.0, bold: true };

/// What is drawn on a page.
enum Mark {
    Line { x: f32, y: f32, size: f32, shaped: Shaped },
    Rule { y: f32 },
}

/// The pages so far, and where the next line is.
pub(super) struct Paper<'a> {
    fonts: &'a Fonts,
    pages: Vec<Vec<Mark>>,
    pub(super) y: f32,
}

impl<'a> Paper<'a> {
    pub(super) fn new(fonts: &'a Fonts) -> Self {
        Self { fonts, pages: vec![Vec::new()], y: TOP }
    }

    /// Moves down by lines.
    pub(super) fn down(&mut self, lines: f32) {
        self.y += lines * LEADING;
    }

    /// Begins a page unless so many lines fit. Returns true if it did.
    pub(super) fn need(&mut self, lines: f32) -> bool {
        let is_full = self.y + lines * LEADING > BOTTOM;
        if is_full {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
        is_full
    }

    /// Writes a text that begins at `x`.
    pub(super) fn text(&mut self, style: Style, x: f32, text: &str) {
        let shaped = shape(self.fonts, style.bold, text);
        self.line(style, x, shaped);
    }

    /// Writes a text that ends at `x`.
    pub(super) fn right(&mut self, style: Style, x: f32, text: &str) {
        let shaped = shape(self.fonts, style.bold, text);
        let start = x - shaped.width * style.size;
        self.line(style, start, shaped);
    }

    /// A text as lines of at most this width; the last line is cut if there are more than `most`.
    pub(super) fn wrapped(&self, style: Style, text: &str, width: f32, most: usize) -> Vec<Shaped> {
        wrap(self.fonts, style.bold, text, width / style.size, most)
    }

    pub(super) fn line(&mut self, style: Style, x: f32, shaped: Shaped) {
        let y = self.y;
        self.mark(Mark::Line { x, y, size: style.size, shaped });
    }

    /// Draws a line across the page.
    pub(super) fn rule(&mut self) {
        let y = self.y - LEADING * 0.5;
        self.mark(Mark::Rule { y });
        self.down(0.6);
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// The file. The pages are numbered if there are several.
    ///
    /// # Errors
    /// A font that cannot be embedded.
    pub(super) fn finish(mut self, title: String, language: &str, page_word: &str) -> Result<Vec<u8>, PdfError> {
        let count = self.pages.len();
        if count > 1 {
            for (index, page) in self.pages.iter_mut().enumerate() {
                let shaped = shape(self.fonts, false, &format!("{page_word} {} / {count}", index + 1));
                let x = RIGHT - shaped.width * FOOT_SIZE;
                page.push(Mark::Line { x, y: FOOT, size: FOOT_SIZE, shaped });
            }
        }
        let mut document = Document::new();
        document.set_metadata(Metadata::new().title(title).language(language.to_owned()));
        let settings =
            PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| PdfError("the page has no size".to_owned()))?;
        for marks in &self.pages {
            let mut page = document.start_page_with(settings.clone());
            let mut surface = page.surface();
            surface.set_fill(Some(Fill::default()));
            for mark in marks {
                draw(&mut surface, mark);
            }
            surface.finish();
            page.finish();
        }
        document.finish().map_err(|error| PdfError(error.to_string()))
    }
}

fn draw(surface: &mut Surface<'_>, mark: &Mark) {
    match mark {
        Mark::Line { x, y, size, shaped } => {
            let mut x = *x;
            for part in &shaped.parts {
                let start = Point::from_xy(x, *y);
                surface.draw_glyphs(start, &part.glyphs, part.font.clone(), &shaped.text, *size, false);
                x += part.width * size;
            }
        }
        Mark::Rule { y } => {
            let mut line = PathBuilder::new();
            line.move_to(LEFT, *y);
            line.line_to(RIGHT, *y);
            if let Some(path) = line.finish() {
                let fill = surface.get_fill().cloned();
                surface.set_fill(None);
                surface.set_stroke(Some(Stroke { width: 0.5, ..Stroke::default() }));
                surface.draw_path(&path);
                surface.set_stroke(None);
                surface.set_fill(fill);
            }
        }
    }
}

/// Why a PDF could not be written.
#[derive(Debug)]
pub(crate) struct PdfError(String);

impl Display for PdfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
