//! Names of steps, participants and paths, made from the texts of a file.

use std::collections::BTreeSet;

/// The most characters of a name.
const MAX_LENGTH: usize = 64;

/// The words of a text: letters and digits of ASCII in lower case, split at other characters and at capitals.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() || c.is_ascii_uppercase() && !before.is_ascii_uppercase() {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// A name of lowercase letters, digits and `-`, such as `reserve-inventory` for `Reserve inventory`. A text that is
/// such a name already stays as it is. Empty if the text has no letter or digit of ASCII.
pub(super) fn name(text: &str) -> String {
    if is_name(text) {
        return text.to_owned();
    }
    let mut name = words(text).join("-");
    name.truncate(MAX_LENGTH);
    name.trim_end_matches('-').to_owned()
}

/// Returns true for a name of lowercase letters, digits and `-`, at most 64 characters long.
pub(super) fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= MAX_LENGTH && text.chars().all(good)
}

/// A name in a path or condition: letters, digits and `_`, such as `reserve_inventory`.
pub(super) fn identifier(text: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_good = text.len() <= MAX_LENGTH && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_good && text.chars().all(good) {
        return text.to_owned();
    }
    let mut identifier = words(text).join("_");
    identifier.truncate(MAX_LENGTH);
    if identifier.starts_with(|c: char| c.is_ascii_alphabetic()) { identifier } else { format!("value_{identifier}") }
}

/// A readable text for an identifier: `Reserve inventory` for `reserve_inventory`.
pub(super) fn title(text: &str) -> String {
    let text = words(text).join(" ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// A topic that the file names, with the characters that Kafka allows.
pub(super) fn topic_name(name: &str) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    name.chars().map(good).take(200).collect()
}

/// A topic named after a participant or an event.
pub(super) fn topic(name: &str, suffix: &str) -> String {
    format!("{}-{suffix}", topic_name(name))
}

/// Names that are in use.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// With these names.
    pub(super) fn with(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Takes a name: the wanted one, or with a number behind it if it is in use.
    pub(super) fn take(&mut self, wanted: String, separator: char) -> String {
        let mut name = wanted.clone();
        for number in 2_u32.. {
            if self.0.insert(name.clone()) {
                break;
            }
            let suffix = format!("{separator}{number}");
            let room = MAX_LENGTH.saturating_sub(suffix.len());
            name = wanted.chars().take(room).collect::<String>() + &suffix;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_from_identifiers_and_sentences() {
        for (text, expected) in [
            ("reserve_inventory", "reserve-inventory"),
            ("ReserveInventory", "reserve-inventory"),
            ("Reserve inventory!", "reserve-inventory"),
            ("2nd-partner", "2nd-partner"),
            ("HTTPCall", "httpcall"),
            ("驗證訂單", ""),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
        assert_eq!(name(&"a b ".repeat(99)).len(), 63);
        assert_eq!(title("charge_payment"), "Charge payment");
        assert_eq!(
            (identifier("a-b").as_str(), identifier("7"), identifier("aB_c")),
            ("a_b", "value_7".to_owned(), "aB_c".to_owned())
        );
    }

    #[test]
    fn a_name_in_use_gets_a_number() {
        let mut taken = Taken::with(&["conclude"]);
        let names: Vec<String> = ["pay", "pay", "conclude"].map(|name| taken.take(name.to_owned(), '-')).to_vec();
        assert_eq!(names, ["pay", "pay-2", "conclude-2"]);
        let long = "x".repeat(MAX_LENGTH);
        assert_eq!(taken.take(long.clone(), '-'), long);
        assert_eq!(taken.take(long, '-').len(), MAX_LENGTH);
    }
}
