//! The ids of BPMN elements, shared by the process and its diagram.

use super::flow::{Arrow, Flow};

pub(super) fn process_id(flow: &Flow<'_>) -> String {
    format!("saga_{}", flow.definition.name)
}

/// The id of an arrow, such as `flow_step_reserve_to_completed`.
pub(super) fn flow_id(flow: &Flow<'_>, arrow: &Arrow) -> String {
    format!("flow_{}_to_{}", node_id(flow, arrow.from), node_id(flow, arrow.to))
}

pub(super) fn node_id<'f>(flow: &'f Flow<'_>, node: usize) -> &'f str {
    flow.nodes.get(node).map_or("", |node| node.id.as_str())
}
