//! The flow as the text of a Mermaid flowchart, which places everything by itself.

use std::fmt::Write as _;

use super::flow::{Arrow, Flow, Kind, Node, Way, how_many, statuses, whys};
use super::labels::clean;

/// Writes the flowchart.
pub(super) fn write(flow: &Flow<'_>) -> String {
    let mut text = String::from("flowchart LR\n");
    for node in flow.nodes.iter().filter(|node| !node.kind.is_on_edge()) {
        // A text takes everything.
        _ = writeln!(text, "    {}{}", id(node), shape(node));
    }
    for arrow in &flow.arrows {
        if let (Some(from), Some(to)) = (end(flow, arrow.from), end(flow, arrow.to)) {
            _ = writeln!(text, "    {} {} {}", id(from), line(flow, arrow), id(to));
        }
    }
    let pivots = flow.nodes.iter().filter(|node| matches!(node.kind, Kind::Pivot));
    for step in pivots.filter_map(|pivot| flow.definition.steps.get(pivot.cell)) {
        _ = writeln!(text, "    style {} stroke-width:4px", word(&format!("step_{}", step.name)));
    }
    text
}

/// What stands on the edge of a step has no shape of its own: its lines begin at the step.
fn end<'f, 'a>(flow: &'f Flow<'a>, node: usize) -> Option<&'f Node<'a>> {
    let node = flow.nodes.get(node)?;
    if !node.kind.is_on_edge() {
        return Some(node);
    }
    flow.nodes.iter().find(|other| other.cell == node.cell && other.kind.is_step())
}

fn id(node: &Node<'_>) -> String {
    word(&node.id)
}

/// Two dashes would be the beginning of a line. Names have no underscore, so ids stay unique.
fn word(id: &str) -> String {
    id.replace('-', "_")
}

fn shape(node: &Node<'_>) -> String {
    let title = quoted(&node.title);
    match node.kind {
        Kind::Start | Kind::End | Kind::EndBack | Kind::Back => format!("([\"{title}\"])"),
        Kind::Join | Kind::Fork => "{\"#43;\"}".to_owned(),
        Kind::Choice(_) => format!("{{\"{title}\"}}"),
        Kind::Merge => "{\" \"}".to_owned(),
        Kind::Send(_, call) => format!("[\"{title}<br/>{}\"]", quoted(&call.command)),
        Kind::Wait(_, receive) => format!("[/\"{title}<br/>{}\"/]", quoted(&receive.topic)),
        Kind::Check(_, rules) => format!("[[\"{title}<br/>{}\"]]", quoted(&how_many(rules))),
        Kind::Undo(_) | Kind::Conclude | Kind::ConcludeBack => format!("[\"{title}\"]"),
        Kind::Pivot => format!(">\"{title}\"]"),
        Kind::CanUndo(_) | Kind::CanFail(_) | Kind::CanExpire(..) => String::new(),
    }
}

fn line(flow: &Flow<'_>, arrow: &Arrow) -> String {
    let about = flow.nodes.get(arrow.from);
    let from = about.map(|node| node.kind);
    match arrow.way {
        Way::Inside | Way::Edge(_) => "-->".to_owned(),
        Way::Holds => "-->|yes|".to_owned(),
        Way::Otherwise => "-->|otherwise|".to_owned(),
        Way::Back => {
            let why = if let Some(Kind::CanFail(step)) = from {
                statuses(whys(flow.definition, step).0.into_iter().map(|(_, verdict)| verdict))
            } else {
                format!("after {}", about.map_or("", |node| node.title.as_str()))
            };
            format!("-.->|\"{}\"|", quoted(&why))
        }
        Way::Belongs if matches!(from, Some(Kind::CanUndo(_))) => "-.->|undo|".to_owned(),
        Way::Belongs => "-.-".to_owned(),
    }
}

/// A text for between quotation marks. Whatever Mermaid, its Markdown or HTML could take for more than text is written by
/// its number.
fn quoted(text: &str) -> String {
    let (mut quoted, mut in_word) = (String::new(), false);
    for c in clean(text).chars() {
        if c.is_alphanumeric() || " ,:()/?!".contains(c) || in_word && ".-_".contains(c) {
            quoted.push(c);
        } else {
            // A text takes everything.
            _ = write!(quoted, "#{};", u32::from(c));
        }
        in_word = c.is_alphabetic();
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_text() {
        assert_eq!(quoted("inventory.reserve (x)"), "inventory.reserve (x)");
        assert_eq!(quoted("<b>&\""), "#60;b#62;#38;#34;");
        assert_eq!(quoted("- `x` 1. #9"), "#45; #96;x#96; 1#46; #35;9");
    }
}
