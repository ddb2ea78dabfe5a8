//! Replaces the paths in the text of a condition, for formats with other names for the same data.

/// The text with each path replaced by what `to` returns for its names; a path stays if that is `None`. Names that are
/// no identifiers of CEL are written as indices: `outputs["payment-result"].id`. Strings and functions stay.
pub(crate) fn replace_paths(text: &str, to: &dyn Fn(&[String]) -> Option<Vec<String>>) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' || first == '\'' {
            string_length(rest, first)
        } else if first.is_ascii_digit() {
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len())
        } else if is_name(first) {
            let (names, length) = path(rest);
            let after = rest.get(length..).unwrap_or_default();
            let is_word =
                names.len() == 1 && matches!(names.first().map(String::as_str), Some("true" | "false" | "null"));
            match to(&names).filter(|_| !is_word && !after.starts_with('(')) {
                Some(names) => replaced.push_str(&written(&names)),
                None => replaced.push_str(rest.get(..length).unwrap_or_default()),
            }
            rest = after;
            continue;
        } else {
            first.len_utf8()
        };
        replaced.push_str(rest.get(..length).unwrap_or_default());
        rest = rest.get(length..).unwrap_or_default();
    }
    replaced
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The length of a string with its quotes.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return i + 1;
        }
    }
    text.len()
}

/// The names of the path at the beginning of a text, and its length.
fn path(text: &str) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        if end > 0 {
            names.push(rest.get(..end).unwrap_or_default().to_owned());
            at += end;
        }
        while let Some((name, length)) = text.get(at..).and_then(index) {
            names.push(name);
            at += length;
        }
        let rest = text.get(at..).unwrap_or_default();
        if !rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(is_name)) {
            return (names, at);
        }
        at += 1;
    }
}

/// `["name"]` or `[0]` at the beginning of a text: the name, and the length.
fn index(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(']')?;
    let name = inner.get(..end)?;
    let quoted = ['"', '\''].iter().find_map(|quote| name.strip_prefix(*quote)?.strip_suffix(*quote));
    let name = quoted.or_else(|| Some(name).filter(|name| name.bytes().all(|b| b.is_ascii_digit())))?;
    let good = |c: char| is_name(c) || c == '-';
    (!name.is_empty() && name.chars().all(good)).then(|| (name.to_owned(), end + 2))
}

fn written(names: &[String]) -> String {
    let mut text = String::new();
    for name in names {
        if name.bytes().all(|b| b.is_ascii_digit()) {
            text.push_str(&format!("[{name}]"));
        } else if !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
            text.push_str(&format!("[\"{name}\"]"));
        } else if text.is_empty() {
            text.push_str(name);
        } else {
            text.push_str(&format!(".{name}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(names: &[String]) -> Option<Vec<String>> {
        let (first, rest) = names.split_first()?;
        let root: &[&str] = match first.as_str() {
            "order" => &["inputs"],
            "paid" => &["outputs", "payment-result"],
            _ => return None,
        };
        Some(root.iter().map(|name| (*name).to_owned()).chain(rest.iter().cloned()).collect())
    }

    #[test]
    fn paths_are_replaced_and_the_rest_stays() {
        for (text, expected) in [
            ("has(order.delivery)", "has(inputs.delivery)"),
            (
                "order.items[0].id == 'order.x' && !paid.late",
                "inputs.items[0].id == 'order.x' && !outputs[\"payment-result\"].late",
            ),
            ("order[\"delivery-address\"] != \"a\\\"order\"", "inputs[\"delivery-address\"] != \"a\\\"order\""),
            ("true || other.order > 1.5", "true || other.order > 1.5"),
            ("order", "inputs"),
            ("orders.a(order)", "orders.a(inputs)"),
            ("é order. ", "é inputs. "),
            ("order[", "inputs["),
        ] {
            assert_eq!(replace_paths(text, &to), expected, "{text}");
        }
    }
}
