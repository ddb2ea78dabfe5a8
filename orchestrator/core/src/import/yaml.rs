//! A bounded YAML document as a tree with lines. Aliases are refused, so a document is never larger than its text.

use granit_parser::{Event, Parser, ScalarStyle};

use super::report::Report;

/// The deepest nesting of a document.
const MAX_DEPTH: usize = 32;
/// The most values in a document.
const MAX_VALUES: usize = 20_000;

/// A value and its line, from 1.
#[derive(Debug)]
pub(super) struct Yaml {
    pub(super) line: usize,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Null,
    Scalar(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// The value under a key; `None` if there is none, or null.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let (_, value) = self.entries().iter().find(|(name, _)| name == key)?;
        Some(value).filter(|value| !matches!(value.content, Content::Null))
    }

    /// The entries of a map; none if it is no map.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match &self.content {
            Content::Map(entries) => entries,
            Content::Null | Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Null | Content::Scalar(_) | Content::Map(_) => None,
        }
    }

    /// A scalar as its text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(text) => Some(text),
            Content::Null | Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The kind of value, for errors.
    pub(super) fn display_text(&self) -> String {
        match &self.content {
            Content::Null => "empty".to_owned(),
            Content::Scalar(text) => format!("{:?}", text.chars().take(80).collect::<String>()),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a map".to_owned(),
        }
    }
}

/// A collection that is not closed yet.
struct Open {
    line: usize,
    collection: Collection,
}

enum Collection {
    List(Vec<Yaml>),
    /// The entries, and the key whose value comes next.
    Map(Vec<(String, Yaml)>, Option<String>),
}

/// Parses the only document of a text. Reports the first error.
pub(super) fn parse(text: &str, report: &Report<'_>) -> Option<Yaml> {
    let mut builder = Builder { open: Vec::new(), root: None, values: 0, report };
    for next in Parser::new_from_str(text) {
        match next {
            Ok((event, span)) => builder.add(event, span.start.line())?,
            Err(error) => {
                let problem = format!("the YAML is not valid: {}", error.info());
                report.error(
                    Some(error.marker().line()),
                    problem,
                    "write valid YAML 1.2 (https://yaml.org/spec/1.2.2/)",
                );
                return None;
            }
        }
    }
    if builder.root.is_none() {
        report.error(None, "the file has no content", "write an OSOP document (docs/sagas.md)");
    }
    builder.root
}

struct Builder<'r> {
    open: Vec<Open>,
    root: Option<Yaml>,
    values: usize,
    report: &'r Report<'r>,
}

impl Builder<'_> {
    /// Adds an event. `None` after an error.
    fn add(&mut self, event: Event<'_>, line: usize) -> Option<()> {
        if event.anchor_id().is_some() || event.alias_id().is_some() {
            return self.error(line, "it has an anchor or an alias", "write the value out, without & and *");
        }
        if let Event::Scalar(text, style, ..) = event {
            let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
            let content = if is_null { Content::Null } else { Content::Scalar(text.into_owned()) };
            return self.value(Yaml { line, content });
        }
        if let Event::DocumentStart(..) = event
            && self.root.is_some()
        {
            return self.error(line, "it is a second document", "write one document in a file");
        }
        if let Event::SequenceStart(..) = event {
            return self.start(line, Collection::List(Vec::new()));
        }
        if let Event::MappingStart(..) = event {
            return self.start(line, Collection::Map(Vec::new(), None));
        }
        if event == Event::SequenceEnd || event == Event::MappingEnd {
            let Open { line, collection } = self.open.pop()?;
            let content = match collection {
                Collection::List(items) => Content::List(items),
                Collection::Map(entries, _) => Content::Map(entries),
            };
            return self.value(Yaml { line, content });
        }
        Some(())
    }

    fn start(&mut self, line: usize, collection: Collection) -> Option<()> {
        if self.open.len() == MAX_DEPTH {
            return self.error(line, format!("values are nested deeper than {MAX_DEPTH}"), "write fewer levels");
        }
        self.open.push(Open { line, collection });
        Some(())
    }

    fn value(&mut self, value: Yaml) -> Option<()> {
        let line = value.line;
        self.values += 1;
        if self.values > MAX_VALUES {
            return self.error(line, format!("there are more than {MAX_VALUES} values"), "write a smaller file");
        }
        match self.open.last_mut().map(|open| &mut open.collection) {
            None => self.root = Some(value),
            Some(Collection::List(items)) => items.push(value),
            Some(Collection::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, value)),
                None => {
                    let Some(name) = value.text() else {
                        let problem = format!("a key is {}", value.display_text());
                        return self.error(line, problem, "write a text as the key");
                    };
                    if entries.iter().any(|(known, _)| known == name) {
                        let problem = format!("the key {name:?} is there twice");
                        return self.error(line, problem, "write each key once");
                    }
                    *key = Some(name.to_owned());
                }
            },
        }
        Some(())
    }

    fn error(&self, line: usize, problem: impl Into<String>, write: &str) -> Option<()> {
        self.report.error(Some(line), problem, write);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> String {
        let report = Report::new("a.yaml");
        assert!(parse(text, &report).is_none(), "{text}");
        report.into_errors().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn values_know_their_lines() {
        let report = Report::new("a.yaml");
        let root = parse("# a\na: 1\nb:\n  - { c: \"x\", d: ~ }\n", &report).unwrap();
        assert_eq!(root.get("a").unwrap().text(), Some("1"));
        let item = &root.get("b").unwrap().items().unwrap()[0];
        assert_eq!((item.line, item.get("c").unwrap().text()), (4, Some("x")));
        assert!(item.get("d").is_none());
        assert!(report.is_empty());
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n";
        assert_eq!(errors(bomb), "a.yaml:1: it has an anchor or an alias; write the value out, without & and *");
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let problem = errors(&format!("{}{}", "[".repeat(40), "]".repeat(40)));
        assert!(problem.contains("nested deeper than 32"), "{problem}");
        let block: String = (0..40).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(errors(&block).contains("nested deeper than 32"));
        let problem = errors(&"- a\n".repeat(MAX_VALUES + 1));
        assert!(problem.contains("a.yaml:20001: there are more than 20000 values"), "{problem}");
    }

    #[test]
    fn unreadable_documents_are_reported_with_their_line() {
        for (text, part) in [
            ("a: 1\nb: [1\n", "a.yaml:"),
            ("a: 1\na: 2\n", "a.yaml:2: the key \"a\" is there twice"),
            ("? [a]\n: 1\n", "a key is a list"),
            ("--- a\n--- b\n", "a.yaml:2: it is a second document"),
            ("", "the file has no content"),
        ] {
            let problem = errors(text);
            assert!(problem.contains(part), "{problem}");
        }
    }
}
