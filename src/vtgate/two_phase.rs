//! COMMIT of several shards with transaction mode TWOPC: what it needs, and that nobody has it.
//!
//! ```text
//!   1. a record of the transaction at its metadata manager, the shard that was touched first
//!   2. the others prepare  3. the manager commits, and with it the decision  4. the others commit
//! ```
//!
//! Vttablets take part where they run with `--twopc-enable`, which those here do not: the first
//! step is refused, and the transaction is rolled back. What pre has committed stays, so that
//! lookup rows dangle. One shard alone commits as in any mode. See `TxConn.commit2PC`.
//!
//! It knows nothing of the pre and post lists.

use std::cell::RefCell;
use std::rc::Rc;

use sim::world::Process;

use super::Gate;
use super::session::{Session, ShardSession};
use super::tx_conn;
use crate::history::{self, Event, List, Outcome};
use crate::rpc::{CreateTransaction, Status};

/// The warning's code: what is in doubt is for recovery to end (`ERInAtomicRecovery`).
const IN_ATOMIC_RECOVERY: u16 = 302;

/// Asks the metadata manager for a record; it refuses.
pub async fn commit(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
    manager: &ShardSession,
) -> Result<(), Status> {
    let target = &manager.target;
    let dtid: Rc<str> =
        format!("{}:{}:{}", target.keyspace, target.shard, manager.transaction).into();
    let others = session.borrow().normal.iter().skip(1).map(|shard| shard.target.clone()).collect();
    let create =
        CreateTransaction { target: target.clone(), dtid: Rc::clone(&dtid), participants: others };
    // The shard's primary of now is asked, not the tablet of the transaction.
    let answer = gate.gateway.call_any(process, &gate.addresses, target, create).await;
    let refused = answer.unwrap_or_else(|status| status).wrap(format!("target: {target}"));
    for shard in session.borrow().normal.iter() {
        tell_failure(&session.borrow().name, shard, &refused);
    }
    // What the shards say is a warning; the client hears why there is no commit.
    tx_conn::undo(gate, process, session).await.ok();
    let text = format!(
        "{dtid} distributed transaction ID failed during transaction record creation; rollback attempted; conclude on recovery"
    );
    session.borrow_mut().warn(IN_ATOMIC_RECOVERY, text);
    Err(refused)
}

/// No shard has begun to commit, so that none will ever have.
fn tell_failure(session: &Rc<str>, shard: &ShardSession, refused: &Status) {
    history::emit(Event::ShardCommit {
        session: Rc::clone(session),
        list: List::Normal,
        shard: format!("{}/{}", shard.target.keyspace, shard.target.shard).into(),
        transaction: shard.transaction,
        outcome: Outcome::Failed(refused.message.clone()),
    });
}
