//! What can befall a tablet from within: its killer strikes early, others have its pool.
//!
//! In Vitess nobody asks for this: it is load and time. Here it is asked for, as part of a fault.

use std::rc::Rc;

use sim::call::Request;
use sim::world::Process;

use super::Tablet;
use crate::rpc::TxId;

/// The killer takes this transaction for too old, unless it is just in use.
pub struct KillTransaction {
    pub transaction: TxId,
}

impl Request for KillTransaction {
    type Reply = ();
    const NAME: &'static str = "fault.KillTransaction";
}

/// Others take all places of the transaction pool, or give them back.
pub struct FillPool(pub bool);

impl Request for FillPool {
    type Reply = ();
    const NAME: &'static str = "fault.FillPool";
}

pub(super) fn serve(tablet: &Rc<Tablet>, process: Process) {
    let this = Rc::clone(tablet);
    process.serve(move |process, kill: Rc<KillTransaction>| {
        let tablet = Rc::clone(&this);
        async move { tablet.kill_early(process, kill.transaction).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |_, fill: Rc<FillPool>| {
        this.pool_is_taken.set(fill.0);
        this.transaction_ended.raise();
        async {}
    });
}
