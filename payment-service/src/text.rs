//! Bounds for text from outside.

/// At most 200 characters of a text from outside.
pub fn cut(text: &str) -> &str {
    text.char_indices().nth(200).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}
