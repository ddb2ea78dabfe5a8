//! Whole numbers that are written with a fraction of zeros: `1.0` is the integer 1 of JSON Schema (2020-12, section
//! 6.1.1), and some languages write every number so.

use std::borrow::Cow;

/// The JSON with spaces for the fractions of zeros, so that its numbers are read as integers. Texts, and the places of
/// all values, stay. What is not JSON stays so.
pub(super) fn whole_numbers(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(json);
    let mut rest = json.iter().copied().enumerate();
    let mut in_text = false;
    while let Some((at, byte)) = rest.next() {
        match byte {
            b'\\' if in_text => _ = rest.next(),
            b'"' => in_text = !in_text,
            b'.' if !in_text && json.get(..at).is_some_and(ends_in_integer) => {
                let fraction = json.get(at..).map_or(0, length_of_zeros);
                if let Some(spaces) = out_range(&mut out, at, fraction) {
                    spaces.fill(b' ');
                }
            }
            _ => {}
        }
    }
    out
}

/// Returns true if the JSON ends in an integer that is not a part of another number.
fn ends_in_integer(json: &[u8]) -> bool {
    let digits = json.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let mut head = json.iter().rev().skip(digits);
    let last = head.next();
    let before = if last == Some(&b'-') { head.next() } else { last };
    digits > 0 && !matches!(before, Some(b'.' | b'e' | b'E' | b'+'))
}

/// The length of a fraction `.000` that ends its number; 0 for any other.
fn length_of_zeros(from: &[u8]) -> usize {
    let zeros = from.iter().skip(1).take_while(|byte| **byte == b'0').count();
    let continues = from.get(1 + zeros).is_some_and(|next| next.is_ascii_digit() || matches!(next, b'.' | b'e' | b'E'));
    if zeros == 0 || continues { 0 } else { 1 + zeros }
}

/// A part of the copy to change; `None`, without a copy, if it is empty.
fn out_range<'a>(out: &'a mut Cow<'_, [u8]>, at: usize, length: usize) -> Option<&'a mut [u8]> {
    if length == 0 { None } else { out.to_mut().get_mut(at..at + length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_zeros_become_spaces_and_all_else_stays() {
        for (json, expected) in [
            (r#"{"quantity":1.0}"#, r#"{"quantity":1  }"#),
            ("[1.000,-2.0 ,10.0]", "[1    ,-2   ,10  ]"),
            ("0.0", "0  "),
        ] {
            let read = whole_numbers(json.as_bytes());
            assert_eq!(read, expected.as_bytes(), "{json}");
            assert_eq!(read.len(), json.len());
        }
        for json in [
            r#"{"a":"1.0 \" 2.0"}"#,
            "[1.50,1.05,1.0e2,1.00E-1,1.,.0]",
            r#""\\1.0""#,
            "1",
            "",
            "[1.0001]",
            "[1.000.000]",
            "[10.50.0,1.5.0,1.0.5]",
            "[1e5.0,1e-5.0,1E+5.0]",
            "a.0",
            "\"1.0",
        ] {
            assert!(matches!(whole_numbers(json.as_bytes()), Cow::Borrowed(_)), "{json}");
        }
        assert_eq!(whole_numbers(br#"["\\",1.0]"#), br#"["\\",1  ]"#.as_slice());
    }
}
