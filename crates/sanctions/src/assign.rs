//! Optimal assignment (Kuhn-Munkres with potentials, O(n²m)), for the handful of words in a name.

/// Pairs rows with columns so that the total gain is the largest possible.
///
/// `gain` has one row per element, all of one length; the answer holds each row's column, or
/// nothing where the row gains nothing. Ties go to the smaller column.
pub(super) fn best_pairs(gain: &[Vec<u32>]) -> Vec<Option<usize>> {
    let rows = gain.len();
    let columns = gain.first().map_or(0, Vec::len);
    if columns == 0 {
        return vec![None; rows];
    }
    if rows > columns {
        return invert(&best_pairs(&transpose(gain)), rows);
    }
    let row_of = hungarian(gain, rows, columns);
    let mut column_of = vec![None; rows];
    for (column, &row) in row_of.iter().enumerate().skip(1) {
        if row > 0 && gain[row - 1][column - 1] > 0 {
            column_of[row - 1] = Some(column - 1);
        }
    }
    column_of
}

/// For each column counted from one, its row counted from one, or zero. Needs `rows <= columns`.
fn hungarian(gain: &[Vec<u32>], rows: usize, columns: usize) -> Vec<usize> {
    let cost = |row: usize, column: usize| -i64::from(gain[row - 1][column - 1]);
    let (mut u, mut v) = (vec![0_i64; rows + 1], vec![0_i64; columns + 1]);
    let mut row_of = vec![0_usize; columns + 1];
    let mut way = vec![0_usize; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut at = 0;
        let mut least = vec![i64::MAX; columns + 1];
        let mut used = vec![false; columns + 1];
        while row_of[at] != 0 {
            used[at] = true;
            let (from, mut delta, mut next) = (row_of[at], i64::MAX, 0);
            for column in (1..=columns).filter(|&column| !used[column]) {
                let slack = cost(from, column) - u[from] - v[column];
                if slack < least[column] {
                    (least[column], way[column]) = (slack, at);
                }
                if least[column] < delta {
                    (delta, next) = (least[column], column);
                }
            }
            for column in 0..=columns {
                if used[column] {
                    u[row_of[column]] += delta;
                    v[column] -= delta;
                } else if least[column] != i64::MAX {
                    least[column] -= delta;
                }
            }
            at = next;
        }
        while at != 0 {
            row_of[at] = row_of[way[at]];
            at = way[at];
        }
    }
    row_of
}

fn transpose(gain: &[Vec<u32>]) -> Vec<Vec<u32>> {
    (0..gain[0].len())
        .map(|column| gain.iter().map(|row| row[column]).collect())
        .collect()
}

fn invert(pairs: &[Option<usize>], len: usize) -> Vec<Option<usize>> {
    let mut out = vec![None; len];
    for (column, row) in pairs.iter().enumerate() {
        if let Some(row) = row {
            out[*row] = Some(column);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn total(gain: &[Vec<u32>], pairs: &[Option<usize>]) -> u32 {
        pairs
            .iter()
            .enumerate()
            .map(|(row, column)| column.map_or(0, |c| gain[row][c]))
            .sum()
    }

    fn brute_force(gain: &[Vec<u32>], row: usize, used: u32) -> u32 {
        let Some(gains) = gain.get(row) else { return 0 };
        let skip = brute_force(gain, row + 1, used);
        (0..gains.len())
            .filter(|column| used & (1 << column) == 0)
            .map(|column| gains[column] + brute_force(gain, row + 1, used | 1 << column))
            .fold(skip, u32::max)
    }

    proptest! {
        #[test]
        fn no_assignment_gains_more(
            gain in (1_usize..5, 1_usize..5).prop_flat_map(|(rows, columns)| {
                prop::collection::vec(prop::collection::vec(0_u32..200, columns), rows)
            })
        ) {
            prop_assert_eq!(total(&gain, &best_pairs(&gain)), brute_force(&gain, 0, 0));
        }
    }
}
