//! Text as glyphs: the Unicode Bidirectional Algorithm orders it, HarfBuzz's algorithm shapes it, and each character
//! has the first font with a glyph for it. A character that no font has is shown as U+FFFD, and its script is logged.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use harfrust::{Direction, ShapeOptions, UnicodeBuffer};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use unicode_bidi::BidiInfo;

use super::fonts::{Face, Fonts};

/// Shown for a character without a glyph.
const REPLACEMENT: &str = "\u{fffd}";
/// Ends a text that was cut.
const CUT: &str = "…";
/// The blocks of 256 characters of which a missing glyph was logged.
static LOGGED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A line of text, ready to be drawn.
pub(super) struct Shaped {
    pub(super) text: String,
    /// From left to right.
    pub(super) parts: Vec<Part>,
    /// In units of the font size.
    pub(super) width: f32,
}

/// Glyphs of one font, which begin where those before end.
pub(super) struct Part {
    pub(super) font: Font,
    pub(super) glyphs: Vec<KrillaGlyph>,
    pub(super) width: f32,
}

/// Characters of one direction and one font, as bytes of the text.
struct Segment<'a> {
    face: Option<&'a Face>,
    range: Range<usize>,
}

/// Shapes one line.
pub(super) fn shape(fonts: &Fonts, bold: bool, text: &str) -> Shaped {
    let text: String = text.chars().map(|c| if is_separator(c) { ' ' } else { c }).collect();
    let mut parts = Vec::new();
    let info = BidiInfo::new(&text, None);
    for paragraph in &info.paragraphs {
        let (levels, runs) = info.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let is_rtl = levels.get(run.start).is_some_and(unicode_bidi::Level::is_rtl);
            let mut segments = segments(fonts, bold, &text, run);
            if is_rtl {
                segments.reverse();
            }
            let shaped = segments.into_iter().filter_map(|segment| part(fonts, bold, &text, &segment, is_rtl));
            parts.extend(shaped);
        }
    }
    let width = parts.iter().map(|part| part.width).sum();
    Shaped { text, parts, width }
}

/// The text in lines of at most this width, in units of the font size. The last line is cut if there are more.
pub(super) fn wrap(fonts: &Fonts, bold: bool, text: &str, width: f32, most: usize) -> Vec<Shaped> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0.0;
    for word in words(text) {
        let wide = shape(fonts, bold, word).width;
        let visible = shape(fonts, bold, word.trim_end()).width;
        if used + visible > width && !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line));
            used = 0.0;
        }
        if visible <= width {
            line.push_str(word);
            used += wide;
            continue;
        }
        for letter in word.chars() {
            let wide = shape(fonts, bold, letter.encode_utf8(&mut [0; 4])).width;
            if used + wide > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            line.push(letter);
            used += wide;
        }
        if lines.len() > most {
            break;
        }
    }
    lines.push(line);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let cut = last.trim_end().len().saturating_sub(last.chars().last().map_or(0, char::len_utf8));
            *last = format!("{}{CUT}", last.get(..cut).unwrap_or(last.trim_end()));
        }
    }
    lines.iter().map(|line| shape(fonts, bold, line.trim_end())).collect()
}

/// The parts of a text after which a line may end: words with the spaces after them, and single ideographs.
fn words(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let end = at + letter.len_utf8();
        let next = letters.peek().map(|(_, next)| *next);
        let ends_word = letter.is_whitespace() && next.is_some_and(|next| !next.is_whitespace());
        let ends_ideograph = is_ideograph(letter) || next.is_some_and(is_ideograph);
        if (ends_word || ends_ideograph || next.is_none()) && next.is_none_or(|next| !is_attached(next)) {
            all.extend(text.get(start..end));
            start = end;
        }
    }
    all
}

/// Splits a range of one direction where the font changes, or the script that joins its letters.
fn segments<'a>(fonts: &'a Fonts, bold: bool, text: &str, range: Range<usize>) -> Vec<Segment<'a>> {
    let mut all: Vec<Segment<'a>> = Vec::new();
    let mut joined = None;
    for (at, letter) in text.get(range.clone()).unwrap_or_default().char_indices() {
        let start = range.start + at;
        let end = start + letter.len_utf8();
        let script = joining_script(letter);
        let last = all.last_mut();
        if let Some(last) = last
            && (script.is_none() || joined.is_none() || script == joined)
            && (is_attached(letter) || is_same(last.face, find(fonts, bold, letter)))
        {
            last.range.end = end;
        } else {
            all.push(Segment { face: find(fonts, bold, letter), range: start..end });
            joined = None;
        }
        joined = script.or(joined);
    }
    all
}

