//! Recognises files of other formats, so that their error is one sentence and not one for each line.

use serde::de::IgnoredAny;

/// The format of a text that is not TOML, if it is a known one.
pub(super) fn other_format(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        let is_bpmn = text.contains("http://www.omg.org/spec/BPMN/");
        return Some(if is_bpmn { "a BPMN document (XML)" } else { "an XML file" });
    }
    // A table's header in TOML begins with a bracket, too.
    let is_list = || text.starts_with('[') && serde_json::from_str::<IgnoredAny>(text).is_ok();
    if text.starts_with('{') || is_list() {
        return Some("a JSON file");
    }
    is_yaml(text).then_some("a YAML file")
}

/// Returns true if the first line that is no comment is of YAML 1.2: a marker, an entry of a list, or `key: value`.
fn is_yaml(text: &str) -> bool {
    let is_text = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let Some(line) = text.lines().map(str::trim).find(is_text) else { return false };
    let key = line.split_once(':').filter(|(_, value)| value.is_empty() || value.starts_with(' ')).map(|(key, _)| key);
    let is_key = |key: &str| !key.is_empty() && !key.contains(['=', '[', '{']);
    line == "---" || line.starts_with("%YAML") || line.starts_with("- ") || key.is_some_and(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_recognised_and_broken_toml_is_not() {
        for (text, format) in [
            ("name: order\nversion: 1\n", "a YAML file"),
            ("# the order\n---\nname: order\n", "a YAML file"),
            ("- name: order\n", "a YAML file"),
            ("\"name\": order\n", "a YAML file"),
            ("steps:\n  - name: a\n", "a YAML file"),
            ("{\"name\": \"order\"}", "a JSON file"),
            ("\u{feff}{\n \"name\": \"order\",", "a JSON file"),
            ("[{\"name\": \"order\"}]", "a JSON file"),
            ("<?xml version=\"1.0\"?><saga/>", "an XML file"),
            ("<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\"/>", "a BPMN document (XML)"),
        ] {
            assert_eq!(other_format(text), Some(format), "{text}");
        }
        for text in ["", "# nothing\n", "name = \"a: b\"\nversion", "[start\ntopic = 1", "name", "a = {b: 1}", "a.b::c"]
        {
            assert_eq!(other_format(text), None, "{text}");
        }
    }
}
