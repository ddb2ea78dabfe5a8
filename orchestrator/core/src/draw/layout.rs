//! Computes the positions of nodes, in whole pixels: columns and rows are as large as their content.

use super::flow::{Flow, NodeKind};
use super::geometry::{
    AROUND, BETWEEN, BETWEEN_ROWS, CHANNEL, Column, EVENT, GATEWAY, LABEL, LINES, MARGIN, NOTE, Point, Rect, Row, TASK,
    TO_NOTE, TO_UNDO, UNDO,
};
use super::grid::{Grid, get, put};
use super::route::Routing;
use super::tracks::{self, Tracks};

/// A flow with its layout.
pub(super) struct Drawing<'a> {
    pub flow: &'a Flow<'a>,
    /// The box of each node.
    pub boxes: Vec<Rect>,
    /// The line of each arrow.
    pub lines: Vec<Vec<Point>>,
    pub width: i32,
    pub height: i32,
}

/// The room that a cell needs.
#[derive(Clone, Copy, Default)]
struct Needs {
    before: i32,
    main: i32,
    after: i32,
    up: i32,
    down: i32,
    aborts: bool,
}

impl<'a> Drawing<'a> {
    pub(super) fn of(flow: &'a Flow<'a>) -> Self {
        let cells = flow.definition.steps.len() + 2;
        let grid = Grid::of(cells, &flow.edges);
        let needs: Vec<Needs> = (0..cells).map(|cell| needs(flow, cell)).collect();
        let tracks = tracks::of(&grid);
        let columns = columns(&grid, &needs, &tracks);
        let rows = rows(&grid, &needs);
        let back = rows.last().map_or(0, |row| row.middle + row.down) + BETWEEN_ROWS + TASK.1 / 2;
        let frame = Frame { flow, grid: &grid, columns: &columns, rows: &rows, back };
        let boxes = frame.boxes();
        let routing = Routing { flow, boxes: &boxes, grid: &grid, columns: &columns, rows: &rows, tracks: &tracks };
        let lines = routing.lines();
        let width = columns.last().map_or(0, |last| last.x + last.before + last.main + last.after) + MARGIN;
        let height = back + (EVENT / 2 + LABEL.1).max(TASK.1 / 2) + MARGIN;
        Self { flow, boxes, lines, width, height }
    }

    pub(super) fn rect(&self, node: usize) -> Rect {
        get(&self.boxes, node)
    }

    pub(super) fn line(&self, arrow: usize) -> &[Point] {
        self.lines.get(arrow).map_or(&[], Vec::as_slice)
    }
}

/// The position of the label of a node, if it is outside of the node.
pub(super) fn label(kind: NodeKind<'_>, at: Rect) -> Option<Rect> {
    let below = Rect { x: at.center().x - LABEL.0 / 2, y: at.bottom() + 4, width: LABEL.0, height: LABEL.1 };
    match kind {
        NodeKind::Start | NodeKind::Choice(_) | NodeKind::End | NodeKind::Compensate | NodeKind::EndCompensated => {
            Some(below)
        }
        NodeKind::TimeoutEvent(..) => Some(Rect { x: at.right() + 2, y: at.bottom() - 17, width: 76, height: 14 }),
        NodeKind::Join
        | NodeKind::Send(..)
        | NodeKind::Wait(..)
        | NodeKind::Check(..)
        | NodeKind::Merge
        | NodeKind::Fork
        | NodeKind::CompensationEvent(_)
        | NodeKind::ErrorEvent(_)
        | NodeKind::Compensation(_)
        | NodeKind::Pivot
        | NodeKind::Conclude
        | NodeKind::ConcludeCompensated => None,
    }
}

/// The room that the nodes of a cell need.
fn needs(flow: &Flow<'_>, cell: usize) -> Needs {
    let mut needs = Needs::default();
    for node in flow.nodes.iter().filter(|node| node.cell == cell) {
        let grow = |old: &mut i32, least: i32| *old = (*old).max(least);
        match node.kind {
            NodeKind::Start => {
                needs.main = LABEL.0;
                grow(&mut needs.up, EVENT / 2);
                grow(&mut needs.down, EVENT / 2 + LABEL.1);
            }
            NodeKind::Send(..) | NodeKind::Wait(..) | NodeKind::Check(..) | NodeKind::Conclude => {
                needs.main = TASK.0;
                grow(&mut needs.up, TASK.1 / 2);
                grow(&mut needs.down, TASK.1 / 2);
            }
            NodeKind::Join => needs.before += GATEWAY + BETWEEN,
            NodeKind::Choice(_) => {
                needs.before += LABEL.0 + BETWEEN / 2;
                needs.up += AROUND;
                grow(&mut needs.down, GATEWAY / 2 + 4 + LABEL.1);
            }
            NodeKind::Merge | NodeKind::Fork => needs.after += GATEWAY + BETWEEN,
            NodeKind::ErrorEvent(_) | NodeKind::TimeoutEvent(..) => {
                needs.aborts = true;
                grow(&mut needs.down, TASK.1 / 2 + EVENT / 2 + CHANNEL);
            }
            NodeKind::Compensation(_) => grow(&mut needs.down, TASK.1 / 2 + TO_UNDO + UNDO.1),
            NodeKind::Pivot => needs.up += TO_NOTE + NOTE.1,
            NodeKind::End => {
                needs.after += LABEL.0 + BETWEEN;
                grow(&mut needs.down, EVENT / 2 + LABEL.1);
            }
            NodeKind::Compensate => needs.before = needs.before.max(LABEL.0 + BETWEEN),
            NodeKind::CompensationEvent(_) | NodeKind::ConcludeCompensated | NodeKind::EndCompensated => {}
        }
    }
    needs
}

