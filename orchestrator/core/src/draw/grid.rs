//! Assigns cells to columns and rows, as in the layered drawing of Sugiyama et al. (1981): columns by the longest path
//! from the start; within a column an order with few crossings (barycentres, the best of several sweeps); rows that
//! keep paths straight. An edge that passes a column has a position of its own there, so no line crosses a step.

/// The columns and rows.
pub(super) struct Grid {
    pub columns: usize,
    pub rows: usize,
    /// The position of each cell.
    pub cells: Vec<GridPosition>,
    /// The positions that each edge passes, from its first cell to its last.
    pub routes: Vec<Vec<GridPosition>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct GridPosition {
    pub column: usize,
    pub row: usize,
}

const SWEEPS: usize = 8;
/// Means are computed in this fraction of a row.
const FINE: i64 = 60;

impl Grid {
    /// Computes the grid. The edges must be acyclic.
    pub(super) fn of(cells: usize, edges: &[(usize, usize)]) -> Self {
        let (mut points, routes) = Points::of(cells, edges);
        points.order();
        let rows = points.rows();
        let position = |point: &usize| GridPosition { column: get(&points.column, *point), row: get(&rows, *point) };
        Self {
            columns: points.columns.len(),
            rows: rows.iter().max().map_or(0, |last| last + 1),
            cells: (0..cells).map(|cell| position(&cell)).collect(),
            routes: routes.iter().map(|route| route.iter().map(position).collect()).collect(),
        }
    }
}

/// The cells, and a point wherever an edge passes a column, so that every link joins adjacent columns.
struct Points {
    column: Vec<usize>,
    columns: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

impl Points {
    fn of(cells: usize, edges: &[(usize, usize)]) -> (Self, Vec<Vec<usize>>) {
        let mut column = longest_paths(cells, edges);
        let mut routes = Vec::new();
        for (from, to) in edges {
            let first = get(&column, *from);
            let last = get(&column, *to);
            let mut route = vec![*from];
            for passed in first + 1..last {
                route.push(column.len());
                column.push(passed);
            }
            route.push(*to);
            routes.push(route);
        }
        let mut columns = vec![Vec::new(); column.iter().max().map_or(0, |last| last + 1)];
        for (point, column) in column.iter().enumerate() {
            push(&mut columns, *column, point);
        }
        let mut before = vec![Vec::new(); column.len()];
        let mut after = vec![Vec::new(); column.len()];
        for link in routes.iter().flat_map(|route| route.windows(2)) {
            if let [from, to] = link {
                push(&mut after, *from, *to);
                push(&mut before, *to, *from);
            }
        }
        (Self { column, columns, before, after }, routes)
    }

