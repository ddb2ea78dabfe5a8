//! The part of a BPMN document that says where everything stands, which BPMN calls diagram interchange.

use std::fmt::Display;

use super::bpmn_ids::{flow_id, process_id};
use super::flow::{Kind, Way};
use super::geometry::Rect;
use super::layout::{Picture, label};
use super::xml::Xml;

/// Writes a shape for each node and an edge for each arrow.
pub(super) fn write(xml: &mut Xml, picture: &Picture<'_>) {
    let flow = picture.flow;
    xml.open("bpmndi:BPMNDiagram", &[("id", &"diagram")]);
    xml.open("bpmndi:BPMNPlane", &[("id", &"plane"), ("bpmnElement", &process_id(flow))]);
    for (i, node) in flow.nodes.iter().enumerate() {
        let (shape, place) = (format!("{}_shape", node.id), picture.rect(i));
        let mut attributes: Vec<(&str, &dyn Display)> = vec![("id", &shape), ("bpmnElement", &node.id)];
        if matches!(node.kind, Kind::Choice(_) | Kind::Merge) {
            attributes.push(("isMarkerVisible", &true));
        }
        xml.open("bpmndi:BPMNShape", &attributes);
        bounds(xml, place);
        if let Some(at) = label(node.kind, place) {
            write_label(xml, at);
        }
        xml.close("bpmndi:BPMNShape");
    }
    for (i, arrow) in flow.arrows.iter().enumerate() {
        let (id, line) = (flow_id(flow, arrow), picture.line(i));
        xml.open("bpmndi:BPMNEdge", &[("id", &format!("{id}_edge")), ("bpmnElement", &id)]);
        for point in line {
            xml.empty("di:waypoint", &[("x", &point.x), ("y", &point.y)]);
        }
        if let (Way::Otherwise, [_, corner, ..]) = (arrow.way, line) {
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
