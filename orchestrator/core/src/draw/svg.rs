//! Writes the drawing as SVG: one file without scripts, fonts or other external resources.

use std::fmt::{Display, Write as _};

use xml::Xml;

use super::flow::{ArrowKind, Flow, Node, NodeKind, rule_count};
use super::geometry::{EVENT, Point, Rect};
use super::layout::{Drawing, label};
use super::marks::{Mark, Marks};
use super::{labels, style};

const LABEL_SIZE: i32 = 13;
const SMALL_SIZE: i32 = 11;
/// The padding left and right of the text in a task.
const PADDING: i32 = 24;

/// Writes the drawing: with marks as a fragment of a page, otherwise as a document.
pub(super) fn write(drawing: &Drawing<'_>, marks: Option<&Marks>) -> String {
    let flow = drawing.flow;
    let mut xml = if marks.is_some() { Xml::part() } else { Xml::new() };
    let definition = flow.definition;
    let key = format!("{}-{}", definition.name, definition.version);
    let title = format!("saga-title-{key}");
    let about = format!("saga-about-{key}");
    xml.open(
        "svg",
        &[
            ("xmlns", &"http://www.w3.org/2000/svg"),
            ("class", &"saga-graph"),
            // A drawing with links is not a single image.
            ("role", &if marks.is_some() { "group" } else { "img" }),
            ("aria-labelledby", &format!("{title} {about}")),
            ("data-definition", &definition.name),
            ("data-version", &definition.version),
            ("viewBox", &format!("0 0 {} {}", drawing.width, drawing.height)),
            ("width", &drawing.width),
            ("height", &drawing.height),
        ],
    );
    let name = labels::clean(definition.label.get(flow.language));
    xml.text_with("title", &[("id", &title)], &format!("{name}: {} version {}", definition.name, definition.version));
    xml.text_with("desc", &[("id", &about)], &description(flow));
    if marks.is_none() {
        xml.text("style", style::STYLE_SHEET);
    }
    write_heads(&mut xml);
    xml.empty("rect", &[("class", &"paper"), ("width", &drawing.width), ("height", &drawing.height)]);
    for i in 0..flow.arrows.len() {
        write_line(&mut xml, drawing, i);
    }
    for (i, node) in flow.nodes.iter().enumerate() {
        write_node(&mut xml, drawing, i, node, marks);
    }
    xml.close("svg");
    xml.finish()
}

/// The whole drawing as text, for screen readers.
fn description(flow: &Flow<'_>) -> String {
    let mut text = String::new();
    for node in &flow.nodes {
        let after = flow.definition.steps.get(node.cell).map(|step| step.after.join(", ")).unwrap_or_default();
        let when = if after.is_empty() { String::new() } else { format!(" (after {after})") };
        // Writing to a `String` never fails.
        match node.kind {
            NodeKind::Send(..) | NodeKind::Wait(..) | NodeKind::Check(..) => {
                _ = write!(text, "{}{when}: {} ", node.title, node.about)
            }
            NodeKind::Start | NodeKind::Conclude => _ = write!(text, "{} ", node.about),
            NodeKind::Compensation(_) | NodeKind::Choice(_) | NodeKind::Pivot => {
                _ = write!(text, "{} ", sentence(&node.about))
            }
            NodeKind::End => _ = write!(text, "The saga ends as {}. ", node.title),
            NodeKind::Compensate => _ = write!(text, "If a step is refused or fails: {} ", node.about),
            NodeKind::EndCompensated => _ = write!(text, "Then the saga ends as {}.", node.title),
            NodeKind::Join
            | NodeKind::Merge
            | NodeKind::Fork
            | NodeKind::CompensationEvent(_)
            | NodeKind::ErrorEvent(_)
            | NodeKind::TimeoutEvent(..)
            | NodeKind::ConcludeCompensated => {}
        }
    }
    text
}

fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

fn write_heads(xml: &mut Xml) {
    xml.open("defs", &[]);
    for (id, class) in [("saga-head", "head"), ("saga-head-back", "head-back")] {
        let box_: &dyn Display = &"0 0 10 10";
        xml.open(
            "marker",
            &[
                ("id", &id),
                ("viewBox", box_),
                ("refX", &10),
                ("refY", &5),
                ("markerWidth", &9),
                ("markerHeight", &9),
                ("markerUnits", &"userSpaceOnUse"),
                ("orient", &"auto"),
            ],
        );
        xml.empty("path", &[("class", &class), ("d", &style::HEAD)]);
        xml.close("marker");
    }
    xml.close("defs");
}

