//! The parts of Markdown that the documents use: links, headings with the anchors that GitHub gives them, and code.

use std::collections::{BTreeMap, BTreeSet};

/// A parsed document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// The targets of links and images outside code, with their lines.
    pub(crate) links: Vec<(usize, String)>,
    /// The anchors of the headings.
    pub(crate) anchors: BTreeSet<String>,
    /// Lines of code: blocks, fenced or indented, and inline code, with their lines.
    pub(crate) code: Vec<(usize, String)>,
}

impl Document {
    pub(crate) fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut slugs = BTreeMap::new();
        let mut fence = None;
        let mut after_blank = true;
        for (number, line) in (1..).zip(text.lines()) {
            let trimmed = line.trim_start();
            if let Some(mark) = fence {
                if trimmed.starts_with(mark) {
                    fence = None;
                } else {
                    document.code.push((number, line.to_owned()));
                }
            } else if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
                fence = Some(mark);
            } else if line.starts_with("    ")
                && (after_blank || document.code.last().is_some_and(|c| c.0 + 1 == number))
            {
                document.code.push((number, line.to_owned()));
            } else {
                document.prose(number, line, &mut slugs);
            }
            after_blank = line.is_empty();
        }
        document
    }

    fn prose(&mut self, number: usize, line: &str, slugs: &mut BTreeMap<String, usize>) {
        let mut plain = String::new();
        // Every second part is inside backticks.
        for (i, part) in line.split('`').enumerate() {
            if i % 2 == 1 {
                self.code.push((number, part.to_owned()));
            } else {
                plain.push_str(part);
            }
        }
        self.links.extend(targets(&plain).into_iter().map(|target| (number, target)));
        let depth = line.chars().take_while(|c| *c == '#').count();
        if (1..=6).contains(&depth) && line.get(depth..).is_some_and(|rest| rest.starts_with(' ')) {
            let slug = slug(line.get(depth..).unwrap_or_default());
            let times = slugs.entry(slug.clone()).and_modify(|times| *times += 1).or_insert(0);
            self.anchors.insert(if *times == 0 { slug } else { format!("{slug}-{times}") });
        }
    }
}

/// The targets of `[text](target)` and `![text](target)`.
fn targets(line: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut rest = line;
    while let Some((_, after)) = rest.split_once("](") {
        let (target, left) = after.split_once(')').unwrap_or((after, ""));
        targets.push(target.split(' ').next().unwrap_or_default().to_owned());
        rest = left;
    }
    targets
}

/// The anchor of a heading, by GitHub's rules: lower case, without punctuation except `-` and `_`, spaces as `-`.
fn slug(heading: &str) -> String {
    let text = heading.trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn anchors_are_those_of_github() {
    let text = "# Who may call?\n## `[[steps]]`\n## A-b_c, d\n## A-b_c, d\n```\n# no heading\n```\n";
    let anchors: Vec<_> = Document::parse(text).anchors.into_iter().collect();
    assert_eq!(anchors, ["a-b_c-d", "a-b_c-d-1", "steps", "who-may-call"]);
}

#[test]
fn links_in_code_are_no_links() {
    let document = Document::parse("[a](b.md#c) and ![d](e.png) `[f](g)`\n\n    [h](i)\n");
    assert_eq!(document.links, [(1, "b.md#c".to_owned()), (1, "e.png".to_owned())]);
    assert_eq!(document.code.len(), 2);
}
