//! Tracks between two columns, on which lines change rows: one track for each row, so that unrelated lines never
//! overlap.

use std::collections::{BTreeMap, BTreeSet};

use super::grid::Grid;

/// For each column, the rows served by the tracks after it, in order.
pub(super) struct Tracks(Vec<Vec<usize>>);

/// The target rows of the lines of each row.
type Ends = BTreeMap<usize, BTreeSet<usize>>;

pub(super) fn of(grid: &Grid) -> Tracks {
    let mut gaps = vec![Ends::new(); grid.columns];
    for link in grid.routes.iter().flat_map(|route| route.windows(2)) {
        if let [from, to] = link
            && let Some(gap) = gaps.get_mut(from.column)
        {
            gap.entry(from.row).or_default().insert(to.row);
        }
    }
    Tracks(gaps.into_iter().map(order).collect())
}

impl Tracks {
    /// The number of tracks after each column.
    pub(super) fn counts(&self) -> impl Iterator<Item = i32> {
        self.0.iter().map(|tracks| i32::try_from(tracks.len()).unwrap_or(i32::MAX))
    }

    /// The track after a column for the lines from a row.
    pub(super) fn of(&self, column: usize, row: usize) -> Option<usize> {
        self.0.get(column)?.iter().position(|other| *other == row)
    }
}

/// Orders the tracks so that a line leaves its row before another enters it, if possible.
fn order(mut ends: Ends) -> Vec<usize> {
    ends.retain(|row, ends| ends.iter().any(|end| end != row));
    let mut tracks = Vec::new();
    while let Some(first) = ends.keys().next().copied() {
        let stays = |row: &usize| ends.get(row).is_none_or(|ends| ends.contains(row));
        let free = |row: &usize| ends.get(row).is_some_and(|mine| mine.iter().all(|end| end == row || stays(end)));
        let next = ends.keys().copied().find(free).unwrap_or(first);
        ends.remove(&next);
        tracks.push(next);
    }
    tracks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_leaves_its_row_before_another_enters_it() {
        let ends = |list: &[(usize, &[usize])]| -> Ends {
            list.iter().map(|(row, ends)| (*row, ends.iter().copied().collect())).collect()
        };
        assert_eq!(order(ends(&[(0, &[1]), (1, &[2]), (2, &[3])])), [2, 1, 0]);
        assert_eq!(order(ends(&[(0, &[0])])), Vec::<usize>::new());
        assert_eq!(order(ends(&[(0, &[1]), (1, &[0])])).len(), 2);
    }
}
