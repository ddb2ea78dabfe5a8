//! Recognises the format of a file by its content, and by its name where the content is broken.

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Osop,
    FlowZap,
}

/// The format of a file.
///
/// # Errors
/// The name of another format.
pub(super) fn source(base: &str, text: &str) -> Result<Source, &'static str> {
    let base = base.to_ascii_lowercase();
    let has_ending = |endings: &[&str]| endings.iter().any(|ending| base.ends_with(ending));
    let lines = || text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty());
    let is_osop = lines().any(|line| line.trim_start_matches(['{', '"', '\'', ' ']).starts_with("osop_version"));
    let is_lane = |line: &str| {
        let before = line.split_once('{').map(|(before, _)| before.trim());
        before.is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    };
    let is_flowzap =
        || lines().any(is_lane) && lines().any(|line| line.contains(".handle(") || line.contains("label:\""));
    let first = lines().next().unwrap_or_default();
    if is_osop || has_ending(&[".osop.yaml", ".osop.yml", ".osop.json", ".osop"]) {
        Ok(Source::Osop)
    } else if is_flowzap() || has_ending(&[".flowzap", ".fz"]) {
        Ok(Source::FlowZap)
    } else if first.is_empty() {
        Err("an empty file")
    } else if first.starts_with('<') {
        Err("XML")
    } else if has_ending(&[".toml"]) {
        Err("TOML: a definition needs no import")
    } else if has_ending(&[".yaml", ".yml", ".json"]) || first == "---" {
        Err("YAML or JSON without osop_version")
    } else {
        Err("no format that is known here")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_counts_before_the_name() {
        for (name, text, expected) in [
            ("a.txt", "# a\nosop_version: \"1.0\"\n", Ok(Source::Osop)),
            ("a.json", "{\"osop_version\": \"1.0\"}", Ok(Source::Osop)),
            ("a.osop.yaml", "id: a\n", Ok(Source::Osop)),
            ("a.txt", "sales { # Sales\nn1: circle label:\"Start\"\n}\n", Ok(Source::FlowZap)),
            ("a.fz", "sales {\n}\n", Ok(Source::FlowZap)),
            ("a.yaml", "name: order\n", Err("YAML or JSON without osop_version")),
            ("a.toml", "name = \"order\"\n", Err("TOML: a definition needs no import")),
            ("a.bpmn", "<definitions/>", Err("XML")),
            ("a.yaml", " \n", Err("an empty file")),
            ("a.mmd", "flowchart LR\n a --> b\n", Err("no format that is known here")),
        ] {
            assert_eq!(source(name, text), expected, "{name}: {text}");
        }
    }
}
