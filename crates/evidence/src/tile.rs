//! Tiles (C2SP tlog-tiles): the tree cut into files of up to 256 hashes, the leaves into files of
//! up to 256 entries, each with one path for ever.

use thiserror::Error;

use crate::merkle::Hash;
use crate::merkle::NodeStore;

/// Hashes in a full tile, and entries in a full bundle.
pub const WIDTH_MAX: u16 = 256;

/// Levels of the tree in one tile.
const HEIGHT: u8 = 8;

/// Highest level of tiles: 64 levels of tree in steps of eight.
const LEVEL_MAX: u8 = 7;

/// One tile of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// Why something is not a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TileError {
    /// The level is above 7, the width not from 1 to 256, or the index beyond the largest tree.
    #[error("no tile has this level, index and width")]
    OutOfRange,
    /// The path is not that of a tile or entry bundle.
    #[error("path is not that of a tile")]
    Path,
    /// An entry is longer than the 65,535 bytes its length field can say.
    #[error("entry of {length} bytes does not fit a tile")]
    EntryTooLong {
        /// Bytes in the entry.
        length: usize,
    },
}

impl Tile {
    /// The tile number `index` of its level, of which `width` hashes exist.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        let leaves_log2 = u32::from(HEIGHT) * (u32::from(level) + 1);
        let fits = leaves_log2 >= u64::BITS || index >> (u64::BITS - leaves_log2) == 0;
        let in_reach = leaves_log2 < u64::BITS || index == 0;
        let width_fits = (1..=WIDTH_MAX).contains(&width);
        if level > LEVEL_MAX || !fits || !in_reach || !width_fits {
            return Err(TileError::OutOfRange);
        }
        Ok(Self {
            level,
            index,
            width,
        })
    }

    /// Every tile that must be written when a log grows from `old` to `new` leaves.
    pub fn added(old: u64, new: u64) -> Vec<Self> {
        let mut tiles = Vec::new();
        for level in 0..=LEVEL_MAX {
            let shift = u32::from(HEIGHT * level);
            let (old_hashes, new_hashes) = (old >> shift, new >> shift);
            if new_hashes <= old_hashes {
                break;
            }
            let width = u64::from(WIDTH_MAX);
            for index in old_hashes / width..new_hashes.div_ceil(width) {
                let hashes = (new_hashes - index * width).min(width) as u16;
                tiles.push(Self {
                    level,
                    index,
                    width: hashes,
                });
            }
        }
        tiles
    }

    /// Where it is published: `tile/1/x001/x234/067.p/8`.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, index_path(self.index, self.width))
    }

    /// Reads a path; each tile has one.
    pub fn from_path(path: &str) -> Result<Self, TileError> {
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let level = level.parse().map_err(|_| TileError::Path)?;
        let (index, width) = parse_index_path(rest)?;
        let tile = Self::new(level, index, width)?;
        match tile.path() == path {
            true => Ok(tile),
            false => Err(TileError::Path),
        }
    }

    /// The tile's bytes: its hashes, left to right.
    pub fn bytes<S: NodeStore + ?Sized>(&self, store: &S) -> Result<Vec<u8>, S::Error> {
        let mut bytes = Vec::with_capacity(usize::from(self.width) * size_of::<Hash>());
        let first = self.index * u64::from(WIDTH_MAX);
        for offset in 0..u64::from(self.width) {
            bytes.extend_from_slice(&store.node(self.level * HEIGHT, first + offset)?);
        }
        Ok(bytes)
    }
}

/// Where the bundle number `index` of log entries is published: `tile/entries/x001/067.p/8`.
pub fn entries_path(index: u64, width: u16) -> Result<String, TileError> {
    if !(1..=WIDTH_MAX).contains(&width) {
        return Err(TileError::OutOfRange);
    }
    Ok(format!("tile/entries/{}", index_path(index, width)))
}

/// Reads the path of an entry bundle: its index and width.
pub fn parse_entries_path(path: &str) -> Result<(u64, u16), TileError> {
    let rest = path.strip_prefix("tile/entries/").ok_or(TileError::Path)?;
    let (index, width) = parse_index_path(rest)?;
    match entries_path(index, width)? == path {
        true => Ok((index, width)),
        false => Err(TileError::Path),
    }
}

/// The bytes of an entry bundle: each leaf after its length in two bytes, high byte first.
pub fn entries_bytes<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, TileError> {
    let mut bytes = Vec::new();
    for leaf in leaves {
        let length = u16::try_from(leaf.len())
            .map_err(|_| TileError::EntryTooLong { length: leaf.len() })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(leaf);
    }
    Ok(bytes)
}

fn index_path(index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH_MAX {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

fn parse_index_path(path: &str) -> Result<(u64, u16), TileError> {
    let (digits, width) = match path.split_once(".p/") {
        Some((digits, width)) => (digits, width.parse().map_err(|_| TileError::Path)?),
        None => (path, WIDTH_MAX),
    };
    let mut index: u64 = 0;
    for group in digits.split('/') {
        let group: u64 = group
            .trim_start_matches('x')
            .parse()
            .map_err(|_| TileError::Path)?;
        let next = index
            .checked_mul(1000)
            .and_then(|index| index.checked_add(group));
        index = next.ok_or(TileError::Path)?;
    }
    Ok((index, width))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |level, index, width| Tile::new(level, index, width).unwrap().path();
        assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(1, 0, 5), "tile/1/000.p/5");
        assert_eq!(entries_path(1_067, 8).unwrap(), "tile/entries/x001/067.p/8");
    }

    #[test]
    fn other_spellings_of_a_path_are_refused() {
        for path in [
            "tile/0/67",
            "tile/00/067",
            "tile/0/x000/067",
            "tile/0/001/067",
            "tile/0/xx01/067",
            "tile/0/067.p/256",
            "tile/0/067.p/0",
            "tile/0/067.p/05",
            "tile/8/000",
            "tile/7/001",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/entries/000",
            "",
        ] {
            assert!(Tile::from_path(path).is_err(), "{path}");
        }
        assert_eq!(parse_entries_path("tile/entries/67"), Err(TileError::Path));
    }

    proptest! {
        #[test]
        fn paths_round_trip(index in 0..1u64 << 56, width in 1..=WIDTH_MAX) {
            let tile = Tile::new(0, index, width).unwrap();
            prop_assert_eq!(Tile::from_path(&tile.path()), Ok(tile));
            let path = entries_path(index, width).unwrap();
            prop_assert_eq!(parse_entries_path(&path), Ok((index, width)));
        }

        #[test]
        fn tiles_added_on_the_way_make_up_those_of_the_whole(size in 1u64..200_000, cut: prop::sample::Index) {
            let middle = cut.index(size as usize) as u64;
            let mut tiles = Tile::added(0, middle);
            tiles.extend(Tile::added(middle, size));
            let whole = Tile::added(0, size);
            prop_assert!(whole.iter().all(|tile| tiles.contains(tile)));
        }
    }
}