fn write_line(xml: &mut Xml, drawing: &Drawing<'_>, i: usize) {
    let Some(arrow) = drawing.flow.arrows.get(i) else { return };
    let line = drawing.line(i);
    let annotation = drawing.flow.nodes.get(arrow.to).is_some_and(|node| matches!(node.kind, NodeKind::Pivot));
    let (class, head) = match arrow.kind {
        ArrowKind::WithinCell | ArrowKind::Edge(_) | ArrowKind::IfTrue | ArrowKind::Otherwise => {
            ("way", "url(#saga-head)")
        }
        ArrowKind::Abort => ("way way-back", "url(#saga-head-back)"),
        ArrowKind::Association if annotation => ("way way-word", "none"),
        ArrowKind::Association => ("way way-undo", "url(#saga-head-back)"),
    };
    let points: Vec<String> = line.iter().map(|point| format!("{},{}", point.x, point.y)).collect();
    xml.empty("polyline", &[("class", &class), ("points", &points.join(" ")), ("marker-end", &head)]);
    if let (ArrowKind::Otherwise, [_, corner, ..]) = (arrow.kind, line) {
        let at = Rect { x: corner.x + 4, y: corner.y + 2, width: 64, height: 14 };
        write_lines(xml, at, &[("small", SMALL_SIZE, "otherwise".to_owned())]);
    }
}

fn write_node(xml: &mut Xml, drawing: &Drawing<'_>, i: usize, node: &Node<'_>, marks: Option<&Marks>) {
    let at = drawing.rect(i);
    let mark_of = |step: &str| marks.and_then(|marks| marks.steps.get(step));
    match node.kind {
        NodeKind::Send(step, call) => {
            write_step(xml, drawing, i, StepLabel { class: "send", detail: &call.command }, mark_of(&step.name))
        }
        NodeKind::Wait(step, receive) => {
            write_step(xml, drawing, i, StepLabel { class: "wait", detail: &receive.topic }, mark_of(&step.name))
        }
        NodeKind::Check(step, rules) => {
            write_step(xml, drawing, i, StepLabel { class: "check", detail: &rule_count(rules) }, mark_of(&step.name));
        }
        NodeKind::Compensation(step) => {
            let mark = marks.and_then(|marks| marks.compensations.get(&step.name));
            open(xml, "undo", Some(("data-undo", &step.name)), mark);
            write_box(xml, node, at, "box");
            write_icon(xml, style::REWIND, "full", Point { x: at.x + 16, y: at.center().y });
            let inside = Rect { x: at.x + 28, width: at.width - 36, ..at };
            let mut lines = wrapped("small", SMALL_SIZE, &node.title, inside.width, 2);
            lines.extend(marked(mark, inside.width));
            write_lines(xml, inside, &lines);
            close(xml, mark);
        }
        NodeKind::Conclude | NodeKind::ConcludeCompensated => {
            let class = if matches!(node.kind, NodeKind::Conclude) { "conclude" } else { "conclude back" };
            let back = matches!(node.kind, NodeKind::ConcludeCompensated);
            let mark =
                marks.and_then(|marks| if back { marks.conclude_back.as_ref() } else { marks.conclude.as_ref() });
            open(xml, class, None, mark);
            write_box(xml, node, at, "box");
            write_icon(xml, style::LETTER, "icon", Point { x: at.x + 13, y: at.y + 12 });
            let mut lines = wrapped("label", LABEL_SIZE, &node.title, at.width - 2 * PADDING, 3);
            lines.extend(marked(mark, at.width - PADDING));
            write_lines(xml, at, &lines);
            close(xml, mark);
        }
        NodeKind::Join | NodeKind::Fork => write_gateway(xml, node, at, style::PLUS),
        NodeKind::Choice(_) | NodeKind::Merge => write_gateway(xml, node, at, style::CROSS),
        NodeKind::Start => write_event(xml, node, at, "start", Some((style::LETTER, "icon"))),
        NodeKind::End => write_event(xml, node, at, "end", None),
        NodeKind::EndCompensated => write_event(xml, node, at, "end back", None),
        NodeKind::Compensate => write_event(xml, node, at, "double back", Some((style::REWIND, "full"))),
        // Written with their steps.
        NodeKind::CompensationEvent(_) | NodeKind::ErrorEvent(_) | NodeKind::TimeoutEvent(..) | NodeKind::Pivot => {}
    }
}

