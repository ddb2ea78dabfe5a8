//! Writes the flow as a Mermaid flowchart. Mermaid computes the layout.

use std::fmt::Write as _;

use super::flow::{Arrow, ArrowKind, Flow, Node, NodeKind, abort_causes, rule_count, statuses};
use super::labels::clean;

/// Writes the flowchart.
pub(super) fn write(flow: &Flow<'_>) -> String {
    let mut text = String::from("flowchart LR\n");
    for node in flow.nodes.iter().filter(|node| !node.kind.is_on_border()) {
        // Writing to a `String` never fails.
        _ = writeln!(text, "    {}{}", id(node), shape(node));
    }
    for arrow in &flow.arrows {
        if let (Some(from), Some(to)) = (end(flow, arrow.from), end(flow, arrow.to)) {
            _ = writeln!(text, "    {} {} {}", id(from), line(flow, arrow), id(to));
        }
    }
    let pivots = flow.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Pivot));
    for step in pivots.filter_map(|pivot| flow.definition.steps.get(pivot.cell)) {
        _ = writeln!(text, "    style {} stroke-width:4px", identifier(&format!("step_{}", step.name)));
    }
    text
}

/// The node at which an arrow is drawn: for a node on the border of a step, the step.
fn end<'f, 'a>(flow: &'f Flow<'a>, node: usize) -> Option<&'f Node<'a>> {
    let node = flow.nodes.get(node)?;
    if !node.kind.is_on_border() {
        return Some(node);
    }
    flow.nodes.iter().find(|other| other.cell == node.cell && other.kind.is_step())
}

fn id(node: &Node<'_>) -> String {
    identifier(&node.id)
}

/// An identifier: two dashes would begin a line. Names have no underscore, so ids stay unique.
fn identifier(id: &str) -> String {
    id.replace('-', "_")
}

fn shape(node: &Node<'_>) -> String {
    let title = quoted(&node.title);
    match node.kind {
        NodeKind::Start | NodeKind::End | NodeKind::EndCompensated | NodeKind::Compensate => format!("([\"{title}\"])"),
        NodeKind::Join | NodeKind::Fork => "{\"#43;\"}".to_owned(),
        NodeKind::Choice(_) => format!("{{\"{title}\"}}"),
        NodeKind::Merge => "{\" \"}".to_owned(),
        NodeKind::Send(_, call) => format!("[\"{title}<br/>{}\"]", quoted(&call.command)),
        NodeKind::Wait(_, receive) => format!("[/\"{title}<br/>{}\"/]", quoted(&receive.topic)),
        NodeKind::Check(_, rules) => format!("[[\"{title}<br/>{}\"]]", quoted(&rule_count(rules))),
        NodeKind::Compensation(_) | NodeKind::Conclude | NodeKind::ConcludeCompensated => format!("[\"{title}\"]"),
        NodeKind::Pivot => format!(">\"{title}\"]"),
        NodeKind::CompensationEvent(_) | NodeKind::ErrorEvent(_) | NodeKind::TimeoutEvent(..) => String::new(),
    }
}

fn line(flow: &Flow<'_>, arrow: &Arrow) -> String {
    let node = flow.nodes.get(arrow.from);
    let from = node.map(|node| node.kind);
    match arrow.kind {
        ArrowKind::WithinCell | ArrowKind::Edge(_) => "-->".to_owned(),
        ArrowKind::IfTrue => "-->|yes|".to_owned(),
        ArrowKind::Otherwise => "-->|otherwise|".to_owned(),
        ArrowKind::Abort => {
            let cause = if let Some(NodeKind::ErrorEvent(step)) = from {
                statuses(abort_causes(flow.definition, step).failures.into_iter().map(|cause| cause.ending))
            } else {
                format!("after {}", node.map_or("", |node| node.title.as_str()))
            };
            format!("-.->|\"{}\"|", quoted(&cause))
        }
        ArrowKind::Association if matches!(from, Some(NodeKind::CompensationEvent(_))) => "-.->|undo|".to_owned(),
        ArrowKind::Association => "-.-".to_owned(),
    }
}

/// A text for a quoted string. Characters with a meaning in Mermaid, its Markdown or HTML are written as entities.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    let mut in_word = false;
    for c in clean(text).chars() {
        if c.is_alphanumeric() || " ,:()/?!".contains(c) || in_word && ".-_".contains(c) {
            quoted.push(c);
        } else {
            // Writing to a `String` never fails.
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
    fn special_characters_are_escaped() {
        assert_eq!(quoted("inventory.reserve (x)"), "inventory.reserve (x)");
        assert_eq!(quoted("<b>&\""), "#60;b#62;#38;#34;");
        assert_eq!(quoted("- `x` 1. #9"), "#45; #96;x#96; 1#46; #35;9");
    }
}
