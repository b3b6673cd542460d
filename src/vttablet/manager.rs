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
use sim::mysql::replica_status::ReplicaStatus;
use sim::mysqld;
use sim::sql::ast::Statement;
use sim::world::Process;

use super::{QueryError, State, Tablet, errors};
use crate::history::{self, Event};
use crate::key::Code;
use crate::rpc::{
    DemotePrimary, ExecuteFetchAsDba, PopulateReparentJournal, PrimaryPosition, PromoteReplica,
    ReadReparentJournalInfo, SetReplicationSource, StartReplication, Status, StopReplication,
    StopReplicationAndGetStatus, UndoDemotePrimary, VReplicationExec, WaitForPosition,
};
use crate::topo::{self, Alias, Change, TabletRecord, TabletType};

/// How long an operator's step may take.
const REMOTE_OPERATION: Duration = Duration::from_secs(15);

/// What a server says that has no source.
pub const NOT_REPLICA: &str = "no replication status";

const JOURNAL: &str = "create table if not exists _vt.reparent_journal (time_created_ns bigint unsigned not null, action_name varbinary(250) not null, primary_alias varbinary(32) not null, replication_position varbinary(64000) default null, primary key (time_created_ns))";

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
        async move { tablet.wait_for(process, wait.position.clone(), wait.timeout).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<StopReplicationAndGetStatus>| {
        let tablet = Rc::clone(&this);
        async move { tablet.stop_replication(process).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<StopReplication>| {
        let tablet = Rc::clone(&this);
        async move {
            let stop = mysqld::StopReplica { io: true, sql: true };
            let stopped = process.call(tablet.mysqld, stop).within(REMOTE_OPERATION).await;
            stopped.map_err(|_| errors::server_gone())
        }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<StartReplication>| {
        let tablet = Rc::clone(&this);
        async move {
            let start = mysqld::StartReplica { io: true, sql: true };
            let started = process.call(tablet.mysqld, start).within(REMOTE_OPERATION).await;
            let started = started.map_err(|_| errors::server_gone())?;
            started.map_err(|error| errors::plain(&error))
        }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, demote: Rc<DemotePrimary>| {
        let tablet = Rc::clone(&this);
        async move { tablet.demote(process, demote.force).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, undo: Rc<UndoDemotePrimary>| {
        let tablet = Rc::clone(&this);
        async move {
            tablet.set_semi_sync(process, TabletType::Primary, undo.semi_sync).await;
            tablet.set_read_only(process, false).await;
            tablet.set_state(State::Serving);
            Ok(())
        }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, promote: Rc<PromoteReplica>| {
        let tablet = Rc::clone(&this);
        async move { tablet.promote(process, promote.semi_sync).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, journal: Rc<PopulateReparentJournal>| {
        let tablet = Rc::clone(&this);
        async move { tablet.populate_journal(process, &journal).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<ReadReparentJournalInfo>| {
        let tablet = Rc::clone(&this);
        async move { tablet.journal_length(process).await }
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
        if result.is_ok() && defines_tables(statement) {
            self.reload_schema();
        }
        result.map_err(|error| match error {
            QueryError::Sql(sql) => errors::plain(&sql),
            QueryError::TimedOut | QueryError::Gone => errors::connection_lost(),
        })
    }

    async fn position(&self, process: Process) -> Result<GtidSet, Status> {
        let executed = process.call(self.mysqld, mysqld::Executed).within(REMOTE_OPERATION).await;
        executed.map_err(|_| errors::server_gone())
    }

    async fn wait_for(
        &self,
        process: Process,
        position: GtidSet,
        timeout: Duration,
    ) -> Result<(), Status> {
        let wait = mysqld::WaitExecuted(position);
        let waited = process.call(self.mysqld, wait).within(timeout).await;
        waited.map_err(|_| {
            let text = "timed out waiting for position";
            Status::new(Code::DeadlineExceeded, text)
        })
    }

    async fn stop_replication(&self, process: Process) -> Result<ReplicaStatus, Status> {
        let gone = |_| errors::server_gone();
        let show = mysqld::ShowReplicaStatus;
        let status =
            process.call(self.mysqld, show).within(REMOTE_OPERATION).await.map_err(gone)?;
        if status.source.is_none() {
            return Err(Status::new(Code::Unknown, NOT_REPLICA));
        }
        let stop = mysqld::StopReplica { io: true, sql: false };
        process.call(self.mysqld, stop).within(REMOTE_OPERATION).await.map_err(gone)?;
        let show = mysqld::ShowReplicaStatus;
        process.call(self.mysqld, show).within(REMOTE_OPERATION).await.map_err(gone)
    }

    async fn demote(&self, process: Process, force: bool) -> Result<GtidSet, Status> {
        if self.kind.get() == TabletType::Primary {
            self.set_state(State::ShuttingDown);
            self.close_reserved(process);
            self.drain(process).await;
            self.set_state(State::NotServing);
            self.end_all(process, "pool closed").await;
        }
        self.unblock(process, force).await?;
        self.set_read_only(process, true).await;
        let topo = process.call(self.addresses.topo(), topo::Read).within(REMOTE_OPERATION).await;
        let policy =
            topo.map_or_else(|_| Default::default(), |topo| topo.durability_policy(&self.keyspace));
        self.set_semi_sync(process, TabletType::Replica, 0 < policy.ackers()).await;
        self.position(process).await
    }

    /// read_only cannot be set while a commit waits for its acknowledgment. Forced, the wait is
    /// ended and the commit is done, here and perhaps nowhere else.
    async fn unblock(&self, process: Process, force: bool) -> Result<(), Status> {
        let waiters =
            || process.call(self.mysqld, mysqld::SemiSyncWaiters).within(REMOTE_OPERATION);
        if force {
            return match waiters().await {
                Ok(0) => Ok(()),
                _ => {
                    let off = mysqld::SetSemiSync { source: false, replica: true };
                    let set = process.call(self.mysqld, off).within(REMOTE_OPERATION).await;
                    set.map_err(|_| errors::server_gone())
                }
            };
        }
        let limit = Some(REMOTE_OPERATION);
        let unblocked = process.limit(limit, async {
            loop {
                match waiters().await {
                    Ok(0) => return Ok(()),
                    Ok(_) => process.sleep(Duration::from_millis(100)).await,
                    Err(_) => return Err(errors::server_gone()),
                }
            }
        });
        unblocked.await.unwrap_or_else(|_| {
            let text = "timed out waiting for semi-sync to be unblocked";
            Err(Status::new(Code::DeadlineExceeded, text))
        })
    }

    async fn populate_journal(
        &self,
        process: Process,
        journal: &PopulateReparentJournal,
    ) -> Result<(), Status> {
        let PopulateReparentJournal { action, primary, position } = journal;
        if self.journal_length(process).await? == 0 {
            self.execute_text(process, JOURNAL).await?;
        }
        let created = process.now().as_nanosecond();
        let position = position.encode_position();
        let insert = format!(
            "insert into _vt.reparent_journal (time_created_ns, action_name, primary_alias, replication_position) values ({created}, '{action}', '{primary}', '{position}')"
        );
        self.execute_text(process, &insert).await.map(|_| ())
    }

    async fn journal_length(&self, process: Process) -> Result<usize, Status> {
        let count = "select time_created_ns from _vt.reparent_journal";
        match self.execute_text(process, count).await {
            Ok(outcome) => Ok(outcome.rows.len()),
            // It is made with the first reparent.
            Err(status) if status.code == Code::NotFound => Ok(0),
            Err(status) => Err(status),
        }
    }

    async fn execute_text(&self, process: Process, text: &str) -> Result<Outcome, Status> {
        let parsed = sim::sql::parse_once(text);
        let statement = parsed.map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        self.execute_as_dba(process, &statement).await
    }

    async fn promote(&self, process: Process, semi_sync: bool) -> Result<Timestamp, Status> {
        self.follow(process, None).await;
        self.set_semi_sync(process, TabletType::Primary, semi_sync).await;
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
        self.set_semi_sync(process, self.kind.get(), set.semi_sync).await;
        let Some(source) = self.addresses.mysqld(&set.source) else {
            let text = format!("no such tablet: {}", set.source);
            return Err(Status::new(Code::NotFound, text));
        };
        if let Err(status) = self.check_errant(process, &set.source).await {
            self.set_state(State::NotServing);
            self.follow(process, None).await;
            return Err(status);
        }
        self.follow(process, Some(source)).await;
        self.set_state(State::Serving);
        match &set.wait {
            Some(position) => self.wait_for(process, position.clone(), REMOTE_OPERATION).await,
            None => Ok(()),
        }
    }

    /// The tablet record says what a tablet is; topo is told before anybody is.
    pub(super) async fn change_type(
        &self,
        process: Process,
        kind: TabletType,
        term: Option<Timestamp>,
    ) {
        self.kind.set(kind);
        self.sequences.forget();
        self.reload_schema();
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

/// Whether a statement may change what tables there are or how they are defined.
pub(super) fn defines_tables(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::CreateTable(_)
            | Statement::AlterTable(_)
            | Statement::DropTable(_)
            | Statement::RenameTable(_)
            | Statement::CreateIndex(_)
            | Statement::DropIndex { .. }
    )
}
