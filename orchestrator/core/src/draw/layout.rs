//! Where everything stands, in whole pixels: columns as wide and rows as high as what stands in them.

use super::flow::{Flow, Kind};
use super::geometry::{
    AROUND, BETWEEN, BETWEEN_ROWS, CHANNEL, Column, EVENT, GATEWAY, LABEL, LINES, MARGIN, NOTE, Point, Rect, Row, TASK,
    TO_NOTE, TO_UNDO, UNDO,
};
use super::grid::{Grid, get, put};
use super::route::Ways;
use super::tracks::{self, Tracks};

/// The flow, with places.
pub(super) struct Picture<'a> {
    pub flow: &'a Flow<'a>,
    /// Of each node.
    pub boxes: Vec<Rect>,
    /// Of each arrow.
    pub lines: Vec<Vec<Point>>,
    pub width: i32,
    pub height: i32,
}

/// What of a cell needs room.
#[derive(Clone, Copy, Default)]
struct Needs {
    before: i32,
    main: i32,
    after: i32,
    up: i32,
    down: i32,
    turns_back: bool,
}

impl<'a> Picture<'a> {
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
        let ways = Ways { flow, boxes: &boxes, grid: &grid, columns: &columns, rows: &rows, tracks: &tracks };
        let lines = ways.lines();
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

/// Where the text of a node stands that has none inside.
pub(super) fn label(kind: Kind<'_>, at: Rect) -> Option<Rect> {
    let below = Rect { x: at.center().x - LABEL.0 / 2, y: at.bottom() + 4, width: LABEL.0, height: LABEL.1 };
    match kind {
        Kind::Start | Kind::Choice(_) | Kind::End | Kind::Back | Kind::EndBack => Some(below),
        Kind::CanExpire(..) => Some(Rect { x: at.right() + 2, y: at.bottom() - 17, width: 76, height: 14 }),
        Kind::Join
        | Kind::Send(..)
        | Kind::Wait(..)
        | Kind::Check(..)
        | Kind::Merge
        | Kind::Fork
        | Kind::CanUndo(_)
        | Kind::CanFail(_)
        | Kind::Undo(_)
        | Kind::Pivot
        | Kind::Conclude
        | Kind::ConcludeBack => None,
    }
}

/// Adds up what the nodes of a cell need.
fn needs(flow: &Flow<'_>, cell: usize) -> Needs {
    let mut needs = Needs::default();
    for node in flow.nodes.iter().filter(|node| node.cell == cell) {
        let grow = |old: &mut i32, least: i32| *old = (*old).max(least);
        match node.kind {
            Kind::Start => {
                needs.main = LABEL.0;
                grow(&mut needs.up, EVENT / 2);
                grow(&mut needs.down, EVENT / 2 + LABEL.1);
            }
            Kind::Send(..) | Kind::Wait(..) | Kind::Check(..) | Kind::Conclude => {
                needs.main = TASK.0;
                grow(&mut needs.up, TASK.1 / 2);
                grow(&mut needs.down, TASK.1 / 2);
            }
            Kind::Join => needs.before += GATEWAY + BETWEEN,
            Kind::Choice(_) => {
                needs.before += LABEL.0 + BETWEEN / 2;
                needs.up += AROUND;
                grow(&mut needs.down, GATEWAY / 2 + 4 + LABEL.1);
            }
            Kind::Merge | Kind::Fork => needs.after += GATEWAY + BETWEEN,
            Kind::CanFail(_) | Kind::CanExpire(..) => {
                needs.turns_back = true;
                grow(&mut needs.down, TASK.1 / 2 + EVENT / 2 + CHANNEL);
            }
            Kind::Undo(_) => grow(&mut needs.down, TASK.1 / 2 + TO_UNDO + UNDO.1),
            Kind::Pivot => needs.up += TO_NOTE + NOTE.1,
            Kind::End => {
                needs.after += LABEL.0 + BETWEEN;
                grow(&mut needs.down, EVENT / 2 + LABEL.1);
            }
            Kind::Back => needs.before = needs.before.max(LABEL.0 + BETWEEN),
            Kind::CanUndo(_) | Kind::ConcludeBack | Kind::EndBack => {}
        }
    }
    needs
}

fn columns(grid: &Grid, needs: &[Needs], tracks: &Tracks) -> Vec<Column> {
    let mut columns = vec![Column::default(); grid.columns];
    let mut turning = vec![false; grid.columns];
    for (spot, needs) in grid.cells.iter().zip(needs) {
        if let Some(column) = columns.get_mut(spot.column) {
            column.before = column.before.max(needs.before);
            column.main = column.main.max(needs.main);
            column.after = column.after.max(needs.after);
        }
        if needs.turns_back {
            put(&mut turning, spot.column, true);
        }
    }
    let mut x = MARGIN;
    for ((column, turning), tracks) in columns.iter_mut().zip(turning).zip(tracks.counts()) {
        column.x = x;
        x += column.before + column.main + column.after + 14;
        column.back = x;
        x += if turning { 14 } else { 0 };
        column.tracks = (0..tracks).map(|track| x + 10 * track).collect();
        x += 10 * tracks + 22;
    }
    columns
}

fn rows(grid: &Grid, needs: &[Needs]) -> Vec<Row> {
    let mut rows = vec![Row { middle: 0, up: LINES, down: LINES }; grid.rows];
    for (spot, needs) in grid.cells.iter().zip(needs) {
        if let Some(row) = rows.get_mut(spot.row) {
            (row.up, row.down) = (row.up.max(needs.up), row.down.max(needs.down));
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
    /// The middle of the way back, below all rows.
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

    /// The places in one cell: what leads to its step from right to left, what leads away from left to right.
    fn cell(&self, cell: usize, boxes: &mut [Rect]) {
        let spot = get(&self.grid.cells, cell);
        let Some(column) = self.columns.get(spot.column) else { return };
        let y = self.rows.get(spot.row).map_or(0, |row| row.middle);
        let main = Rect::around(Point { x: column.x + column.before + column.main / 2, y }, TASK.0, TASK.1);
        let (mut left, mut right) = (column.x + column.before, column.x + column.before + column.main);
        let mine = |node: &usize| self.flow.nodes.get(*node).is_some_and(|node| node.cell == cell);
        for node in (0..boxes.len()).filter(mine) {
            let Some(kind) = self.flow.nodes.get(node).map(|node| node.kind) else { continue };
            let event = |x| Rect::around(Point { x, y: main.bottom() }, EVENT, EVENT);
            let place = match kind {
                Kind::Start => Rect::around(main.center(), EVENT, EVENT),
                Kind::Send(..) | Kind::Wait(..) | Kind::Check(..) | Kind::Conclude => main,
                Kind::Choice(_) => {
                    left -= LABEL.0 + BETWEEN / 2;
                    Rect::around(Point { x: left + LABEL.0 / 2, y }, GATEWAY, GATEWAY)
                }
                Kind::Join => {
                    left -= GATEWAY + BETWEEN;
                    Rect::around(Point { x: left + GATEWAY / 2, y }, GATEWAY, GATEWAY)
                }
                Kind::Merge | Kind::Fork => {
                    right += GATEWAY + BETWEEN;
                    Rect::around(Point { x: right - GATEWAY / 2, y }, GATEWAY, GATEWAY)
                }
                Kind::End => Rect::around(Point { x: right + BETWEEN + LABEL.0 / 2, y }, EVENT, EVENT),
                Kind::CanUndo(_) | Kind::CanExpire(..) => event(main.x + 32),
                Kind::CanFail(_) => event(main.right() - 32),
                Kind::Undo(_) => Rect { x: main.x, y: main.bottom() + TO_UNDO, width: UNDO.0, height: UNDO.1 },
                Kind::Pivot => Rect { x: main.x, y: main.y - TO_NOTE - NOTE.1, width: NOTE.0, height: NOTE.1 },
                Kind::ConcludeBack => Rect { y: self.back - TASK.1 / 2, ..main },
                Kind::Back => Rect::around(Point { x: main.x - BETWEEN - LABEL.0 / 2, y: self.back }, EVENT, EVENT),
                Kind::EndBack => Rect::around(Point { x: right + BETWEEN + LABEL.0 / 2, y: self.back }, EVENT, EVENT),
            };
            put(boxes, node, place);
        }
    }
}