fn is_same(one: Option<&Face>, other: Option<&Face>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn find(fonts: &Fonts, bold: bool, letter: char) -> Option<&Face> {
    fonts.faces(bold).find(|face| face.has(letter))
}

fn part(fonts: &Fonts, bold: bool, text: &str, segment: &Segment<'_>, is_rtl: bool) -> Option<Part> {
    let range = segment.range.clone();
    let content = text.get(range.clone())?;
    let Some(face) = segment.face else {
        content.chars().for_each(log_missing);
        return replaced(fonts.faces(bold).next()?, content, range.start);
    };
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(content);
    buffer.set_direction(if is_rtl { Direction::RightToLeft } else { Direction::LeftToRight });
    glyphs(face, buffer, |cluster| range.start + cluster, range.end)
}

/// A replacement for each character. The text stays, so that it can be copied.
fn replaced(face: &Face, content: &str, start: usize) -> Option<Part> {
    let offsets: Vec<usize> = content.char_indices().map(|(at, _)| start + at).collect();
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(&REPLACEMENT.repeat(offsets.len()));
    buffer.set_direction(Direction::LeftToRight);
    let offset = |cluster: usize| offsets.get(cluster / REPLACEMENT.len()).copied().unwrap_or(start);
    glyphs(face, buffer, offset, start + content.len())
}

/// Shapes a buffer. `offset` is where a cluster begins in the text.
#[expect(clippy::cast_precision_loss, reason = "font units are far below 2^24")]
fn glyphs(face: &Face, mut buffer: UnicodeBuffer, offset: impl Fn(usize) -> usize, end: usize) -> Option<Part> {
    let tables = face.tables()?;
    let direction = buffer.direction();
    buffer.guess_segment_properties();
    buffer.set_direction(direction);
    let output = face.shaper.shaper(&tables).build().shape(buffer, ShapeOptions::new());
    let units = face.font.units_per_em();
    let start_of = |cluster: u32| offset(usize::try_from(cluster).unwrap_or_default());
    let starts: BTreeSet<usize> = output.glyph_infos().iter().map(|info| start_of(info.cluster)).collect();
    let glyph = |(info, place): (&harfrust::GlyphInfo, &harfrust::GlyphPosition)| {
        let start = start_of(info.cluster);
        let next = starts.range(start + 1..).next().copied().unwrap_or(end);
        KrillaGlyph::new(
            GlyphId::new(info.glyph_id),
            place.x_advance as f32 / units,
            place.x_offset as f32 / units,
            place.y_offset as f32 / units,
            place.y_advance as f32 / units,
            start..next,
            None,
        )
    };
    let glyphs: Vec<KrillaGlyph> = output.glyph_infos().iter().zip(output.glyph_positions()).map(glyph).collect();
    let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
    Some(Part { font: face.font.clone(), glyphs, width })
}

/// Logs once for each block of 256 characters.
fn log_missing(letter: char) {
    let block = u32::from(letter) >> 8;
    if LOGGED.lock().unwrap_or_else(PoisonError::into_inner).insert(block) {
        let code = format!("U+{:04X}", u32::from(letter));
        tracing::warn!(character = code, "no font has this character: install one for its script, see invoices.fonts");
    }
}

/// A character that ends a line or a paragraph, or is not shown.
fn is_separator(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The script whose letters join, and so must be shaped alone; `None` for all others.
const fn joining_script(letter: char) -> Option<&'static str> {
    match letter {
        '\u{0590}'..='\u{05ff}' | '\u{fb1d}'..='\u{fb4f}' => Some("Hebrew"),
        '\u{0600}'..='\u{06ff}'
        | '\u{0750}'..='\u{077f}'
        | '\u{0870}'..='\u{08ff}'
        | '\u{fb50}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefe}' => Some("Arabic"),
        _ => None,
    }
}

/// A mark, joiner or selector, which has the font of the character before it.
const fn is_attached(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{20d0}'..='\u{20ff}')
}

/// A character of a script that is written without spaces.
const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests;
