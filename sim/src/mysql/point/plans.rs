//! The plans that a server keeps: by statement, which must be the same tree in memory.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::Point;
use super::plan::plan;
use crate::mysql::engine::Engine;
use crate::mysql::session::ConnectionId;
use crate::sql::ast::Statement;

/// More statements than these are not remembered: a program that makes each anew gains nothing.
const MOST: usize = 1024;

#[derive(Default)]
pub struct Plans {
    by_address: BTreeMap<usize, Kept>,
    /// Rises with every definition.
    epoch: u64,
}

struct Kept {
    /// Keeps the address from being given to another.
    _statement: Arc<Statement>,
    epoch: u64,
    database: Option<Arc<str>>,
    /// None: seen once, or not of this kind.
    point: Option<Rc<Point>>,
    planned: bool,
}

impl Plans {
    /// Definitions have changed: what was planned is planned again.
    pub fn outdate(&mut self) {
        self.epoch += 1;
    }
}

impl Engine {
    /// The plan of a statement that comes for the second time, if it is of one row.
    pub(in crate::mysql) fn point_of(
        &mut self,
        connection: ConnectionId,
        statement: &Arc<Statement>,
    ) -> Option<Rc<Point>> {
        let address = Arc::as_ptr(statement) as usize;
        let session = self.sessions.get(&connection)?;
        if let Some(kept) = self.plans.by_address.get(&address)
            && kept.epoch == self.plans.epoch
            && same_name(&kept.database, &session.database)
            && kept.planned
        {
            return kept.point.clone();
        }
        let database = session.database.clone();
        let known = self.plans.by_address.contains_key(&address);
        let point = known.then(|| plan(self, database.as_ref(), statement).map(Rc::new)).flatten();
        if !known && MOST <= self.plans.by_address.len() {
            self.plans.by_address.clear();
        }
        let kept = Kept {
            _statement: statement.clone(),
            epoch: self.plans.epoch,
            database,
            point: point.clone(),
            planned: known,
        };
        self.plans.by_address.insert(address, kept);
        point
    }
}

/// Most sessions keep the very name that they began with.
fn same_name(one: &Option<Arc<str>>, other: &Option<Arc<str>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
        (one, other) => one.is_none() && other.is_none(),
    }
}
