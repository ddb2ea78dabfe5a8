//! Between two columns lines change rows, each spot's lines on a track of its own, so that lines which have nothing to do
//! with each other never lie on top of each other.

use std::collections::{BTreeMap, BTreeSet};

use super::grid::Grid;

/// For each column, in which order the tracks behind it serve its rows.
pub(super) struct Tracks(Vec<Vec<usize>>);

/// Where the lines of one row lead to.
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
    /// How many tracks there are behind each column.
    pub(super) fn counts(&self) -> impl Iterator<Item = i32> {
        self.0.iter().map(|tracks| i32::try_from(tracks.len()).unwrap_or(i32::MAX))
    }

    /// Which of the tracks behind a column the lines from a row take.
    pub(super) fn of(&self, column: usize, row: usize) -> Option<usize> {
        self.0.get(column)?.iter().position(|other| *other == row)
    }
}

/// A line that leaves its row does so before another one comes to that row; where that can't be for all of them, it is
/// for most.
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
    fn a_row_is_left_before_it_is_entered() {
        let ends = |list: &[(usize, &[usize])]| -> Ends {
            list.iter().map(|(row, ends)| (*row, ends.iter().copied().collect())).collect()
        };
        assert_eq!(order(ends(&[(0, &[1]), (1, &[2]), (2, &[3])])), [2, 1, 0]);
        assert_eq!(order(ends(&[(0, &[0])])), Vec::<usize>::new());
        assert_eq!(order(ends(&[(0, &[1]), (1, &[0])])).len(), 2);
    }
}
