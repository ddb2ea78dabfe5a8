//! serde's errors in plain words, for the authors of settings and requests.

/// Rewords serde's message about a wrong value as a rule for the value. Other messages are returned unchanged.
pub fn reword(reason: &str) -> String {
    if let Some(field) = reason.strip_prefix("missing field ") {
        return format!("the key {} is missing", field.replace('`', "\""));
    }
    let serde = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant ", "unknown field "];
    let expected = reason.rsplit_once("expected ").filter(|_| serde.iter().any(|start| reason.starts_with(start)));
    let Some((_, expected)) = expected else { return reason.to_owned() };
    if reason.starts_with("unknown field ") {
        return format!("there is no such key here; there {}", one_or_more(expected));
    }
    let whole = |least: i64, most: u64| format!("a whole number from {least} to {most}");
    let allowed = match expected {
        "u8" => whole(0, u8::MAX.into()),
        "u16" => whole(0, u16::MAX.into()),
        "u32" => whole(0, u32::MAX.into()),
        "u64" | "usize" | "u128" => "a whole number, 0 or more".to_owned(),
        "i8" => whole(i8::MIN.into(), i8::MAX.unsigned_abs().into()),
        "i16" => whole(i16::MIN.into(), i16::MAX.unsigned_abs().into()),
        "i32" => whole(i32::MIN.into(), i32::MAX.unsigned_abs().into()),
        "i64" | "isize" | "i128" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "text".to_owned(),
        "a sequence" => "a list".to_owned(),
        other => other.strip_prefix("struct ").map_or_else(|| other.to_owned(), |_| "a section".to_owned()),
    };
    format!("must be {}", allowed.replace('`', "\""))
}

fn one_or_more(fields: &str) -> String {
    let fields = fields.trim_start_matches("one of ").replace('`', "");
    if fields.contains(", ") { format!("are {fields}") } else { format!("is {fields}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serdes_messages_become_rules() {
        for (message, rule) in [
            ("invalid value: integer `-3`, expected u32", "must be a whole number from 0 to 4294967295"),
            ("invalid type: string \"x\", expected f64", "must be a number"),
            ("unknown variant `xml`, expected `text` or `json`", "must be \"text\" or \"json\""),
            ("unknown field `x`, expected `y`", "there is no such key here; there is y"),
            ("missing field `amount`", "the key \"amount\" is missing"),
            ("three digits, expected two", "three digits, expected two"),
        ] {
            assert_eq!(reword(message), rule);
        }
    }
}