    /// Orders each column by the means of its neighbours, forwards and backwards in turn, and keeps the best order.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.columns.clone());
        for sweep in 0..SWEEPS {
            let forwards = sweep % 2 == 0;
            for step in 0..self.columns.len() {
                let column = if forwards { step } else { self.columns.len() - 1 - step };
                self.sort(column, if forwards { &self.before } else { &self.after }.clone());
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
    }

    fn sort(&mut self, column: usize, neighbours: Vec<Vec<usize>>) {
        let indexes = self.indexes();
        let key = |point: &usize| {
            let near = neighbours.get(*point).map_or(&[][..], Vec::as_slice);
            mean(near.iter().map(|other| get(&indexes, *other))).unwrap_or_else(|| get(&indexes, *point) * FINE)
        };
        if let Some(points) = self.columns.get_mut(column) {
            points.sort_by_key(key);
        }
    }

    /// The index of each point in its column.
    fn indexes(&self) -> Vec<i64> {
        let mut indexes = vec![0; self.column.len()];
        for column in &self.columns {
            for (index, point) in (0..).zip(column) {
                put(&mut indexes, *point, index);
            }
        }
        indexes
    }

    fn crossings(&self) -> usize {
        let indexes = self.indexes();
        let mut crossings = 0;
        for column in &self.columns {
            let mut passed: Vec<i64> = Vec::new();
            for point in column {
                let mut ends: Vec<i64> =
                    self.after.get(*point).into_iter().flatten().map(|to| get(&indexes, *to)).collect();
                crossings += ends.iter().map(|end| passed.iter().filter(|other| *other > end).count()).sum::<usize>();
                passed.append(&mut ends);
            }
        }
        crossings
    }

    /// A row for each point: near its neighbours, in the order of its column. Empty rows are removed.
    fn rows(&self) -> Vec<usize> {
        let mut rows = self.indexes();
        for sweep in 0..SWEEPS {
            let forwards = sweep % 2 == 1;
            for step in 0..self.columns.len() {
                let column = if forwards { step } else { self.columns.len() - 1 - step };
                let neighbours = if forwards { &self.before } else { &self.after };
                let points = self.columns.get(column).map_or(&[][..], Vec::as_slice);
                for (point, row) in points.iter().zip(self.settle(points, neighbours, &rows)) {
                    put(&mut rows, *point, row);
                }
            }
        }
        let mut used = rows.clone();
        used.sort_unstable();
        used.dedup();
        rows.iter().map(|row| used.binary_search(row).unwrap_or_default()).collect()
    }

    /// The rows of a column: as near as possible to the means of the neighbours' rows, and at least one apart (an
    /// isotonic regression by the pool adjacent violators algorithm).
    fn settle(&self, points: &[usize], neighbours: &[Vec<usize>], rows: &[i64]) -> Vec<i64> {
        let mut pools: Vec<(i64, i64)> = Vec::new();
        for (index, point) in (0..).zip(points) {
            let near = neighbours.get(*point).map_or(&[][..], Vec::as_slice);
            let wished = mean(near.iter().map(|other| get(rows, *other))).unwrap_or_else(|| get(rows, *point) * FINE);
            let mut pool = (wished - index * FINE, 1);
            while let Some(above) = pools.pop_if(|above| above.0 * pool.1 > pool.0 * above.1) {
                pool = (pool.0 + above.0, pool.1 + above.1);
            }
            pools.push(pool);
        }
        let row = |(sum, count): (i64, i64)| (sum + count * FINE / 2).div_euclid(count * FINE);
        let pooled = pools.into_iter().flat_map(|pool| (0..pool.1).map(move |_| row(pool)));
        pooled.zip(0..).map(|(row, index)| row + index).collect()
    }
}

/// The mean, in parts of `FINE`.
fn mean(values: impl Iterator<Item = i64>) -> Option<i64> {
    let (sum, count) = values.fold((0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| (sum * FINE).div_euclid(count))
}

fn longest_paths(cells: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut columns = vec![0; cells];
    for _ in 0..cells {
        for (from, to) in edges {
            let least = get(&columns, *from) + 1;
            if get(&columns, *to) < least {
                put(&mut columns, *to, least);
            }
        }
    }
    columns
}

pub(super) fn get<T: Copy + Default>(list: &[T], index: usize) -> T {
    list.get(index).copied().unwrap_or_default()
}

pub(super) fn put<T>(list: &mut [T], index: usize, value: T) {
    if let Some(old) = list.get_mut(index) {
        *old = value;
    }
}

fn push<T>(lists: &mut [Vec<T>], index: usize, value: T) {
    if let Some(list) = lists.get_mut(index) {
        list.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_one_row() {
        let grid = Grid::of(4, &[(0, 1), (1, 2), (2, 3)]);
        assert_eq!((grid.columns, grid.rows), (4, 1));
        assert_eq!(grid.cells.iter().map(|position| position.column).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn parallel_cells_have_different_rows() {
        let grid = Grid::of(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        assert_eq!((grid.columns, grid.rows), (3, 2));
        assert_ne!(grid.cells[1].row, grid.cells[2].row);
    }

    #[test]
    fn an_edge_has_its_own_position_in_a_passed_column() {
        let grid = Grid::of(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        let long = grid.routes.last().unwrap();
        assert_eq!(long.iter().map(|position| position.column).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(grid.cells[1..3].iter().all(|cell| !long.contains(cell)));
    }

    #[test]
    fn avoidable_crossings_are_removed() {
        let crossed = [(0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 5)];
        let (mut points, _) = Points::of(6, &crossed);
        assert_eq!(points.crossings(), 1);
        points.order();
        assert_eq!(points.crossings(), 0);
    }
}
