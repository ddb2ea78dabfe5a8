//! Routes the lines of the drawing: from border to border, with right angles.

use super::flow::{Arrow, ArrowKind, Flow};
use super::geometry::{AROUND, CHANNEL, Column, Point, Rect, Row};
use super::grid::{Grid, get};
use super::tracks::Tracks;

/// The data for routing.
pub(super) struct Routing<'a> {
    pub flow: &'a Flow<'a>,
    pub boxes: &'a [Rect],
    pub grid: &'a Grid,
    pub columns: &'a [Column],
    pub rows: &'a [Row],
    pub tracks: &'a Tracks,
}

impl Routing<'_> {
    /// The line of each arrow.
    pub(super) fn lines(&self) -> Vec<Vec<Point>> {
        self.flow.arrows.iter().map(|arrow| straighten(self.line(arrow))).collect()
    }

    fn line(&self, arrow: &Arrow) -> Vec<Point> {
        let from = get(self.boxes, arrow.from);
        let to = get(self.boxes, arrow.to);
        let out = Point { x: from.right(), y: from.center().y };
        let into = Point { x: to.x, y: to.center().y };
        match arrow.kind {
            ArrowKind::WithinCell | ArrowKind::IfTrue => vec![out, into],
            ArrowKind::Edge(edge) => self.across(edge, out, into),
            ArrowKind::Otherwise => {
                let y = self.above(arrow);
                let from = Point { y: from.y, ..from.center() };
                let to = Point { y: to.y, ..to.center() };
                vec![from, Point { y, ..from }, Point { y, ..to }, to]
            }
            ArrowKind::Abort => {
                let from = Point { x: from.center().x, y: from.bottom() };
                let column = self.column_of(arrow.from);
                let turn = Point { x: column.map_or(from.x, |column| column.back), y: from.y + CHANNEL };
                vec![from, Point { y: turn.y, ..from }, turn, Point { y: into.y, ..turn }, into]
            }
            ArrowKind::Association if to.y > from.y => {
                let x = from.center().x;
                vec![Point { x, y: from.bottom() }, Point { x, y: to.y }]
            }
            ArrowKind::Association => {
                vec![Point { y: from.y, ..from.center() }, Point { y: to.bottom(), ..to.center() }]
            }
        }
    }

    fn column_of(&self, node: usize) -> Option<&Column> {
        let cell = self.flow.nodes.get(node)?.cell;
        self.columns.get(get(&self.grid.cells, cell).column)
    }

    /// The height above the nodes of a cell.
    fn above(&self, arrow: &Arrow) -> i32 {
        let cell = self.flow.nodes.get(arrow.from).map(|node| node.cell);
        let nodes = self.flow.nodes.iter().zip(self.boxes).filter(|(node, _)| Some(node.cell) == cell);
        nodes.map(|(_, rect)| rect.y).min().unwrap_or(0) - AROUND
    }

    /// From position to position, changing rows on the tracks between the columns.
    fn across(&self, edge: usize, out: Point, into: Point) -> Vec<Point> {
        let mut line = vec![out];
        let route = self.grid.routes.get(edge).map_or(&[][..], Vec::as_slice);
        for link in route.windows(2) {
            let [from, to] = link else { continue };
            let track = self.tracks.of(from.column, from.row).filter(|_| from.row != to.row);
            let x = track.and_then(|track| self.columns.get(from.column)?.tracks.get(track));
            if let Some(x) = x {
                let y = |row: usize| self.rows.get(row).map_or(0, |row| row.middle);
                line.extend([Point { x: *x, y: y(from.row) }, Point { x: *x, y: y(to.row) }]);
            }
        }
        line.push(into);
        line
    }
}

/// Removes the points that are not corners.
fn straighten(line: Vec<Point>) -> Vec<Point> {
    let mut straight: Vec<Point> = Vec::new();
    for point in line {
        if let [.., before, last] = straight[..]
            && (before.x == last.x && last.x == point.x || before.y == last.y && last.y == point.y)
        {
            straight.pop();
        }
        straight.push(point);
    }
    straight
}
