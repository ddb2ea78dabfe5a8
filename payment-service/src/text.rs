//! Bounds for text from outside.

use common::bounds::first_chars;

/// At most 200 characters of a text from outside.
pub fn cut(text: &str) -> &str {
    first_chars(text, 200)
}
