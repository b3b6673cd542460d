//! An index's entries in the order of their keys, in pages as InnoDB keeps them.
//!
//! A page holds up to [`ROOM`] entries; the first keys of all pages stand in one list, in which a
//! search begins. A page that is full is split in the middle, or, where keys come in order, left
//! full behind. Pages are never empty. One level is enough for the sizes that a simulation has.
//!
//! It knows nothing of what it holds.

use std::ops::Bound;

use super::key::Key;

/// Entries that fit in a page.
const ROOM: usize = 64;

#[derive(Clone, Debug)]
pub struct Pages<V> {
    /// The first key of each page.
    firsts: Vec<Key>,
    pages: Vec<Page<V>>,
}

#[derive(Clone, Debug)]
struct Page<V> {
    keys: Vec<Key>,
    values: Vec<V>,
}

/// A place among the entries; good until one is put in or taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    page: usize,
    at: usize,
}

impl<V> Default for Pages<V> {
    fn default() -> Pages<V> {
        Pages { firsts: Vec::new(), pages: Vec::new() }
    }
}

impl<V> Pages<V> {
    /// The slot of a key, or the one that it would have.
    pub fn find(&self, key: &Key) -> Result<Slot, Slot> {
        let Some(last) = self.pages.len().checked_sub(1) else {
            return Err(Slot { page: 0, at: 0 });
        };
        // Keys come in order more often than not.
        let keys = &self.pages[last].keys;
        if keys.last().is_some_and(|end| end.is_before(key)) {
            return Err(Slot { page: last, at: keys.len() });
        }
        let page = self.firsts.partition_point(|first| !key.is_before(first)).saturating_sub(1);
        let keys = &self.pages[page].keys;
        let at = keys.partition_point(|own| own.is_before(key));
        let slot = Slot { page, at };
        if keys.get(at) == Some(key) { Ok(slot) } else { Err(slot) }
    }

    pub fn get(&self, key: &Key) -> Option<&V> {
        self.value(self.find(key).ok()?)
    }

    pub fn get_mut(&mut self, key: &Key) -> Option<&mut V> {
        self.value_mut(self.find(key).ok()?)
    }

    pub fn contains_key(&self, key: &Key) -> bool {
        self.find(key).is_ok()
    }

    /// The value in a slot that [`Pages::find`] has found.
    pub fn value(&self, slot: Slot) -> Option<&V> {
        self.pages.get(slot.page)?.values.get(slot.at)
    }

    pub fn value_mut(&mut self, slot: Slot) -> Option<&mut V> {
        self.pages.get_mut(slot.page)?.values.get_mut(slot.at)
    }

    /// Puts an entry into the slot that its key would have.
    pub fn insert_at(&mut self, slot: Slot, key: Key, value: V) {
        let slot = self.make_room(slot, &key);
        let page = &mut self.pages[slot.page];
        if slot.at == 0 {
            self.firsts[slot.page] = key.clone();
        }
        page.keys.insert(slot.at, key);
        page.values.insert(slot.at, value);
    }

    pub fn insert(&mut self, key: Key, value: V) {
        match self.find(&key) {
            Ok(slot) => self.pages[slot.page].values[slot.at] = value,
            Err(slot) => self.insert_at(slot, key, value),
        }
    }

    pub fn remove(&mut self, key: &Key) -> Option<V> {
        let Slot { page: number, at } = self.find(key).ok()?;
        let page = &mut self.pages[number];
        page.keys.remove(at);
        let value = page.values.remove(at);
        match page.keys.first() {
            None => {
                self.pages.remove(number);
                self.firsts.remove(number);
            }
            Some(first) => {
                if at == 0 {
                    self.firsts[number] = first.clone();
                }
                self.merge(number);
            }
        }
        Some(value)
    }

    /// The first entry at or behind a bound.
    pub fn first_from(&self, from: Bound<&Key>) -> Option<(&Key, &V)> {
        let slot = match from {
            Bound::Unbounded => Slot { page: 0, at: 0 },
            Bound::Included(key) => self.find(key).unwrap_or_else(|slot| slot),
            Bound::Excluded(key) => match self.find(key) {
                Ok(slot) => Slot { at: slot.at + 1, ..slot },
                Err(slot) => slot,
            },
        };
        self.entry(slot).or_else(|| self.entry(Slot { page: slot.page + 1, at: 0 }))
    }

