//! What belongs to the transactions that are running, in the order of their ids.
//!
//! Few run at a time, the youngest comes last, and each statement asks for its own: a short list
//! serves this better than a tree. It knows nothing of what it holds.

use super::transaction::TrxId;

#[derive(Debug)]
pub struct Active<V>(Vec<(TrxId, V)>);

impl<V> Default for Active<V> {
    fn default() -> Active<V> {
        Active(Vec::new())
    }
}

impl<V> Active<V> {
    pub fn get(&self, trx: &TrxId) -> Option<&V> {
        let at = self.find(*trx).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, trx: &TrxId) -> Option<&mut V> {
        let at = self.find(*trx).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    pub fn contains_key(&self, trx: &TrxId) -> bool {
        self.find(*trx).is_ok()
    }

    /// A transaction is new: it has nothing here yet.
    pub fn insert(&mut self, trx: TrxId, value: V) {
        let at = self.find(trx).unwrap_or_else(|at| at);
        self.0.insert(at, (trx, value));
    }

    pub fn remove(&mut self, trx: &TrxId) -> Option<V> {
        let at = self.find(*trx).ok()?;
        Some(self.0.remove(at).1)
    }

    pub fn keys(&self) -> impl Iterator<Item = &TrxId> {
        self.0.iter().map(|(trx, _)| trx)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where a transaction is, or would be.
    fn find(&self, trx: TrxId) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if *last == trx => Ok(self.0.len() - 1),
            Some((last, _)) if trx < *last => self.0.binary_search_by_key(&trx, |(own, _)| *own),
            _ => Err(self.0.len()),
        }
    }
}

impl<V: Default> Active<V> {
    pub fn get_or_default(&mut self, trx: TrxId) -> Option<&mut V> {
        let at = self.find(trx).unwrap_or_else(|at| {
            self.0.insert(at, (trx, V::default()));
            at
        });
        self.0.get_mut(at).map(|(_, value)| value)
    }
}