/// The CSS class and the technical detail of a step.
struct StepLabel<'a> {
    class: &'a str,
    detail: &'a str,
}

/// Writes a step with the nodes on its border.
fn write_step(xml: &mut Xml, drawing: &Drawing<'_>, i: usize, label: StepLabel<'_>, mark: Option<&Mark>) {
    let flow = drawing.flow;
    let at = drawing.rect(i);
    let Some(node) = flow.nodes.get(i) else { return };
    let Some(step) = flow.definition.steps.get(node.cell) else { return };
    let StepLabel { class, detail } = label;
    let name = step.name.as_str();
    let pivot = if step.pivot { " pivot" } else { "" };
    open(xml, &format!("step {class}{pivot}"), Some(("data-step", name)), mark);
    write_box(xml, node, at, "box task");
    let corner = Point { x: at.x + 13, y: at.y + 12 };
    write_step_icon(xml, node.kind, corner);
    let room = at.width - 2 * PADDING;
    let label = labels::clean(step.label.get(flow.language));
    let mut lines = wrapped("label", LABEL_SIZE, &label, room, 2);
    let small = |text: &str| ("small", SMALL_SIZE, labels::shorten(&labels::clean(text), SMALL_SIZE, room));
    if mark.is_some() {
        lines.extend(marked(mark, at.width - PADDING / 2));
    } else if label != name {
        lines.extend([small(name), small(detail)]);
    } else {
        lines.push(small(detail));
    }
    // Above the events on the lower border.
    let has_events = flow.nodes.iter().any(|other| other.cell == node.cell && other.kind.is_on_border());
    write_lines(xml, Rect { height: at.height - if has_events { EVENT / 2 } else { 0 }, ..at }, &lines);
    for (index, node) in flow.nodes.iter().enumerate().filter(|(_, other)| other.cell == node.cell) {
        let at = drawing.rect(index);
        match node.kind {
            NodeKind::CompensationEvent(_) => write_event(xml, node, at, "double edge", Some((style::REWIND, "full"))),
            NodeKind::ErrorEvent(_) => write_event(xml, node, at, "double edge", Some((style::BOLT, "full"))),
            NodeKind::TimeoutEvent(..) => write_event(xml, node, at, "double edge", Some((style::CLOCK, "icon"))),
            NodeKind::Pivot => write_lines(xml, at, &[("word", LABEL_SIZE, node.title.clone())]),
            NodeKind::Start
            | NodeKind::Join
            | NodeKind::Choice(_)
            | NodeKind::Send(..)
            | NodeKind::Wait(..)
            | NodeKind::Check(..)
            | NodeKind::Merge
            | NodeKind::Fork
            | NodeKind::Compensation(_)
            | NodeKind::Conclude
            | NodeKind::End
            | NodeKind::Compensate
            | NodeKind::ConcludeCompensated
            | NodeKind::EndCompensated => {}
        }
    }
    close(xml, mark);
}

/// Writes the icon of a step's kind.
fn write_step_icon(xml: &mut Xml, kind: NodeKind<'_>, at: Point) {
    if let NodeKind::Wait(..) = kind {
        write_icon(xml, style::LETTER, "icon", at);
    } else if let NodeKind::Check(..) = kind {
        write_icon(xml, style::TABLE, "icon", at);
    } else {
        write_icon(xml, style::COG, "icon", at);
        let (radius, dashes) = style::COG_TEETH;
        xml.empty(
            "circle",
            &[("class", &"icon"), ("cx", &at.x), ("cy", &at.y), ("r", &radius), ("stroke-dasharray", &dashes)],
        );
    }
}

