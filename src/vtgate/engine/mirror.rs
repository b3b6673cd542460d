//! Mirror: a query is also asked elsewhere, now and then, and that answer is thrown away.
//!
//! ```text
//!   the query's own plan      its answer is the client's
//!   the mirrored plan         beside it, in a session of its own; an error is nobody's, and what
//!                             has not ended with the first is not waited for
//! ```
//!
//! See `engine/percent_based_mirror.go`. Left out: the metrics, which are what Vitess keeps of it.

use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::value::Binds;
use sim::wait::join_until;

use super::super::executor::Run;
use super::super::sends;
use super::Running;
use crate::key::Code;
use crate::planner::utility::Mirror;
use crate::rpc::Status;

impl Run {
    pub(super) async fn mirror(
        &self,
        mirror: &Mirror,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        // The die has a hundred thousand sides, one for each thousandth of a percent; the highest
        // mirror.
        let die = self.process.choose("mirror", 0, 0..=99_999);
        if (die as f64) < 100_000.0 - mirror.percent * 1000.0 {
            return self.primitive(&mirror.input, binds).await;
        }
        let beside = self.standalone();
        let mirrored = beside.primitive(&mirror.mirrored, binds);
        let mirrored = beside.told(|| sends::of(&mirror.mirrored), "mirrored", binds, mirrored);
        let both: [Running<'_>; 2] = [self.primitive(&mirror.input, binds), Box::pin(mirrored)];
        let own_has_ended = |ended: &[Option<Result<Outcome, Status>>]| ended[0].is_some();
        let ended = join_until(both, own_has_ended).await;
        let own = ended.into_iter().next().flatten();
        own.unwrap_or_else(|| {
            Err(Status::new(Code::Internal, "VT13001: [BUG] a query without end"))
        })
    }
}
