//! Metadata locks: a statement's right to a table's definition.
//!
//! Every statement takes a lock on the tables that it names and keeps it to the end of its
//! transaction; DDL needs the table alone. LOCK TABLES takes locks of its own kind that last until
//! UNLOCK TABLES. A pending exclusive request stops everybody else, which is why one open reader
//! and one ALTER stop a whole application.
//!
//! The locks of GET_LOCK() are metadata locks too, of names instead of tables: a cycle of both
//! kinds is found, and its lightest member dies.
//!
//! It knows nothing of rows. A cycle between metadata locks and row locks is seen by neither side,
//! as in MySQL: a timeout ends it.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::session::ConnectionId;

/// A table by database and name; a user-level lock's database is none.
pub type TablePath = (Arc<str>, Arc<str>);

/// The place of a user-level lock among the tables.
pub fn user_lock(name: &Arc<str>) -> TablePath {
    ("".into(), Arc::clone(name))
}

pub fn is_user_lock(path: &TablePath) -> bool {
    path.0.is_empty()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetadataMode {
    /// SELECT.
    Read,
    /// INSERT, UPDATE, DELETE, SELECT .. FOR UPDATE.
    Write,
    /// ALTER, to begin with: everybody may go on, but for another ALTER.
    Upgradable,
    /// LOCK TABLES .. READ.
    ReadOnly,
    /// ALTER while it copies rows.
    NoWrite,
    /// LOCK TABLES .. WRITE.
    NoReadWrite,
    /// DDL.
    Exclusive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    Transaction,
    /// Until UNLOCK TABLES.
    Explicit,
    /// Until RELEASE_LOCK() or the end of the session.
    User,
}

#[derive(Clone, Debug)]
struct Ticket {
    owner: ConnectionId,
    mode: MetadataMode,
    duration: Duration,
    waiting: bool,
}

/// A table's place in [`MetadataLocks`], which it keeps whatever becomes of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataId(usize);

#[derive(Debug, Default)]
pub struct MetadataLocks {
    ids: BTreeMap<TablePath, MetadataId>,
    tables: Vec<LockedTable>,
    /// Where each owner has tickets.
    owned: BTreeMap<ConnectionId, SmallVec<[MetadataId; 4]>>,
    woken: Vec<ConnectionId>,
}

#[derive(Debug)]
struct LockedTable {
    path: TablePath,
    tickets: Vec<Ticket>,
}

impl MetadataMode {
    fn conflicts(self, held: MetadataMode) -> bool {
        use MetadataMode::*;
        matches!(
            (self, held),
            (Exclusive | NoReadWrite, _)
                | (_, Exclusive | NoReadWrite)
                | (NoWrite, Write | Upgradable | NoWrite)
                | (Write | Upgradable, NoWrite)
                | (Upgradable, Upgradable)
                | (Write, ReadOnly)
                | (ReadOnly, Write)
        )
    }

    /// Does a request let a pending one of another session go first, however late that came?
    fn yields_to(self, pending: MetadataMode) -> bool {
        use MetadataMode::*;
        match self {
            Read => matches!(pending, NoReadWrite | Exclusive),
            Write => matches!(pending, NoWrite | NoReadWrite | Exclusive),
            ReadOnly => matches!(pending, Write | NoReadWrite | Exclusive),
            Upgradable | NoWrite | NoReadWrite => pending == Exclusive,
            Exclusive => false,
        }
    }

    /// A held lock that makes a request of this mode unnecessary.
    fn covers(self, wanted: MetadataMode) -> bool {
        use MetadataMode::*;
        self == wanted || self == Exclusive || (self, wanted) == (Write, Read)
    }

    /// LOCK TABLES .. WRITE and what is stronger: the session's own statements ask for nothing.
    fn excludes(self) -> bool {
        matches!(self, MetadataMode::Exclusive | MetadataMode::NoReadWrite)
    }

    /// Which of two in a cycle dies: data changes before definitions.
    fn weight(self) -> u8 {
        if self < MetadataMode::Upgradable { 25 } else { 100 }
    }
}

impl MetadataLocks {
    /// The place of a table, which need not exist.
    pub fn id_of(&mut self, path: &TablePath) -> MetadataId {
        if let Some(id) = self.ids.get(path) {
            return *id;
        }
        let id = MetadataId(self.tables.len());
        self.ids.insert(path.clone(), id);
        self.tables.push(LockedTable { path: path.clone(), tickets: Vec::new() });
        id
    }

    /// Would a request until the end of the transaction be granted at once?
    pub fn would_grant(&self, owner: ConnectionId, table: MetadataId, mode: MetadataMode) -> bool {
        !self.tickets(table).iter().any(|ticket| blocks(ticket, owner, mode))
    }

    /// True when granted; otherwise the owner waits.
    pub fn request(
        &mut self,
        owner: ConnectionId,
        table: MetadataId,
        mode: MetadataMode,
        duration: Duration,
    ) -> bool {
        let Some(locked) = self.tables.get_mut(table.0) else { return true };
        let tickets = &mut locked.tickets;
        let held = |ticket: &&Ticket| ticket.owner == owner && !ticket.waiting;
        // What LOCK TABLES holds serves the session's own statements.
        let covered = tickets.iter().filter(held).any(|ticket| {
            ticket.mode.covers(mode) && ticket.duration == duration
                || mode != MetadataMode::Exclusive
                    && ticket.duration == Duration::Explicit
                    && duration == Duration::Transaction
                    && (ticket.mode.excludes() || mode == MetadataMode::Read)
        });
        if covered {
            return true;
        }
        let blocked = tickets.iter().any(|ticket| blocks(ticket, owner, mode));
        tickets.push(Ticket { owner, mode, duration, waiting: blocked });
        let owned = self.owned.entry(owner).or_default();
        if !owned.contains(&table) {
            owned.push(table);
        }
        !blocked
    }

    pub fn is_waiting(&self, owner: ConnectionId) -> bool {
        self.wait_of(owner).is_some()
    }

    /// The table that the owner waits for, and how.
    pub fn wait_of(&self, owner: ConnectionId) -> Option<(&TablePath, MetadataMode)> {
        self.owned.get(&owner)?.iter().find_map(|id| {
            let locked = self.tables.get(id.0)?;
            let mut tickets = locked.tickets.iter();
            let ticket = tickets.find(|ticket| ticket.owner == owner && ticket.waiting)?;
            Some((&locked.path, ticket.mode))
        })
    }

    pub fn blockers(&self, owner: ConnectionId) -> Vec<ConnectionId> {
        let mut blockers = Vec::new();
        let Some((path, mode)) = self.wait_of(owner) else { return blockers };
        for ticket in self.ids.get(path).map_or(&[][..], |id| self.tickets(*id)) {
            if blocks(ticket, owner, mode) && !blockers.contains(&ticket.owner) {
                blockers.push(ticket.owner);
            }
        }
        blockers
    }

    /// The member of a cycle that dies: the lightest, and among equals the requester.
    pub fn victim(&self, cycle: &[ConnectionId], requester: ConnectionId) -> ConnectionId {
        let weight = |owner: &ConnectionId| match self.wait_of(*owner) {
            Some((path, _)) if is_user_lock(path) => 50,
            Some((_, mode)) => mode.weight(),
            None => 0,
        };
        let lightest = cycle.iter().copied().min_by_key(weight).unwrap_or(requester);
        if weight(&requester) <= weight(&lightest) { requester } else { lightest }
    }

    pub fn cancel_wait(&mut self, owner: ConnectionId) {
        self.retain(owner, |ticket| !ticket.waiting);
    }

    pub fn release(&mut self, owner: ConnectionId, duration: Duration) {
        self.retain(owner, |ticket| ticket.waiting || ticket.duration != duration);
    }

    /// Gives back the mode that a session has a table in, which keeps its weaker ones.
    pub fn downgrade(&mut self, owner: ConnectionId, table: &TablePath, mode: MetadataMode) {
        let Some(locked) = self.ids.get(table).and_then(|id| self.tables.get_mut(id.0)) else {
            return;
        };
        locked.tickets.retain(|ticket| ticket.owner != owner || ticket.mode != mode);
        grant(&mut locked.tickets, &mut self.woken);
    }

    /// Gives back a user-level lock.
    pub fn release_user_lock(&mut self, owner: ConnectionId, name: &Arc<str>) {
        self.downgrade(owner, &user_lock(name), MetadataMode::Exclusive);
    }

    /// Who has a user-level lock.
    pub fn user_lock_owner(&self, name: &Arc<str>) -> Option<ConnectionId> {
        let id = self.ids.get(&user_lock(name))?;
        self.tickets(*id).iter().find(|ticket| !ticket.waiting).map(|ticket| ticket.owner)
    }

    pub fn release_all(&mut self, owner: ConnectionId) {
        self.retain(owner, |_| false);
        self.owned.remove(&owner);
    }

    /// Who holds or waits for what, in words.
    pub fn report(
        &self,
    ) -> impl Iterator<Item = (&TablePath, ConnectionId, MetadataMode, Duration, bool)> {
        self.ids.iter().flat_map(|(table, id)| {
            self.tickets(*id).iter().map(move |ticket| {
                (table, ticket.owner, ticket.mode, ticket.duration, ticket.waiting)
            })
        })
    }

    pub fn take_woken(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.woken)
    }

    fn tickets(&self, table: MetadataId) -> &[Ticket] {
        self.tables.get(table.0).map_or(&[], |locked| &locked.tickets)
    }

    /// Gives back an owner's tickets but for some, table by table in the order of their names.
    fn retain(&mut self, owner: ConnectionId, keep: impl Fn(&Ticket) -> bool) {
        let Some(owned) = self.owned.get_mut(&owner) else { return };
        let tables = &mut self.tables;
        if 1 < owned.len() {
            owned.sort_by(|one, other| {
                let path = |id: &MetadataId| tables.get(id.0).map(|locked| &locked.path);
                path(one).cmp(&path(other))
            });
        }
        owned.retain(|id| {
            let Some(locked) = tables.get_mut(id.0) else { return false };
            let before = locked.tickets.len();
            locked.tickets.retain(|ticket| ticket.owner != owner || keep(ticket));
            if locked.tickets.len() < before {
                grant(&mut locked.tickets, &mut self.woken);
            }
            locked.tickets.iter().any(|ticket| ticket.owner == owner)
        });
    }
}

fn blocks(ticket: &Ticket, owner: ConnectionId, mode: MetadataMode) -> bool {
    let against = match ticket.waiting {
        true => mode.yields_to(ticket.mode),
        false => mode.conflicts(ticket.mode),
    };
    ticket.owner != owner && against
}

/// One pass in the order of arrival.
fn grant(tickets: &mut [Ticket], woken: &mut Vec<ConnectionId>) {
    for at in 0..tickets.len() {
        let (owner, mode) = (tickets[at].owner, tickets[at].mode);
        if tickets[at].waiting && !tickets.iter().any(|ticket| blocks(ticket, owner, mode)) {
            tickets[at].waiting = false;
            woken.push(owner);
        }
    }
}
