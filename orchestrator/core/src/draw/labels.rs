//! Texts for pictures. How wide a text comes out is known only where it is shown; here it is estimated, a little too wide,
//! so that no text leaves its box.

use std::time::Duration;

use jiff::SignedDuration;

/// Without what no picture can show: control characters, and more than one blank in a row.
pub(super) fn clean(text: &str) -> String {
    let shown = |c: char| if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { c };
    let text: String = text.chars().map(shown).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How wide a text is, in hundredths of its size.
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

/// How wide a text is at a size.
pub(super) fn width(text: &str, size: i32) -> i32 {
    let size = usize::try_from(size).unwrap_or(0);
    i32::try_from(hundredths(text).saturating_mul(size) / 100).unwrap_or(i32::MAX)
}

/// As much of a text as fits, with an ellipsis where that is not all.
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

/// A text in lines that fit; the last one is shortened where there are too many.
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

/// A duration as a definition writes it.
pub(super) fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A duration as ISO 8601 writes it, such as `PT15M`.
pub(super) fn iso(duration: Duration) -> String {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_shortened() {
        assert_eq!(shorten("inventory.reserve", 10, 200), "inventory.reserve");
        let short = shorten("inventory.reserve", 10, 60);
        assert!(short.ends_with('…') && width(&short, 10) <= 60, "{short}");
    }

    #[test]
    fn lines_fit_and_are_never_too_many() {
        let text = "Reserve the stock of every warehouse that is somewhere near, one-very-long-word-that-fits-nowhere";
        for lines in 1..6 {
            let wrapped = wrap(text, 13, 160, lines);
            assert!(wrapped.len() <= lines, "{wrapped:?}");
            assert!(wrapped.iter().all(|line| width(line, 13) <= 160), "{wrapped:?}");
        }
        assert_eq!(wrap("", 13, 160, 2), Vec::<String>::new());
    }

    #[test]
    fn nothing_that_xml_refuses_is_left() {
        assert_eq!(clean("  a\n\tb\u{0}c\u{FFFF} d "), "a b c d");
    }

    #[test]
    fn durations_are_read_by_people_and_by_machines() {
        let minutes = Duration::from_secs(900);
        assert_eq!((duration(minutes).as_str(), iso(minutes).as_str()), ("15m", "PT15M"));
        assert_eq!(iso(Duration::from_millis(200)), "PT0.2S");
        assert!(iso(Duration::MAX).starts_with("PT"));
    }
}