/// Opens a group, within the link of its mark.
fn open(xml: &mut Xml, class: &str, data: Option<(&str, &str)>, mark: Option<&Mark>) {
    if let Some(Mark { href: Some(href), .. }) = mark {
        xml.open("a", &[("href", href)]);
    }
    let class = mark.map_or_else(|| class.to_owned(), |mark| format!("{class} {}", mark.class));
    match &data {
        Some((name, value)) => xml.open("g", &[("class", &class), (name, value)]),
        None => xml.open("g", &[("class", &class)]),
    }
    if let Some(mark) = mark.filter(|mark| !mark.title.is_empty()) {
        xml.text("title", &mark.title);
    }
}

fn close(xml: &mut Xml, mark: Option<&Mark>) {
    xml.close("g");
    if mark.is_some_and(|mark| mark.href.is_some()) {
        xml.close("a");
    }
}

fn marked(mark: Option<&Mark>, room: i32) -> impl Iterator<Item = (&'static str, i32, String)> {
    let lines = mark.into_iter().flat_map(|mark| &mark.lines);
    lines.map(move |line| ("live", SMALL_SIZE, labels::shorten(&labels::clean(line), SMALL_SIZE, room)))
}

fn write_box(xml: &mut Xml, node: &Node<'_>, at: Rect, class: &str) {
    write_title(xml, node);
    let size: [(&str, &dyn Display); 4] = [("x", &at.x), ("y", &at.y), ("width", &at.width), ("height", &at.height)];
    let [x, y, width, height] = size;
    xml.empty("rect", &[("class", &class), x, y, width, height, ("rx", &8)]);
}

/// Writes the tooltip of a node.
fn write_title(xml: &mut Xml, node: &Node<'_>) {
    if !node.about.is_empty() {
        xml.text("title", &node.about);
    }
}

fn write_gateway(xml: &mut Xml, node: &Node<'_>, at: Rect, mark: &str) {
    let middle = at.center();
    xml.open("g", &[("class", &"gateway")]);
    write_title(xml, node);
    let diamond = format!(
        "M{} {}L{} {}L{} {}L{} {}Z",
        at.x,
        middle.y,
        middle.x,
        at.y,
        at.right(),
        middle.y,
        middle.x,
        at.bottom()
    );
    xml.empty("path", &[("class", &"box"), ("d", &diamond)]);
    write_icon(xml, mark, "icon", middle);
    write_label(xml, node, at);
    xml.close("g");
}

fn write_event(xml: &mut Xml, node: &Node<'_>, at: Rect, class: &str, icon: Option<(&str, &str)>) {
    let middle = at.center();
    xml.open("g", &[("class", &format!("event {class}"))]);
    write_title(xml, node);
    let circle = |xml: &mut Xml, radius: i32| {
        xml.empty("circle", &[("class", &"box"), ("cx", &middle.x), ("cy", &middle.y), ("r", &radius)]);
    };
    circle(xml, at.width / 2);
    if class.starts_with("double") {
        circle(xml, at.width / 2 - 3);
    }
    if let Some((path, class)) = icon {
        write_icon(xml, path, class, middle);
    }
    write_label(xml, node, at);
    xml.close("g");
}

fn write_icon(xml: &mut Xml, path: &str, class: &str, at: Point) {
    let transform = format!("translate({} {})", at.x, at.y);
    xml.empty("path", &[("class", &class), ("transform", &transform), ("d", &path)]);
}

/// Writes the label outside of a node.
fn write_label(xml: &mut Xml, node: &Node<'_>, at: Rect) {
    if let Some(at) = label(node.kind, at) {
        let lines = wrapped("small", SMALL_SIZE, &node.title, at.width, usize::try_from(at.height / 14).unwrap_or(1));
        let used = i32::try_from(lines.len()).unwrap_or(1) * 15;
        write_lines(xml, Rect { height: used, ..at }, &lines);
    }
}

fn wrapped<'c>(class: &'c str, size: i32, text: &str, room: i32, lines: usize) -> Vec<(&'c str, i32, String)> {
    labels::wrap(text, size, room, lines).into_iter().map(|line| (class, size, line)).collect()
}

/// Writes lines of text (class, size, text), centred in a rectangle.
fn write_lines(xml: &mut Xml, at: Rect, lines: &[(&str, i32, String)]) {
    let height: i32 = lines.iter().map(|(_, size, _)| size + 4).sum();
    let mut y = at.center().y - height / 2;
    for (class, size, text) in lines {
        xml.text_with("text", &[("class", class), ("x", &at.center().x), ("y", &(y + size))], text);
        y += size + 4;
    }
}
