//! Points, rectangles and distances of the drawing, in whole pixels.

pub(super) const TASK: (i32, i32) = (180, 90);
pub(super) const UNDO: (i32, i32) = (180, 64);
pub(super) const GATEWAY: i32 = 50;
pub(super) const EVENT: i32 = 36;
pub(super) const NOTE: (i32, i32) = (180, 22);
/// Between what stands in a cell.
pub(super) const BETWEEN: i32 = 26;
/// Texts below events and gateways.
pub(super) const LABEL: (i32, i32) = (152, 48);
/// From a task's edge to the line that turns back, measured from the end of its event.
pub(super) const CHANNEL: i32 = 14;
/// From a task to what undoes it, and to the word on the pivot.
pub(super) const TO_UNDO: i32 = 52;
pub(super) const TO_NOTE: i32 = 12;
/// From a task to the way around it.
pub(super) const AROUND: i32 = 22;
pub(super) const MARGIN: i32 = 30;
pub(super) const BETWEEN_ROWS: i32 = 28;
/// A row through which only lines pass.
pub(super) const LINES: i32 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Point {
    pub x: i32,
    pub y: i32,
}

impl Rect {
    pub(super) const fn around(center: Point, width: i32, height: i32) -> Self {
        Self { x: center.x - width / 2, y: center.y - height / 2, width, height }
    }

    pub(super) const fn center(self) -> Point {
        Point { x: self.x + self.width / 2, y: self.y + self.height / 2 }
    }

    pub(super) const fn right(self) -> i32 {
        self.x + self.width
    }

    pub(super) const fn bottom(self) -> i32 {
        self.y + self.height
    }
}

/// A column: what leads to its steps, they themselves, what leads away, and the lines on to the next column.
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    pub x: i32,
    pub before: i32,
    pub main: i32,
    pub after: i32,
    /// Where lines turn back, and where those that go on change rows.
    pub back: i32,
    pub tracks: Vec<i32>,
}

/// How far a row reaches up and down from its middle.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    pub middle: i32,
    pub up: i32,
    pub down: i32,
}
