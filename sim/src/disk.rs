//! What survives a crash.
//!
//! A machine's disk holds logs: records in order, some of them synced. A program that dies leaves
//! everything that it wrote; a machine that loses power keeps what was synced, and of the rest a
//! prefix whose length is the Decider's (by default nothing). A sync takes time, and a fault can
//! make it slow or make it never answer.
//!
//! It knows nothing of what a record means. State that is not a log (an InnoDB server) is kept as
//! a [`Stored`] that says for itself what a power loss leaves of it.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::clock::Nanos;

/// Something on a disk that knows what a power loss leaves of it.
pub trait Stored: Any {
    /// Number of records that are written but not synced.
    fn unsynced(&self) -> usize;

    /// Keeps what was synced and `torn` of the records behind it.
    fn lose(&mut self, torn: usize);

    /// From now on a sync is answered and nothing is on the disk; or what was answered is there.
    fn lie(&mut self, lies: bool);

    /// A power loss shows it: what was answered since the disk began to lie was never synced.
    fn own_up(&mut self);
}

/// An append-only file of records.
#[derive(Debug)]
pub struct Log<T> {
    records: Vec<T>,
    synced: usize,
    /// What is really on the disk, while that lies.
    really: Option<usize>,
}

impl<T> Default for Log<T> {
    fn default() -> Log<T> {
        Log { records: Vec::new(), synced: 0, really: None }
    }
}

impl<T> Log<T> {
    pub fn append(&mut self, record: T) {
        self.records.push(record);
    }

    /// All that was written and is not lost.
    pub fn records(&self) -> &[T] {
        &self.records
    }

    /// Number of records that survive a power loss.
    pub fn synced(&self) -> usize {
        self.synced
    }

    /// To be called when the disk has answered a sync that began with `written` records.
    pub fn mark_synced(&mut self, written: usize) {
        self.synced = self.synced.max(written.min(self.records.len()));
    }
}

impl<T: 'static> Stored for Log<T> {
    fn unsynced(&self) -> usize {
        self.records.len() - self.synced
    }

    fn lose(&mut self, torn: usize) {
        self.records.truncate(self.synced.saturating_add(torn));
        self.synced = self.records.len();
        self.really = self.really.map(|_| self.synced);
    }

    fn lie(&mut self, lies: bool) {
        self.really = lies.then(|| self.really.unwrap_or(self.synced));
    }

    fn own_up(&mut self) {
        self.synced = self.really.unwrap_or(self.synced);
    }
}

/// How a disk answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskState {
    Sound,
    /// Syncs take this much longer.
    Slow(Nanos),
    /// Syncs never answer.
    Silent,
    /// Nothing more can be written; what is written can be synced.
    Full,
    /// Syncs fail, and what was not synced is gone.
    Failing,
    /// The next sync fails, and the disk is sound again: what it dropped is gone all the same.
    FailsOnce,
    /// Syncs answer, and nothing is on the disk.
    Lying,
}

/// A sync has failed: EIO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncFailed;

/// One machine's disk.
pub(crate) struct Disk {
    pub state: DiskState,
    files: BTreeMap<String, Rc<dyn Erased>>,
}

impl Disk {
    pub fn new() -> Disk {
        Disk { state: DiskState::Sound, files: BTreeMap::new() }
    }

    /// The file of this name, made by `make` if there is none. None if the name is taken by a file
    /// of another type.
    pub fn open<T: Stored>(
        &mut self,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Option<Rc<RefCell<T>>> {
        let file = self
            .files
            .entry(name.to_owned())
            .or_insert_with(|| Rc::new(RefCell::new(make())) as Rc<dyn Erased>);
        Rc::clone(file).any().downcast::<RefCell<T>>().ok()
    }

    /// All files, in the order of their names.
    pub fn files(&self) -> Vec<(String, Rc<dyn Erased>)> {
        self.files.iter().map(|(name, file)| (name.clone(), Rc::clone(file))).collect()
    }
}

/// A file whose type is forgotten.
pub(crate) trait Erased {
    fn any(self: Rc<Self>) -> Rc<dyn Any>;
    fn unsynced(&self) -> usize;
    fn lose(&self, torn: usize);
    fn lie(&self, lies: bool);
    fn own_up(&self);
}

impl<T: Stored> Erased for RefCell<T> {
    fn any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }

    fn unsynced(&self) -> usize {
        self.borrow().unsynced()
    }

    fn lose(&self, torn: usize) {
        self.borrow_mut().lose(torn);
    }

    fn lie(&self, lies: bool) {
        self.borrow_mut().lie(lies);
    }

    fn own_up(&self) {
        self.borrow_mut().own_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_loss_keeps_what_was_synced_and_a_torn_tail() {
        let mut log = Log::default();
        (1..=5).for_each(|record| log.append(record));
        log.mark_synced(2);
        assert_eq!(log.unsynced(), 3);
        log.lose(1);
        assert_eq!((log.records(), log.synced()), (&[1, 2, 3][..], 3));
        log.lose(7);
        assert_eq!(log.records(), [1, 2, 3]);
    }

    #[test]
    fn what_a_lying_disk_answered_is_lost() {
        let mut log = Log::default();
        (1..=5).for_each(|record| log.append(record));
        log.mark_synced(2);
        log.lie(true);
        log.mark_synced(4);
        log.own_up();
        log.lose(0);
        assert_eq!(log.records(), [1, 2]);
        log.append(6);
        log.mark_synced(3);
        log.lie(false);
        log.own_up();
        log.lose(0);
        assert_eq!(log.records(), [1, 2, 6]);
    }

    #[test]
    fn a_file_keeps_its_type() {
        let mut disk = Disk::new();
        let file = disk.open("redo", Log::<u32>::default).expect("a new file");
        file.borrow_mut().append(7);
        let again = disk.open("redo", Log::<u32>::default).expect("the same file");
        assert_eq!(again.borrow().records(), [7]);
        assert!(disk.open("redo", Log::<u64>::default).is_none());
    }
}