fn columns(grid: &Grid, needs: &[Needs], tracks: &Tracks) -> Vec<Column> {
    let mut columns = vec![Column::default(); grid.columns];
    let mut aborting = vec![false; grid.columns];
    for (position, needs) in grid.cells.iter().zip(needs) {
        if let Some(column) = columns.get_mut(position.column) {
            column.before = column.before.max(needs.before);
            column.main = column.main.max(needs.main);
            column.after = column.after.max(needs.after);
        }
        if needs.aborts {
            put(&mut aborting, position.column, true);
        }
    }
    let mut x = MARGIN;
    for ((column, aborting), tracks) in columns.iter_mut().zip(aborting).zip(tracks.counts()) {
        column.x = x;
        x += column.before + column.main + column.after + 14;
        column.back = x;
        x += if aborting { 14 } else { 0 };
        column.tracks = (0..tracks).map(|track| x + 10 * track).collect();
        x += 10 * tracks + 22;
    }
    columns
}

fn rows(grid: &Grid, needs: &[Needs]) -> Vec<Row> {
    let mut rows = vec![Row { middle: 0, up: LINES, down: LINES }; grid.rows];
    for (position, needs) in grid.cells.iter().zip(needs) {
        if let Some(row) = rows.get_mut(position.row) {
            row.up = row.up.max(needs.up);
            row.down = row.down.max(needs.down);
        }
    }
    let mut y = MARGIN;
    for row in &mut rows {
        row.middle = y + row.up;
        y = row.middle + row.down + if row.down > LINES { BETWEEN_ROWS } else { 0 };
    }
    rows
}

struct Frame<'a> {
    flow: &'a Flow<'a>,
    grid: &'a Grid,
    columns: &'a [Column],
    rows: &'a [Row],
    /// The middle of the row of the compensation, below all others.
    back: i32,
}

impl Frame<'_> {
    fn boxes(&self) -> Vec<Rect> {
        let mut boxes = vec![Rect::default(); self.flow.nodes.len()];
        for cell in 0..self.grid.cells.len() {
            self.cell(cell, &mut boxes);
        }
        boxes
    }

    /// Positions the nodes of one cell: those before the step from right to left, those after it from left to right.
    fn cell(&self, cell: usize, boxes: &mut [Rect]) {
        let position = get(&self.grid.cells, cell);
        let Some(column) = self.columns.get(position.column) else { return };
        let y = self.rows.get(position.row).map_or(0, |row| row.middle);
        let main = Rect::around(Point { x: column.x + column.before + column.main / 2, y }, TASK.0, TASK.1);
        let mut left = column.x + column.before;
        let mut right = left + column.main;
        let in_cell = |node: &usize| self.flow.nodes.get(*node).is_some_and(|node| node.cell == cell);
        for node in (0..boxes.len()).filter(in_cell) {
            let Some(kind) = self.flow.nodes.get(node).map(|node| node.kind) else { continue };
            let event = |x| Rect::around(Point { x, y: main.bottom() }, EVENT, EVENT);
            let rect = match kind {
                NodeKind::Start => Rect::around(main.center(), EVENT, EVENT),
                NodeKind::Send(..) | NodeKind::Wait(..) | NodeKind::Check(..) | NodeKind::Conclude => main,
                NodeKind::Choice(_) => {
                    left -= LABEL.0 + BETWEEN / 2;
                    Rect::around(Point { x: left + LABEL.0 / 2, y }, GATEWAY, GATEWAY)
                }
                NodeKind::Join => {
                    left -= GATEWAY + BETWEEN;
                    Rect::around(Point { x: left + GATEWAY / 2, y }, GATEWAY, GATEWAY)
                }
                NodeKind::Merge | NodeKind::Fork => {
                    right += GATEWAY + BETWEEN;
                    Rect::around(Point { x: right - GATEWAY / 2, y }, GATEWAY, GATEWAY)
                }
                NodeKind::End => Rect::around(Point { x: right + BETWEEN + LABEL.0 / 2, y }, EVENT, EVENT),
                NodeKind::CompensationEvent(_) | NodeKind::TimeoutEvent(..) => event(main.x + 32),
                NodeKind::ErrorEvent(_) => event(main.right() - 32),
                NodeKind::Compensation(_) => {
                    Rect { x: main.x, y: main.bottom() + TO_UNDO, width: UNDO.0, height: UNDO.1 }
                }
                NodeKind::Pivot => Rect { x: main.x, y: main.y - TO_NOTE - NOTE.1, width: NOTE.0, height: NOTE.1 },
                NodeKind::ConcludeCompensated => Rect { y: self.back - TASK.1 / 2, ..main },
                NodeKind::Compensate => {
                    Rect::around(Point { x: main.x - BETWEEN - LABEL.0 / 2, y: self.back }, EVENT, EVENT)
                }
                NodeKind::EndCompensated => {
                    Rect::around(Point { x: right + BETWEEN + LABEL.0 / 2, y: self.back }, EVENT, EVENT)
                }
            };
            put(boxes, node, rect);
        }
    }
}
