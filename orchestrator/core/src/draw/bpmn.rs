//! Writes the flow as BPMN 2.0. Its diagram is written by `interchange`.

use xml::Xml;

use super::bpmn_ids::{flow_id, node_id, process_id};
use super::flow::{Arrow, ArrowKind, Flow, Node, NodeKind};
use super::layout::Drawing;
use super::{interchange, labels};

/// The expression language of conditions.
const CEL: &str = "https://cel.dev";
const MODEL: &str = "http://www.omg.org/spec/BPMN/20100524/MODEL";
const DI: &str = "http://www.omg.org/spec/BPMN/20100524/DI";
const DC: &str = "http://www.omg.org/spec/DD/20100524/DC";
const DD: &str = "http://www.omg.org/spec/DD/20100524/DI";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Writes the document.
pub(super) fn write(drawing: &Drawing<'_>) -> String {
    let flow = drawing.flow;
    let definition = flow.definition;
    let namespace = format!("urn:saga:{}:{}", definition.name, definition.version);
    let id = format!("definitions_{}", definition.name);
    let process = process_id(flow);
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
    xml.text("bpmn:documentation", &format!("{} version {}", definition.name, definition.version));
    for (i, node) in flow.nodes.iter().enumerate() {
        write_node(&mut xml, flow, i, node);
    }
    for arrow in &flow.arrows {
        write_flow(&mut xml, flow, arrow);
    }
    write_artifacts(&mut xml, flow);
    xml.close("bpmn:process");
    interchange::write(&mut xml, drawing);
    xml.close("bpmn:definitions");
    xml.finish()
}

/// The id and the name of the message that a node waits for.
fn message(flow: &Flow<'_>, node: &Node<'_>) -> Option<(String, String)> {
    let name = if let NodeKind::Wait(_, receive) = node.kind {
        &receive.topic
    } else if let NodeKind::Start = node.kind {
        &flow.definition.start.event
    } else {
        return None;
    };
    Some((format!("message_{}", node.id), labels::clean(name)))
}

