//! A set of a statement's tables, by their numbers.
//!
//! It knows nothing of the tables.

use std::ops::BitOr;

/// Numbers below [`TableSet::CAPACITY`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableSet(u128);

impl TableSet {
    /// How many tables a statement may have; more are refused.
    pub const CAPACITY: u32 = 128;
    pub const EMPTY: TableSet = TableSet(0);

    pub fn one(number: u32) -> TableSet {
        assert!(number < TableSet::CAPACITY, "table number within capacity");
        TableSet(1 << number)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn contains(self, number: u32) -> bool {
        number < TableSet::CAPACITY && self.0 & (1 << number) != 0
    }

    /// Whether all of these are among the others.
    pub fn is_within(self, other: TableSet) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn overlaps(self, other: TableSet) -> bool {
        self.0 & other.0 != 0
    }

    pub fn without(self, other: TableSet) -> TableSet {
        TableSet(self.0 & !other.0)
    }

    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The lowest number.
    pub fn first(self) -> Option<u32> {
        (!self.is_empty()).then(|| self.0.trailing_zeros())
    }

    pub fn numbers(self) -> impl Iterator<Item = u32> {
        (0..TableSet::CAPACITY).filter(move |number| self.contains(*number))
    }
}

impl BitOr for TableSet {
    type Output = TableSet;

    fn bitor(self, other: TableSet) -> TableSet {
        TableSet(self.0 | other.0)
    }
}

impl FromIterator<TableSet> for TableSet {
    fn from_iter<I: IntoIterator<Item = TableSet>>(sets: I) -> TableSet {
        sets.into_iter().fold(TableSet::EMPTY, BitOr::bitor)
    }
}
