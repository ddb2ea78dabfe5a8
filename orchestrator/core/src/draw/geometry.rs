//! Points, rectangles and distances of the drawing, in whole pixels.

pub(super) const TASK: (i32, i32) = (180, 90);
pub(super) const UNDO: (i32, i32) = (180, 64);
pub(super) const GATEWAY: i32 = 50;
pub(super) const EVENT: i32 = 36;
pub(super) const NOTE: (i32, i32) = (180, 22);
/// Between the nodes of a cell.
pub(super) const BETWEEN: i32 = 26;
/// A label below an event or gateway.
pub(super) const LABEL: (i32, i32) = (152, 48);
/// From the end of a border event to the line that leads to the compensation.
pub(super) const CHANNEL: i32 = 14;
/// From a task to its compensation.
pub(super) const TO_UNDO: i32 = 52;
/// From a task to the annotation of the pivot.
pub(super) const TO_NOTE: i32 = 12;
/// From a task to the line around it.
pub(super) const AROUND: i32 = 22;
pub(super) const MARGIN: i32 = 30;
pub(super) const BETWEEN_ROWS: i32 = 28;
/// Half the height of a row without nodes.
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

/// A column: the gateways before its steps, the steps, the gateways after them, and the lines to the next column.
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    pub x: i32,
    pub before: i32,
    pub main: i32,
    pub after: i32,
    /// The position of the lines to the compensation.
    pub back: i32,
    /// The positions at which lines change rows.
    pub tracks: Vec<i32>,
}

/// A row: its middle, and its extent above and below.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    pub middle: i32,
    pub up: i32,
    pub down: i32,
}
