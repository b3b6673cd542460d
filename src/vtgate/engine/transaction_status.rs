//! TransactionStatus: SHOW TRANSACTION STATUS, SHOW UNRESOLVED TRANSACTIONS.
//!
//! The shards' primaries keep the records of two-phase transactions; here, as where no vttablet has
//! `--twopc-enable`, each refuses to read them. See `engine/transaction_status.go`.

use std::rc::Rc;

use sim::mysql::outcome::Outcome;
use sim::wait::join_all;

use super::super::executor::Run;
use super::super::session::SessionTarget;
use super::super::tx_conn;
use crate::key::Code;
use crate::planner::table;
use crate::rpc::{ReadTransaction, Status, Target};
use crate::topo::TabletType;

impl Run {
    /// Of the transaction of this id; without one, of all that are unresolved in the keyspace.
    pub(super) async fn transaction_status(
        &self,
        id: &str,
        keyspace: &str,
    ) -> Result<Outcome, Status> {
        let (targets, dtid) = match id {
            "" => (self.all_targets(keyspace)?, None),
            id => (vec![manager_of(id)?], Some(id)),
        };
        let reads = targets.iter().map(|target| self.read_transaction(target, dtid));
        match tx_conn::aggregate(join_all(reads).await) {
            Some(status) => Err(status),
            None => Ok(table::outcome(&["id", "state", "record_time", "participants"], Vec::new())),
        }
    }

    fn all_targets(&self, keyspace: &str) -> Result<Vec<Target>, Status> {
        let SessionTarget { keyspace: own, kind, .. } = self.session.borrow().target.clone();
        // Of the session's keyspace where none is named.
        let keyspace = match (keyspace, &own) {
            ("", Some(own)) => own,
            (named, _) => named,
        };
        let shards = self.snapshot.shards(keyspace)?;
        let target = |name: &str| Target { keyspace: keyspace.into(), shard: name.into(), kind };
        Ok(shards.iter().map(|shard| target(&shard.name)).collect())
    }

    async fn read_transaction(&self, target: &Target, dtid: Option<&str>) -> Status {
        let read = ReadTransaction { target: target.clone(), dtid: dtid.map(Rc::from) };
        let (gate, process) = (&self.gate, self.process);
        let answer = gate.gateway.call_any(process, &gate.addresses, target, read).await;
        answer.unwrap_or_else(|status| status).wrap(format!("target: {target}"))
    }
}

/// The shard in a transaction's id, `keyspace:shard:number`, which keeps its record.
fn manager_of(dtid: &str) -> Result<Target, Status> {
    let wrong = |what: &str| {
        Err(Status::new(Code::InvalidArgument, format!("invalid {what} in dtid: {dtid}")))
    };
    let parts: Vec<&str> = dtid.split(':').collect();
    let [keyspace, shard, number] = parts[..] else { return wrong("parts") };
    match number.parse::<i64>() {
        Ok(_) => {
            let kind = TabletType::Primary;
            Ok(Target { keyspace: keyspace.into(), shard: shard.into(), kind })
        }
        Err(_) => wrong("transaction id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_shard() {
        let check = |dtid: &str, expected: &str| {
            let got = manager_of(dtid);
            let got = got.map_or_else(|status| status.message, |target| target.to_string());
            assert_eq!(got, expected);
        };
        check("customer:-80:12", "customer.-80.primary");
        check("customer:-80", "invalid parts in dtid: customer:-80");
        check("customer:-80:x", "invalid transaction id in dtid: customer:-80:x");
    }
}
