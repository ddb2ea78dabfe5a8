//! What others wrote, bounded.

/// At most 200 characters of what somebody else wrote.
pub fn cut(text: &str) -> &str {
    text.char_indices().nth(200).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}