    /// The last entry at or before a bound.
    pub fn last_to(&self, to: Bound<&Key>) -> Option<(&Key, &V)> {
        let end = match to {
            Bound::Unbounded => None,
            Bound::Included(key) => match self.find(key) {
                Ok(slot) => Some(Slot { at: slot.at + 1, ..slot }),
                Err(slot) => Some(slot),
            },
            Bound::Excluded(key) => Some(self.find(key).unwrap_or_else(|slot| slot)),
        };
        let (page, before) = match end {
            Some(slot) if 0 < slot.at => (slot.page, slot.at),
            Some(slot) => (slot.page.checked_sub(1)?, usize::MAX),
            None => (self.pages.len().checked_sub(1)?, usize::MAX),
        };
        let at = before.min(self.pages.get(page)?.keys.len()).checked_sub(1)?;
        self.entry(Slot { page, at })
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.pages.iter().flat_map(|page| page.keys.iter().zip(&page.values))
    }

    fn entry(&self, slot: Slot) -> Option<(&Key, &V)> {
        let page = self.pages.get(slot.page)?;
        Some((page.keys.get(slot.at)?, page.values.get(slot.at)?))
    }

    /// Splits a page that is full; the slot as it is then.
    fn make_room(&mut self, slot: Slot, key: &Key) -> Slot {
        let Slot { page: number, at } = slot;
        let is_last = number + 1 == self.pages.len();
        let Some(page) = self.pages.get_mut(number) else {
            // Most tables stay small: the first page grows as it needs to.
            return self.new_page(number, key, Page { keys: Vec::new(), values: Vec::new() });
        };
        if page.keys.len() < ROOM {
            return slot;
        }
        if is_last && at == ROOM {
            let (keys, values) = (Vec::with_capacity(ROOM), Vec::with_capacity(ROOM));
            return self.new_page(number + 1, key, Page { keys, values });
        }
        let half = ROOM / 2;
        let right = Page { keys: page.keys.split_off(half), values: page.values.split_off(half) };
        if let Some(first) = right.keys.first().cloned() {
            self.new_page(number + 1, &first, right);
        }
        if half < at { Slot { page: number + 1, at: at - half } } else { slot }
    }

    fn new_page(&mut self, number: usize, first: &Key, page: Page<V>) -> Slot {
        self.firsts.insert(number, first.clone());
        self.pages.insert(number, page);
        Slot { page: number, at: 0 }
    }

    /// Two neighbours that fill no half page together become one.
    fn merge(&mut self, number: usize) {
        let length = |number: usize| self.pages.get(number).map(|page| page.keys.len());
        let small = |left, right| length(left).zip(length(right)).is_some_and(|(l, r)| l + r <= 32);
        let left = match number.checked_sub(1) {
            Some(before) if small(before, number) => before,
            _ if small(number, number + 1) => number,
            _ => return,
        };
        let mut right = self.pages.remove(left + 1);
        self.firsts.remove(left + 1);
        self.pages[left].keys.append(&mut right.keys);
        self.pages[left].values.append(&mut right.values);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::collation::Collation;
    use crate::mysql::key::KeyBuilder;
    use crate::value::Value;

    fn key(number: i64) -> Key {
        let mut builder = KeyBuilder::new();
        builder.push(&Value::Int(number), Collation::Utf8mb4Bin, false);
        builder.finish()
    }

    fn check(pages: &Pages<i64>, model: &BTreeMap<Key, i64>, probe: &Key) {
        assert!(pages.iter().eq(model.iter()));
        assert!(pages.pages.iter().all(|page| !page.keys.is_empty() && page.keys.len() <= ROOM));
        let firsts = pages.pages.iter().filter_map(|page| page.keys.first());
        assert!(pages.firsts.iter().eq(firsts));
        assert_eq!(pages.get(probe), model.get(probe));
        for bound in [Bound::Included(probe), Bound::Excluded(probe), Bound::Unbounded] {
            let from = model.range::<Key, _>((bound, Bound::Unbounded)).next();
            assert_eq!(pages.first_from(bound), from);
            let to = model.range::<Key, _>((Bound::Unbounded, bound)).next_back();
            assert_eq!(pages.last_to(bound), to);
        }
    }

    proptest! {
        #[test]
        fn pages_are_an_ordered_map(
            start in 0..300i64,
            steps in proptest::collection::vec((0..400i64, 0..3u8), 0..400),
        ) {
            let (mut pages, mut model) = (Pages::default(), BTreeMap::new());
            for number in 0..start {
                pages.insert(key(number * 2), number);
                model.insert(key(number * 2), number);
            }
            for (number, what) in steps {
                let key = key(number);
                match what {
                    0 => {
                        pages.insert(key.clone(), number);
                        model.insert(key.clone(), number);
                    }
                    _ => prop_assert_eq!(pages.remove(&key), model.remove(&key)),
                }
                check(&pages, &model, &key);
            }
        }
    }
}
