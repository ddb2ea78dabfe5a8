//! The flow as BPMN 2.0: what there is and what follows what. Where it stands on the sheet is in `interchange`.

use super::bpmn_ids::{flow_id, node_id, process_id};
use super::flow::{Arrow, Flow, Kind, Node, Way};
use super::layout::Picture;
use super::xml::Xml;
use super::{interchange, labels};

/// Where conditions are explained.
const CEL: &str = "https://cel.dev";
const MODEL: &str = "http://www.omg.org/spec/BPMN/20100524/MODEL";
const DI: &str = "http://www.omg.org/spec/BPMN/20100524/DI";
const DC: &str = "http://www.omg.org/spec/DD/20100524/DC";
const DD: &str = "http://www.omg.org/spec/DD/20100524/DI";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Writes the document.
pub(super) fn write(picture: &Picture<'_>) -> String {
    let flow = picture.flow;
    let definition = flow.definition;
    let namespace = format!("urn:saga:{}:{}", definition.name, definition.version);
    let (id, process) = (format!("definitions_{}", definition.name), process_id(flow));
    let mut xml = Xml::new();
    xml.open(
        "bpmn:definitions",
        &[
            ("xmlns:bpmn", &MODEL),
            ("xmlns:bpmndi", &DI),
            ("xmlns:dc", &DC),
            ("xmlns:di", &DD),
            ("xmlns:xsi", &XSI),
            ("id", &id),
            ("targetNamespace", &namespace),
        ],
    );
    for node in &flow.nodes {
        if let Some((message, name)) = message(flow, node) {
            xml.empty("bpmn:message", &[("id", &message), ("name", &name)]);
        }
    }
    let name = labels::clean(definition.label.get(flow.language));
    xml.open("bpmn:process", &[("id", &process), ("name", &name), ("isExecutable", &false)]);
    xml.text("bpmn:documentation", &[], &format!("{} version {}", definition.name, definition.version));
    for (i, node) in flow.nodes.iter().enumerate() {
        write_node(&mut xml, flow, i, node);
    }
    for arrow in &flow.arrows {
        write_flow(&mut xml, flow, arrow);
    }
    write_artifacts(&mut xml, flow);
    xml.close("bpmn:process");
    interchange::write(&mut xml, picture);
    xml.close("bpmn:definitions");
    xml.finish()
}

/// The message that something waits for: its id and its name.
fn message(flow: &Flow<'_>, node: &Node<'_>) -> Option<(String, String)> {
    let name = if let Kind::Wait(_, receive) = node.kind {
        &receive.topic
    } else if let Kind::Start = node.kind {
        &flow.definition.start.event
    } else {
        return None;
    };
    Some((format!("message_{}", node.id), labels::clean(name)))
}

