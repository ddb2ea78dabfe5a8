//! Bounds of what a service takes from messages and keeps: the longest value of each kind of message, and the longest
//! texts and lists in it. All are counted in bytes of JSON, as they are written to a journal.

use std::borrow::Cow;
use std::io;

use serde::Serialize;

/// 1,024 bytes.
pub const KIB: usize = 1024;

/// The longest value of a saga's command. The orchestrator sends no longer one, and every participant reads one.
pub const COMMAND_BYTES: usize = 384 * KIB;
/// The most bytes of an item's id or a warehouse's name.
pub const ID_BYTES: usize = 300;
/// The most lines of an order, and of a reservation or a return of it.
pub const MOST_LINES: usize = 500;
/// The most characters of a text of a customer, such as a line of an address.
pub const CUSTOMER_CHARS: usize = 1_000;
/// The most bytes of such a text: a character takes at most 6 in JSON.
pub const CUSTOMER_TEXT_BYTES: usize = 6 * CUSTOMER_CHARS;
/// The longest text taken from another service's message and kept: a reason, an error, a reference.
pub const TEXT_BYTES: usize = 1_000;

/// A value that is read from messages. `Message::json` rejects longer ones.
pub trait Bounded {
    /// The most bytes of its JSON.
    const MAX_BYTES: usize;
}

impl<T: Bounded> Bounded for Box<T> {
    const MAX_BYTES: usize = T::MAX_BYTES;
}

/// Implements [`Bounded`] for several types: `bounded! { Cancel: 16 * KIB, Place: 256 * KIB }`.
#[macro_export]
macro_rules! bounded {
    ($($value:ty: $bytes:expr),+ $(,)?) => {
        $(impl $crate::bounds::Bounded for $value {
            const MAX_BYTES: usize = $bytes;
        })+
    };
}

/// The first `most` characters of a text.
pub fn first_chars(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// The bytes of a text within JSON, without its quotes (RFC 8259, section 7, as serde_json escapes).
pub fn text_bytes(text: &str) -> usize {
    text.bytes().map(escaped).sum()
}

const fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        0x20..=0xff => 1,
    }
}

/// The bytes of a value's JSON; `usize::MAX` if it can't be encoded.
pub fn json_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

/// Ends a text that was cut.
const CUT: char = '…';

/// The text, or its beginning and an ellipsis if it takes more than `most` bytes of JSON.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most / 6 || text_bytes(text) <= most {
        return text.into();
    }
    let mut left = most.saturating_sub(CUT.len_utf8());
    let fits = |(_, letter): &(usize, char)| {
        let bytes = if letter.is_ascii() { escaped(u8::try_from(*letter).unwrap_or(0)) } else { letter.len_utf8() };
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    let end = text.char_indices().take_while(fits).last().map_or(0, |(at, letter)| at + letter.len_utf8());
    format!("{}{CUT}", text.get(..end).unwrap_or_default()).into()
}

/// Cuts a text in place ([`cut`]).
pub fn shorten(text: &mut String, most: usize) {
    if let Cow::Owned(cut) = cut(text, most) {
        *text = cut;
    }
}

/// Cuts an optional text in place ([`cut`]).
pub fn shorten_any(text: &mut Option<String>, most: usize) {
    text.iter_mut().for_each(|text| shorten(text, most));
}

/// Checks the texts and lists of one value, and remembers the first that is too long.
#[derive(Debug, Default)]
pub struct Check {
    fault: Option<String>,
}

impl Check {
    /// A text of at most `most` bytes of JSON.
    pub fn text(&mut self, at: &str, text: &str, most: usize) {
        let bytes = text_bytes(text);
        self.at_most(at, bytes, most, "bytes");
    }

    /// An optional text.
    pub fn any_text(&mut self, at: &str, text: Option<&str>, most: usize) {
        if let Some(text) = text {
            self.text(at, text, most);
        }
    }

    /// A list of at most `most` items.
    pub fn list(&mut self, at: &str, items: usize, most: usize) {
        self.at_most(at, items, most, "items");
    }

    fn at_most(&mut self, at: &str, found: usize, most: usize, unit: &str) {
        if found > most && self.fault.is_none() {
            self.fault = Some(format!("{at}: {found} {unit}, at most {most} are allowed"));
        }
    }

    /// Ends the check.
    ///
    /// # Errors
    /// The first text or list that is too long, with its bound.
    pub fn done(self) -> Result<(), String> {
        self.fault.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_bytes_of_a_text_are_those_of_its_json(text in any::<String>()) {
            prop_assert_eq!(text_bytes(&text) + 2, serde_json::to_string(&text).unwrap().len());
            prop_assert_eq!(json_bytes(&text), text_bytes(&text) + 2);
        }

        #[test]
        fn a_text_is_cut_at_its_bound_and_says_so(text in any::<String>(), most in 3..200_usize) {
            let short = cut(&text, most);
            prop_assert!(text_bytes(&short) <= most, "{short}");
            if text_bytes(&text) <= most {
                prop_assert_eq!(&*short, &*text);
            } else {
                prop_assert!(short.ends_with(CUT) && text.starts_with(short.trim_end_matches(CUT)), "{}", short);
                prop_assert!(text_bytes(&short) + 6 + 3 > most, "not much less than the bound");
            }
        }
    }

    #[test]
    fn the_first_fault_is_named() {
        let mut check = Check::default();
        check.text("name", "Ana", 3);
        check.list("items", 3, 2);
        check.any_text("why", Some("x\n"), 2);
        assert_eq!(check.done(), Err("items: 3 items, at most 2 are allowed".to_owned()));
    }
}
