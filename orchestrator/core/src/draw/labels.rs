//! Labels of a drawing. The width of a text depends on the reader's fonts; the estimate here is slightly too wide, so
//! that no text leaves its box.

use std::time::Duration;

use jiff::SignedDuration;

/// The name of the step that reports the result of a saga.
#[must_use]
pub fn conclude_label(language: &str) -> &'static str {
    if language == "pt" { "Enviar o resultado" } else { "Send the result" }
}

/// Removes control characters and repeated whitespace.
pub(crate) fn clean(text: &str) -> String {
    let printable = |c: char| if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { c };
    let text: String = text.chars().map(printable).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The width of a text, in hundredths of the font size.
fn hundredths(text: &str) -> usize {
    let one = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 34,
        'f' | 'r' | 't' | 'I' | ' ' | '(' | ')' | '[' | ']' | '/' | '-' | '"' => 44,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 96,
        'A'..='Z' | '&' | '<' | '>' | '=' | '+' => 74,
        c if c < '\u{1100}' => 62,
        _ => 110,
    };
    text.chars().map(one).sum()
}

/// The width of a text at a font size.
pub(super) fn width(text: &str, size: i32) -> i32 {
    let size = usize::try_from(size).unwrap_or(0);
    i32::try_from(hundredths(text).saturating_mul(size) / 100).unwrap_or(i32::MAX)
}

/// Shortens a text to a width, with an ellipsis.
pub(super) fn shorten(text: &str, size: i32, room: i32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if width(&short, size) + width("…", size) > room {
            short.pop();
            break;
        }
    }
    format!("{}…", short.trim_end())
}

/// Wraps a text into lines of a width; the last one is shortened if there are too many.
pub(super) fn wrap(text: &str, size: i32, room: i32, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
    while let Some(first) = words.next() {
        let mut line = first.to_owned();
        if wrapped.len() + 1 >= lines {
            for word in words.by_ref() {
                line = format!("{line} {word}");
            }
        }
        while let Some(next) = words.next_if(|next| width(&format!("{line} {next}"), size) <= room) {
            line = format!("{line} {next}");
        }
        wrapped.push(shorten(&line, size, room));
    }
    wrapped
}

/// A duration in the format of definitions, such as `15m`.
pub(super) fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A duration in ISO 8601, such as `PT15M`.
pub(super) fn iso(duration: Duration) -> String {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_does_not_fit_is_shortened() {
        assert_eq!(shorten("inventory.reserve", 10, 200), "inventory.reserve");
        let short = shorten("inventory.reserve", 10, 60);
        assert!(short.ends_with('…') && width(&short, 10) <= 60, "{short}");
    }

    #[test]
    fn lines_fit_and_their_number_is_limited() {
        let text = "Reserve the stock of every warehouse that is somewhere near, one-very-long-word-that-fits-nowhere";
        for lines in 1..6 {
            let wrapped = wrap(text, 13, 160, lines);
            assert!(wrapped.len() <= lines, "{wrapped:?}");
            assert!(wrapped.iter().all(|line| width(line, 13) <= 160), "{wrapped:?}");
        }
        assert_eq!(wrap("", 13, 160, 2), Vec::<String>::new());
    }

    #[test]
    fn characters_that_xml_forbids_are_removed() {
        assert_eq!(clean("  a\n\tb\u{0}c\u{FFFF} d "), "a b c d");
    }

    #[test]
    fn durations_have_a_readable_and_an_iso_form() {
        let minutes = Duration::from_secs(900);
        assert_eq!((duration(minutes).as_str(), iso(minutes).as_str()), ("15m", "PT15M"));
        assert_eq!(iso(Duration::from_millis(200)), "PT0.2S");
        assert!(iso(Duration::MAX).starts_with("PT"));
    }
}
