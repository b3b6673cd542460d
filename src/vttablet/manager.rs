//! What an operator asks of a tablet (`go/vt/vttablet/tabletmanager`).
//!
//! Reparents are made of these steps (vtctl drives them): a primary is demoted, which ends its
//! query service after a grace period and makes its server read-only; a replica that has caught up
//! is promoted; the others follow it. The VReplication engine opens and closes with the tablet's
//! type.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sim::mysql::gtid::GtidSet;
use sim::mysql::outcome::Outcome;
use sim::mysqld;
use sim::sql::ast::Statement;
use sim::world::Process;

use super::{QueryError, State, Tablet, errors};
use crate::history::{self, Event};
use crate::key::Code;
use crate::rpc::{
    DemotePrimary, ExecuteFetchAsDba, PrimaryPosition, PromoteReplica, SetReplicationSource,
    Status, UndoDemotePrimary, VReplicationExec, WaitForPosition,
};
use crate::topo::{self, Alias, Change, TabletRecord, TabletType};

/// How long an operator's step may take.
const REMOTE_OPERATION: Duration = Duration::from_secs(15);

pub(super) fn serve(tablet: &Rc<Tablet>, process: Process) {
    let this = Rc::clone(tablet);
    process.serve(move |process, dba: Rc<ExecuteFetchAsDba>| {
        let tablet = Rc::clone(&this);
        async move { tablet.execute_as_dba(process, &dba.statement).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, exec: Rc<VReplicationExec>| {
        let tablet = Rc::clone(&this);
        async move { tablet.engine.exec(process, &exec.query).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<PrimaryPosition>| {
        let tablet = Rc::clone(&this);
        async move { tablet.position(process).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, wait: Rc<WaitForPosition>| {
        let tablet = Rc::clone(&this);
        async move { tablet.wait_for(process, wait.0.clone()).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<DemotePrimary>| {
        let tablet = Rc::clone(&this);
        async move { tablet.demote(process).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<UndoDemotePrimary>| {
        let tablet = Rc::clone(&this);
        async move {
            tablet.set_read_only(process, false).await;
            tablet.set_state(State::Serving);
            Ok(())
        }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<PromoteReplica>| {
        let tablet = Rc::clone(&this);
        async move { tablet.promote(process).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, set: Rc<SetReplicationSource>| {
        let tablet = Rc::clone(&this);
        async move { tablet.set_source(process, &set).await }
    });
}

impl Tablet {
    async fn execute_as_dba(
        &self,
        process: Process,
        statement: &Arc<Statement>,
    ) -> Result<Outcome, Status> {
        let connection = self.connect(process, "dba").await?;
        let result = self
            .query(process, connection, statement, &Arc::default(), self.options.query_timeout)
            .await;
        process.send(self.mysqld, mysqld::Quit { connection });
        result.map_err(|error| match error {
            QueryError::Sql(sql) => errors::plain(&sql),
            QueryError::TimedOut | QueryError::Gone => errors::connection_lost(),
        })
    }

    async fn position(&self, process: Process) -> Result<GtidSet, Status> {
        let executed = process.call(self.mysqld, mysqld::Executed).within(REMOTE_OPERATION).await;
        executed.map_err(|_| errors::server_gone())
    }

    async fn wait_for(&self, process: Process, position: GtidSet) -> Result<(), Status> {
        let wait = mysqld::WaitExecuted(position);
        let waited = process.call(self.mysqld, wait).within(REMOTE_OPERATION).await;
        waited.map_err(|_| {
            let text = "timed out waiting for position";
            Status::new(Code::DeadlineExceeded, text)
        })
    }

    async fn demote(&self, process: Process) -> Result<GtidSet, Status> {
        if self.kind.get() != TabletType::Primary {
            let text = format!("tablet {} is not a primary", self.alias);
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        self.set_state(State::ShuttingDown);
        self.drain(process).await;
        self.set_state(State::NotServing);
        self.end_all(process, "pool closed").await;
        self.set_read_only(process, true).await;
        self.position(process).await
    }

    async fn promote(&self, process: Process) -> Result<Timestamp, Status> {
        self.follow(process, None).await;
        self.set_read_only(process, false).await;
        let now = process.now();
        self.change_type(process, TabletType::Primary, Some(now)).await;
        history::emit(Event::Promoted {
            keyspace: Rc::clone(&self.keyspace),
            shard: Rc::clone(&self.shard),
            tablet: self.alias.clone(),
        });
        self.set_state(State::Serving);
        self.engine.open(process).await;
        Ok(now)
    }

    async fn set_source(&self, process: Process, set: &SetReplicationSource) -> Result<(), Status> {
        if self.kind.get() == TabletType::Primary {
            self.engine.close(process).await;
            self.change_type(process, TabletType::Replica, None).await;
        }
        self.set_read_only(process, true).await;
        let Some(source) = self.addresses.mysqld(&set.source) else {
            let text = format!("no such tablet: {}", set.source);
            return Err(Status::new(Code::NotFound, text));
        };
        self.follow(process, Some(source)).await;
        self.set_state(State::Serving);
        match &set.wait {
            Some(position) => self.wait_for(process, position.clone()).await,
            None => Ok(()),
        }
    }

    /// The tablet record says what a tablet is; topo is told before anybody is.
    async fn change_type(&self, process: Process, kind: TabletType, term: Option<Timestamp>) {
        self.kind.set(kind);
        self.term_start.set(term);
        let topo = self.addresses.topo();
        let Ok(read) = process.call(topo, topo::Read).within(REMOTE_OPERATION).await else {
            return;
        };
        let Some(record) = read.tablets.get(&self.alias).cloned() else { return };
        let record = TabletRecord { kind, term_start: term, ..record };
        let mut changes = vec![Change::Tablet(record)];
        if let Some(term_start) = term {
            changes.push(Change::ShardPrimary {
                keyspace: Rc::clone(&self.keyspace),
                shard: Rc::clone(&self.shard),
                primary: self.alias.clone(),
                term_start,
            });
        }
        let _ = process.call(topo, topo::Write(changes)).within(REMOTE_OPERATION).await;
        self.health_changed.raise();
    }

    pub fn alias(&self) -> &Alias {
        &self.alias
    }
}
