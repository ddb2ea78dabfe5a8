//! Writes well-formed XML with quick-xml: the drawings of definitions, BPMN, and invoices.
#![deny(missing_docs)]

use std::borrow::Cow;
use std::fmt::Display;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// A writer of one XML document.
#[expect(missing_debug_implementations, reason = "the writer has none")]
pub struct Xml(Writer<Vec<u8>>);

/// The attributes of an element.
pub type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

impl Xml {
    /// A document, beginning with its declaration.
    #[expect(clippy::new_without_default, reason = "a document has begun")]
    pub fn new() -> Self {
        let mut xml = Self(Writer::new_with_indent(Vec::new(), b' ', 2));
        xml.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        xml
    }

    /// A fragment of another document, without the declaration.
    pub fn part() -> Self {
        Self(Writer::new(Vec::new()))
    }

    /// Opens an element.
    pub fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.write(Event::Start(start(name, attributes)));
    }

    /// Closes an element that was opened.
    pub fn close(&mut self, name: &str) {
        self.write(Event::End(BytesEnd::new(name)));
    }

    /// Writes an element without content.
    pub fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.write(Event::Empty(start(name, attributes)));
    }

    /// Writes an element with what `content` writes.
    pub fn element(&mut self, name: &str, attributes: Attributes<'_>, content: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        content(self);
        self.close(name);
    }

    /// Writes an element with other elements.
    pub fn group(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.element(name, &[], content);
    }

    /// Writes an element with a text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// Writes an element with a text, if there is one.
    pub fn any_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Writes an element with attributes and a text. Characters that XML 1.0 cannot represent are replaced.
    pub fn text_with(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.open(name, attributes);
        self.write(Event::Text(BytesText::new(&legal(text))));
        self.close(name);
    }

    /// The document.
    pub fn finish(self) -> String {
        let mut text = String::from_utf8_lossy(&self.0.into_inner()).into_owned();
        text.push('\n');
        text
    }

    fn write(&mut self, event: Event<'_>) {
        // Writing to memory never fails.
        _ = self.0.write_event(event);
    }
}

fn start<'a>(name: &'a str, attributes: Attributes<'_>) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        start.push_attribute((*name, legal(&value.to_string()).as_ref()));
    }
    start
}

/// Replaces the characters that XML 1.0 cannot represent.
fn legal(text: &str) -> Cow<'_, str> {
    let bad = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    if text.contains(bad) { text.replace(bad, "\u{FFFD}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_read_back() {
        let nasty = "<b>&\"'</b>\n]]> é";
        let mut xml = Xml::new();
        xml.open("a", &[("x", &nasty), ("y", &7)]);
        xml.text("t", &format!("{nasty}\u{0}"));
        xml.empty("e", &[]);
        xml.close("a");
        let text = xml.finish();
        let read = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(read.root_element().attribute("x"), Some(nasty));
        assert_eq!(read.root_element().attribute("y"), Some("7"));
        let inside = read.root_element().first_element_child().unwrap();
        assert_eq!(inside.text(), Some(format!("{nasty}\u{FFFD}").as_str()));
    }
}