/// The element of a node; `None` for an annotation, which is an artifact.
const fn element(kind: NodeKind<'_>) -> Option<&'static str> {
    Some(match kind {
        NodeKind::Start => "bpmn:startEvent",
        NodeKind::Join | NodeKind::Fork => "bpmn:parallelGateway",
        NodeKind::Choice(_) | NodeKind::Merge => "bpmn:exclusiveGateway",
        NodeKind::Send(..) | NodeKind::Compensation(_) | NodeKind::Conclude | NodeKind::ConcludeCompensated => {
            "bpmn:serviceTask"
        }
        NodeKind::Wait(..) => "bpmn:receiveTask",
        NodeKind::Check(..) => "bpmn:businessRuleTask",
        NodeKind::CompensationEvent(_) | NodeKind::ErrorEvent(_) | NodeKind::TimeoutEvent(..) => "bpmn:boundaryEvent",
        NodeKind::End | NodeKind::EndCompensated => "bpmn:endEvent",
        NodeKind::Compensate => "bpmn:intermediateThrowEvent",
        NodeKind::Pivot => return None,
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
        xml.text("bpmn:documentation", &node.about);
    }
    let ordered = |arrow: &&Arrow| arrow.kind != ArrowKind::Association;
    for arrow in flow.arrows.iter().filter(ordered).filter(|arrow| arrow.to == i) {
        xml.text("bpmn:incoming", &flow_id(flow, arrow));
    }
    for arrow in flow.arrows.iter().filter(ordered).filter(|arrow| arrow.from == i) {
        xml.text("bpmn:outgoing", &flow_id(flow, arrow));
    }
    write_event(xml, flow, node);
    xml.close(element);
}

fn own_attributes(flow: &Flow<'_>, i: usize, node: &Node<'_>) -> Vec<(&'static str, String)> {
    let direction = |direction: &str| vec![("gatewayDirection", direction.to_owned())];
    match node.kind {
        NodeKind::Join | NodeKind::Merge => direction("Converging"),
        NodeKind::Fork => direction("Diverging"),
        NodeKind::Choice(_) => {
            let otherwise = flow.arrows.iter().find(|arrow| arrow.from == i && arrow.kind == ArrowKind::Otherwise);
            let default = otherwise.map(|arrow| ("default", flow_id(flow, arrow)));
            direction("Diverging").into_iter().chain(default).collect()
        }
        NodeKind::CompensationEvent(step) | NodeKind::ErrorEvent(step) | NodeKind::TimeoutEvent(step, _) => {
            vec![("attachedToRef", format!("step_{}", step.name))]
        }
        NodeKind::Compensation(_) => vec![("isForCompensation", "true".to_owned())],
        NodeKind::Wait(..) => message(flow, node).map(|(id, _)| ("messageRef", id)).into_iter().collect(),
        NodeKind::Start
        | NodeKind::Send(..)
        | NodeKind::Check(..)
        | NodeKind::Pivot
        | NodeKind::Conclude
        | NodeKind::End
        | NodeKind::Compensate
        | NodeKind::ConcludeCompensated
        | NodeKind::EndCompensated => Vec::new(),
    }
}

/// Writes the definition of an event.
fn write_event(xml: &mut Xml, flow: &Flow<'_>, node: &Node<'_>) {
    let event = format!("event_{}", node.id);
    match node.kind {
        NodeKind::Start => {
            if let Some((message, _)) = message(flow, node) {
                xml.empty("bpmn:messageEventDefinition", &[("id", &event), ("messageRef", &message)]);
            }
        }
        NodeKind::CompensationEvent(_) | NodeKind::Compensate => {
            xml.empty("bpmn:compensateEventDefinition", &[("id", &event)])
        }
        NodeKind::ErrorEvent(_) => xml.empty("bpmn:errorEventDefinition", &[("id", &event)]),
        NodeKind::TimeoutEvent(_, receive) => {
            xml.open("bpmn:timerEventDefinition", &[("id", &event)]);
            let expression = [("xsi:type", &"bpmn:tFormalExpression" as &dyn std::fmt::Display)];
            xml.text_with("bpmn:timeDuration", &expression, &labels::iso(receive.timeout));
            xml.close("bpmn:timerEventDefinition");
        }
        NodeKind::Join
        | NodeKind::Choice(_)
        | NodeKind::Send(..)
        | NodeKind::Wait(..)
        | NodeKind::Check(..)
        | NodeKind::Merge
        | NodeKind::Fork
        | NodeKind::Compensation(_)
        | NodeKind::Pivot
        | NodeKind::Conclude
        | NodeKind::End
        | NodeKind::ConcludeCompensated
        | NodeKind::EndCompensated => {}
    }
}

fn write_flow(xml: &mut Xml, flow: &Flow<'_>, arrow: &Arrow) {
    let id = flow_id(flow, arrow);
    let from = node_id(flow, arrow.from);
    let to = node_id(flow, arrow.to);
    let mut attributes: Vec<(&str, &dyn std::fmt::Display)> = vec![("id", &id)];
    match arrow.kind {
        ArrowKind::Association => return,
        ArrowKind::Otherwise => attributes.push(("name", &"otherwise")),
        ArrowKind::WithinCell | ArrowKind::Edge(_) | ArrowKind::IfTrue | ArrowKind::Abort => {}
    }
    attributes.extend([("sourceRef", &from as &dyn std::fmt::Display), ("targetRef", &to)]);
    let condition = match flow.nodes.get(arrow.from).map(|node| node.kind) {
        Some(NodeKind::Choice(condition)) if arrow.kind == ArrowKind::IfTrue => condition,
        Some(_) | None => return xml.empty("bpmn:sequenceFlow", &attributes),
    };
    xml.open("bpmn:sequenceFlow", &attributes);
    xml.text_with(
        "bpmn:conditionExpression",
        &[("xsi:type", &"bpmn:tFormalExpression"), ("language", &CEL)],
        condition,
    );
    xml.close("bpmn:sequenceFlow");
}

/// Writes annotations, and the associations of annotations and compensations.
fn write_artifacts(xml: &mut Xml, flow: &Flow<'_>) {
    for node in flow.nodes.iter().filter(|node| element(node.kind).is_none()) {
        xml.open("bpmn:textAnnotation", &[("id", &node.id)]);
        xml.text("bpmn:text", &node.title);
        xml.close("bpmn:textAnnotation");
    }
    for arrow in flow.arrows.iter().filter(|arrow| arrow.kind == ArrowKind::Association) {
        let id = flow_id(flow, arrow);
        let from = node_id(flow, arrow.from);
        let to = node_id(flow, arrow.to);
        let annotation = flow.nodes.get(arrow.to).is_some_and(|node| element(node.kind).is_none());
        let direction = if annotation { "None" } else { "One" };
        let ends: [(&str, &dyn std::fmt::Display); 2] = [("sourceRef", &from), ("targetRef", &to)];
        let [source, target] = ends;
        xml.empty("bpmn:association", &[("id", &id), ("associationDirection", &direction), source, target]);
    }
}
