//! Statements that need no pause but for a commit's syncs: those on one row that meet nobody, and
//! the ends of transactions.

use std::rc::Rc;
use std::sync::Arc;

use crate::mysql::engine::Engine;
use crate::mysql::error;
use crate::mysql::execution::{Run, SyncPoint};
use crate::mysql::outcome::Outcome;
use crate::mysql::point::{Point, Ran, Tried};
use crate::mysql::session::ConnectionId;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{Begin, Statement};
use crate::sql_error::SqlError;
use crate::value::Binds;

use super::commit::Commit;

/// What one step could do.
pub(in crate::mysql) enum AtOnce {
    Done(Result<Outcome, SqlError>),
    /// The change is made; it is being committed.
    Committing(Committing),
    /// An UPDATE of one row has asked for its lock and is to wait for it.
    Blocked(Rc<Point>),
    /// Nothing: the statement is for the general path.
    Nothing,
}

/// A statement that has nothing left to do but its commit.
pub struct Committing {
    commit: Commit,
    outcome: Outcome,
}

impl Engine {
    /// Runs a statement in one step, or leaves everything as it was.
    pub(in crate::mysql) fn at_once(
        &mut self,
        connection: ConnectionId,
        statement: &Arc<Statement>,
        binds: &Arc<Binds>,
        now: jiff::Timestamp,
    ) -> AtOnce {
        match &**statement {
            Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) => {
                let Some(point) = self.point_of(connection, statement) else {
                    return AtOnce::Nothing;
                };
                match point.run(self, connection, binds, now) {
                    Some(Ran::Done(outcome)) => self.told(connection, Ok(outcome)),
                    Some(Ran::Blocked) => AtOnce::Blocked(point),
                    Some(Ran::Commit(outcome)) => self.commit_at_once(connection, outcome, now),
                    None => AtOnce::Nothing,
                }
            }
            Statement::Begin(begin) => self.begin_at_once(connection, begin, now),
            Statement::Commit => self.commit_at_once(connection, Outcome::default(), now),
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
            && begin.read_only != Some(false)
            && session.is_some_and(|s| s.transaction.is_none() && s.locked_tables.is_none());
        let trx = if plain { self.session_transaction(connection, now) } else { None };
        let Some(trx) = trx else { return AtOnce::Nothing };
        let transaction = self.transaction_mut(trx);
        transaction.explicit = true;
        transaction.read_only = begin.read_only == Some(true);
        self.told(connection, Ok(Outcome::default()))
    }

    fn commit_at_once(
        &mut self,
        connection: ConnectionId,
        outcome: Outcome,
        now: jiff::Timestamp,
    ) -> AtOnce {
        let Some(session) = self.sessions.get(&connection) else { return AtOnce::Nothing };
        let Some(trx) = session.transaction else { return self.told(connection, Ok(outcome)) };
        match self.begin_commit(connection, trx, Vec::new(), now) {
            Ok(commit) => AtOnce::Committing(Committing { commit, outcome }),
            Err(error) => self.told(connection, Err(error)),
        }
    }

    /// Goes on to the commit's next sync, or to its end.
    pub fn go_on_committing(
        &mut self,
        connection: ConnectionId,
        committing: &mut Committing,
    ) -> Result<Result<Outcome, SqlError>, SyncPoint> {
        if let Some(point) = self.go_on(&mut committing.commit) {
            return Err(point);
        }
        let Some(session) = self.sessions.get_mut(&connection) else {
            return Ok(Err(error::interrupted()));
        };
        let outcome = std::mem::take(&mut committing.outcome);
        session.note(&outcome, true);
        Ok(Ok(outcome))
    }

    fn told(&mut self, connection: ConnectionId, result: Result<Outcome, SqlError>) -> AtOnce {
        if let Some(session) = self.sessions.get_mut(&connection) {
            match &result {
                Ok(outcome) => {
                    if outcome.is_result_set() {
                        session.found_rows = outcome.rows.len() as u64;
                    }
                    session.note(outcome, true);
                }
                Err(error) => session.note_error(error),
            }
        }
        AtOnce::Done(result)
    }
}

/// An UPDATE of one row that somebody has locked: it waits, and is planned already when it goes on.
pub(in crate::mysql) async fn wait(
    run: Run,
    statement: Arc<Statement>,
    point: Rc<Point>,
) -> Result<Outcome, SqlError> {
    let result = run.writing(|trx| run.update_when_free(&statement, &point, trx)).await;
    run.session(|session| match &result {
        Ok(outcome) => session.note(outcome, true),
        Err(error) => session.note_error(error),
    })?;
    result
}

impl Run {
    async fn update_when_free(
        &self,
        statement: &Statement,
        point: &Point,
        trx: TrxId,
    ) -> Result<Outcome, SqlError> {
        let connection = self.connection;
        loop {
            self.wait_for_lock(trx).await?;
            let tried =
                self.engine(|engine| point.update_again(engine, connection, trx, &self.binds));
            match tried {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::Wait => {}
                Tried::Other => break,
            }
        }
        let Statement::Update(update) = statement else { return Ok(Outcome::default()) };
        Box::pin(self.update(update, trx)).await
    }
}
