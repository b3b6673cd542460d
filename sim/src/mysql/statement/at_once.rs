//! Statements that need no pause: those on one row that meet nobody, and the ends of transactions
//! that have nothing to log.

use std::sync::Arc;

use crate::mysql::engine::Engine;
use crate::mysql::execution::Run;
use crate::mysql::outcome::Outcome;
use crate::mysql::point::Ran;
use crate::mysql::session::ConnectionId;
use crate::sql::ast::{Begin, Statement};
use crate::sql_error::SqlError;
use crate::value::Binds;

/// What one step could do.
pub enum AtOnce {
    Done(Outcome),
    /// The change is made; its autocommit transaction is to be committed.
    Commit(Outcome),
    /// Nothing: the statement is for the general path.
    Nothing,
}

impl Engine {
    /// Runs a statement in one step, or leaves everything as it was.
    pub fn at_once(
        &mut self,
        connection: ConnectionId,
        statement: &Arc<Statement>,
        binds: &Arc<Binds>,
        now: jiff::Timestamp,
    ) -> AtOnce {
        match &**statement {
            Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) => {
                let point = self.point_of(connection, statement);
                match point.and_then(|point| point.run(self, connection, binds, now)) {
                    Some(Ran::Done(outcome)) => self.told(connection, outcome),
                    Some(Ran::Commit(outcome)) => AtOnce::Commit(outcome),
                    None => AtOnce::Nothing,
                }
            }
            Statement::Begin(begin) => self.begin_at_once(connection, begin, now),
            Statement::Commit => self.commit_at_once(connection),
            _ => AtOnce::Nothing,
        }
    }

    fn begin_at_once(
        &mut self,
        connection: ConnectionId,
        begin: &Begin,
        now: jiff::Timestamp,
    ) -> AtOnce {
        let session = self.sessions.get(&connection);
        let plain = !begin.consistent_snapshot
            && session.is_some_and(|s| s.transaction.is_none() && s.locked_tables.is_none());
        let trx = if plain { self.session_transaction(connection, now) } else { None };
        let Some(trx) = trx else { return AtOnce::Nothing };
        let transaction = self.transaction_mut(trx);
        transaction.explicit = true;
        transaction.read_only = begin.read_only == Some(true);
        self.told(connection, Outcome::default())
    }

    fn commit_at_once(&mut self, connection: ConnectionId) -> AtOnce {
        let trx = self.sessions.get(&connection).and_then(|session| session.transaction);
        match trx {
            Some(trx) if self.has_changes(trx) => return AtOnce::Nothing,
            Some(trx) => self.commit(trx),
            None => {}
        }
        self.told(connection, Outcome::default())
    }

    fn told(&mut self, connection: ConnectionId, outcome: Outcome) -> AtOnce {
        if let Some(session) = self.sessions.get_mut(&connection) {
            if outcome.is_result_set() {
                session.found_rows = outcome.rows.len() as u64;
            }
            session.note(&outcome, true);
        }
        AtOnce::Done(outcome)
    }
}

/// Commits what a statement has changed at once.
pub(in crate::mysql) async fn commit(run: Run, outcome: Outcome) -> Result<Outcome, SqlError> {
    let committed = run.commit().await;
    run.session(|session| match &committed {
        Ok(()) => session.note(&outcome, true),
        Err(error) => session.note_error(error),
    })?;
    committed.map(|()| outcome)
}
