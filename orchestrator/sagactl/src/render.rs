//! Values of the API as text: tables, and lists of properties. Texts may come from customers, so control characters are
//! escaped.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// A column: its heading, and the JSON pointer of its values (RFC 6901).
pub type Column = (&'static str, &'static str);

/// A text in one line, without control characters, which could move the cursor of a terminal or hide text.
pub fn clean(text: &str) -> String {
    let is_safe = |c: &char| {
        !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        if is_safe(&c) {
            cleaned.push(c);
        } else {
            cleaned.extend(c.escape_default());
        }
    }
    cleaned
}

/// A value in one line.
pub fn display_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => clean(text),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            list.iter().map(display_text).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => clean(&value.to_string()),
    }
}

/// The value at a JSON pointer, in one line; empty if there is none.
pub fn at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map(display_text).unwrap_or_default()
}

/// A table of items. Columns without any value are left out. On a terminal of this width long cells are wrapped.
pub fn table(columns: &[Column], items: &[Value], width: Option<u16>) -> String {
    let rows: Vec<Vec<String>> =
        items.iter().map(|item| columns.iter().map(|(_, pointer)| at(item, pointer)).collect()).collect();
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    table_of(&headings, &rows, width)
}

/// A table of texts, as [`table`].
pub fn table_of(headings: &[&str], rows: &[Vec<String>], width: Option<u16>) -> String {
    if rows.is_empty() {
        return "none\n".to_owned();
    }
    let used: Vec<usize> = (0..headings.len())
        .filter(|column| rows.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.is_empty())))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(used.iter().filter_map(|column| headings.get(*column)));
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in rows {
        table.add_row(used.iter().filter_map(|column| row.get(*column)));
    }
    let lines = table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// The properties of a value, a line each; those without a value are left out.
pub fn properties(columns: &[(&str, &str)], value: &Value) -> String {
    let pairs: Vec<(&str, String)> = columns.iter().map(|(heading, pointer)| (*heading, at(value, pointer))).collect();
    let pairs: Vec<_> = pairs.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    let width = pairs.iter().map(|(heading, _)| heading.chars().count()).max().unwrap_or(0);
    pairs.iter().map(|(heading, text)| format!("{heading:width$}  {text}\n")).collect()
}

/// The items of a list.
pub fn items<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_heading_and_a_line_for_each_item() {
        let items = [
            json!({"id": "a", "steps": ["x", "y"], "status": "running", "none": null}),
            json!({"id": "bbb", "steps": [], "status": "incident", "n": {"of": 5}}),
        ];
        let columns = [("ID", "/id"), ("STEPS", "/steps"), ("STATUS", "/status"), ("NONE", "/none"), ("N", "/n/of")];
        let text = table(&columns, &items, None);
        assert_eq!(text, "ID   STEPS  STATUS    N\na    x, y   running\nbbb         incident  5\n");
        assert_eq!(table(&columns, &[], None), "none\n");
    }

    #[test]
    fn a_narrow_terminal_wraps_long_cells() {
        let items = [json!({"id": "a", "why": "a rather long reason of a refusal"})];
        let text = table(&[("ID", "/id"), ("WHY", "/why")], &items, Some(24));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.chars().count() <= 24), "{text}");
    }

    #[test]
    fn control_characters_are_escaped() {
        let items = [json!({"why": "a\u{1b}[31m\nred\u{202e}"})];
        let text = table(&[("WHY", "/why")], &items, None);
        assert_eq!(text, "WHY\na\\u{1b}[31m\\nred\\u{202e}\n");
        assert_eq!(display_text(&json!({"a": "\u{7}"})), "{\"a\":\"\\u0007\"}");
    }

    #[test]
    fn properties_without_a_value_are_left_out() {
        let saga = json!({"id": "s1", "ending": {"status": "confirmed"}});
        let columns = [("saga", "/id"), ("reason", "/ending/reason"), ("ending", "/ending/status")];
        assert_eq!(properties(&columns, &saga), "saga    s1\nending  confirmed\n");
    }
}