/// What element a node is; `None` for a word, which is an artifact.
const fn element(kind: Kind<'_>) -> Option<&'static str> {
    Some(match kind {
        Kind::Start => "bpmn:startEvent",
        Kind::Join | Kind::Fork => "bpmn:parallelGateway",
        Kind::Choice(_) | Kind::Merge => "bpmn:exclusiveGateway",
        Kind::Send(..) | Kind::Undo(_) | Kind::Conclude | Kind::ConcludeBack => "bpmn:serviceTask",
        Kind::Wait(..) => "bpmn:receiveTask",
        Kind::Check(..) => "bpmn:businessRuleTask",
        Kind::CanUndo(_) | Kind::CanFail(_) | Kind::CanExpire(..) => "bpmn:boundaryEvent",
        Kind::End | Kind::EndBack => "bpmn:endEvent",
        Kind::Back => "bpmn:intermediateThrowEvent",
        Kind::Pivot => return None,
    })
}

fn write_node(xml: &mut Xml, flow: &Flow<'_>, i: usize, node: &Node<'_>) {
    let Some(element) = element(node.kind) else { return };
    let own = own_attributes(flow, i, node);
    let mut attributes: Vec<(&str, &dyn std::fmt::Display)> = vec![("id", &node.id)];
    if !node.title.is_empty() {
        attributes.push(("name", &node.title));
    }
    attributes.extend(own.iter().map(|(name, value)| (*name, value as &dyn std::fmt::Display)));
    xml.open(element, &attributes);
    if !node.about.is_empty() {
        xml.text("bpmn:documentation", &[], &node.about);
    }
    let ordered = |arrow: &&Arrow| arrow.way != Way::Belongs;
    for arrow in flow.arrows.iter().filter(ordered).filter(|arrow| arrow.to == i) {
        xml.text("bpmn:incoming", &[], &flow_id(flow, arrow));
    }
    for arrow in flow.arrows.iter().filter(ordered).filter(|arrow| arrow.from == i) {
        xml.text("bpmn:outgoing", &[], &flow_id(flow, arrow));
    }
    write_event(xml, flow, node);
    xml.close(element);
}

fn own_attributes(flow: &Flow<'_>, i: usize, node: &Node<'_>) -> Vec<(&'static str, String)> {
    let direction = |direction: &str| vec![("gatewayDirection", direction.to_owned())];
    match node.kind {
        Kind::Join | Kind::Merge => direction("Converging"),
        Kind::Fork => direction("Diverging"),
        Kind::Choice(_) => {
            let around = flow.arrows.iter().find(|arrow| arrow.from == i && arrow.way == Way::Otherwise);
            let default = around.map(|arrow| ("default", flow_id(flow, arrow)));
            direction("Diverging").into_iter().chain(default).collect()
        }
        Kind::CanUndo(step) | Kind::CanFail(step) | Kind::CanExpire(step, _) => {
            vec![("attachedToRef", format!("step_{}", step.name))]
        }
        Kind::Undo(_) => vec![("isForCompensation", "true".to_owned())],
        Kind::Wait(..) => message(flow, node).map(|(id, _)| ("messageRef", id)).into_iter().collect(),
        Kind::Start
        | Kind::Send(..)
        | Kind::Check(..)
        | Kind::Pivot
        | Kind::Conclude
        | Kind::End
        | Kind::Back
        | Kind::ConcludeBack
        | Kind::EndBack => Vec::new(),
    }
}

/// What an event is about.
fn write_event(xml: &mut Xml, flow: &Flow<'_>, node: &Node<'_>) {
    let event = format!("event_{}", node.id);
    match node.kind {
        Kind::Start => {
            if let Some((message, _)) = message(flow, node) {
                xml.empty("bpmn:messageEventDefinition", &[("id", &event), ("messageRef", &message)]);
            }
        }
        Kind::CanUndo(_) | Kind::Back => xml.empty("bpmn:compensateEventDefinition", &[("id", &event)]),
        Kind::CanFail(_) => xml.empty("bpmn:errorEventDefinition", &[("id", &event)]),
        Kind::CanExpire(_, receive) => {
            xml.open("bpmn:timerEventDefinition", &[("id", &event)]);
            let expression = [("xsi:type", &"bpmn:tFormalExpression" as &dyn std::fmt::Display)];
            xml.text("bpmn:timeDuration", &expression, &labels::iso(receive.timeout));
            xml.close("bpmn:timerEventDefinition");
        }
        Kind::Join
        | Kind::Choice(_)
        | Kind::Send(..)
        | Kind::Wait(..)
        | Kind::Check(..)
        | Kind::Merge
        | Kind::Fork
        | Kind::Undo(_)
        | Kind::Pivot
        | Kind::Conclude
        | Kind::End
        | Kind::ConcludeBack
        | Kind::EndBack => {}
    }
}

fn write_flow(xml: &mut Xml, flow: &Flow<'_>, arrow: &Arrow) {
    let (id, from, to) = (flow_id(flow, arrow), node_id(flow, arrow.from), node_id(flow, arrow.to));
    let mut attributes: Vec<(&str, &dyn std::fmt::Display)> = vec![("id", &id)];
    match arrow.way {
        Way::Belongs => return,
        Way::Otherwise => attributes.push(("name", &"otherwise")),
        Way::Inside | Way::Edge(_) | Way::Holds | Way::Back => {}
    }
    attributes.extend([("sourceRef", &from as &dyn std::fmt::Display), ("targetRef", &to)]);
    let condition = match flow.nodes.get(arrow.from).map(|node| node.kind) {
        Some(Kind::Choice(condition)) if arrow.way == Way::Holds => condition,
        Some(_) | None => return xml.empty("bpmn:sequenceFlow", &attributes),
    };
    xml.open("bpmn:sequenceFlow", &attributes);
    xml.text("bpmn:conditionExpression", &[("xsi:type", &"bpmn:tFormalExpression"), ("language", &CEL)], condition);
    xml.close("bpmn:sequenceFlow");
}

/// Words, and what they and compensations belong to.
fn write_artifacts(xml: &mut Xml, flow: &Flow<'_>) {
    for node in flow.nodes.iter().filter(|node| element(node.kind).is_none()) {
        xml.open("bpmn:textAnnotation", &[("id", &node.id)]);
        xml.text("bpmn:text", &[], &node.title);
        xml.close("bpmn:textAnnotation");
    }
    for arrow in flow.arrows.iter().filter(|arrow| arrow.way == Way::Belongs) {
        let (id, from, to) = (flow_id(flow, arrow), node_id(flow, arrow.from), node_id(flow, arrow.to));
        let word = flow.nodes.get(arrow.to).is_some_and(|node| element(node.kind).is_none());
        let direction = if word { "None" } else { "One" };
        let ends: [(&str, &dyn std::fmt::Display); 2] = [("sourceRef", &from), ("targetRef", &to)];
        let [source, target] = ends;
        xml.empty("bpmn:association", &[("id", &id), ("associationDirection", &direction), source, target]);
    }
}
