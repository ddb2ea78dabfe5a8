//! Writes the diagram interchange of a BPMN document: the positions of nodes and arrows.

use std::fmt::Display;

use xml::Xml;

use super::bpmn_ids::{flow_id, process_id};
use super::flow::{ArrowKind, NodeKind};
use super::geometry::Rect;
use super::layout::{Drawing, label};

/// Writes a shape for each node and an edge for each arrow.
pub(super) fn write(xml: &mut Xml, drawing: &Drawing<'_>) {
    let flow = drawing.flow;
    xml.open("bpmndi:BPMNDiagram", &[("id", &"diagram")]);
    xml.open("bpmndi:BPMNPlane", &[("id", &"plane"), ("bpmnElement", &process_id(flow))]);
    for (i, node) in flow.nodes.iter().enumerate() {
        let shape = format!("{}_shape", node.id);
        let rect = drawing.rect(i);
        let mut attributes: Vec<(&str, &dyn Display)> = vec![("id", &shape), ("bpmnElement", &node.id)];
        if matches!(node.kind, NodeKind::Choice(_) | NodeKind::Merge) {
            attributes.push(("isMarkerVisible", &true));
        }
        xml.open("bpmndi:BPMNShape", &attributes);
        bounds(xml, rect);
        if let Some(at) = label(node.kind, rect) {
            write_label(xml, at);
        }
        xml.close("bpmndi:BPMNShape");
    }
    for (i, arrow) in flow.arrows.iter().enumerate() {
        let id = flow_id(flow, arrow);
        let line = drawing.line(i);
        xml.open("bpmndi:BPMNEdge", &[("id", &format!("{id}_edge")), ("bpmnElement", &id)]);
        for point in line {
            xml.empty("di:waypoint", &[("x", &point.x), ("y", &point.y)]);
        }
        if let (ArrowKind::Otherwise, [_, corner, ..]) = (arrow.kind, line) {
            write_label(xml, Rect { x: corner.x + 4, y: corner.y + 2, width: 64, height: 14 });
        }
        xml.close("bpmndi:BPMNEdge");
    }
    xml.close("bpmndi:BPMNPlane");
    xml.close("bpmndi:BPMNDiagram");
}

fn write_label(xml: &mut Xml, at: Rect) {
    xml.open("bpmndi:BPMNLabel", &[]);
    bounds(xml, at);
    xml.close("bpmndi:BPMNLabel");
}

fn bounds(xml: &mut Xml, at: Rect) {
    xml.empty("dc:Bounds", &[("x", &at.x), ("y", &at.y), ("width", &at.width), ("height", &at.height)]);
}
