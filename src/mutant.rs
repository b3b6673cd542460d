//! Mutants: named, one-line departures from the protocol.
//!
//! A mutant puts a bug in, to see whether the judge finds it. Each is asked for at exactly one spot
//! of the code, by `mutant::is(Mutant::X)`; a tidy test counts. Which are on is a thread-local of
//! the run, set before it and cleared after it. What each does, and where it comes from, is in the
//! registry (`src/mutant/table.rs`).
//!
//! It knows nothing of the spots.

mod table;

use std::cell::Cell;
use std::fmt;

use table::TABLE;

/// A departure from the protocol; [`Mutant::doc`] says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    PostBeforeNormal,
    NoOwnerLock,
    DeleteInPre,
    StrayShard,
    ForgottenShard,
    NormalBeforePre,
    ListsAtOnce,
    PreErrorIgnored,
    PreForgetsAShard,
    PostAfterFailedNormal,
    PostErrorReturned,
    UnknownCommitIsDone,
    FailedCommitKeepsSessions,
    RollbackForgetsPre,
    RollbackForgetsPost,
    ResetKeepsPrePost,
    ResetKeepsSavepoints,
    LateShardWithoutSavepoints,
    SavepointsSkipPost,
    SavepointsSkipPre,
    NoUndo,
    PartOfShardsNotArmed,
    NoNestedSavepoint,
    FailedAutocommitStaysOpen,
    BeginKeepsTransaction,
    AbortedShardIsAlone,
    SingleUnchecked,
    SingleCountsTheCheck,
    DeadTransactionUnfenced,
    DeadTransactionStaysOpen,
    LateTransactionNotSeen,
    FailedBeginForgotten,
    ManyShardsAutocommit,
    OrderSticks,
    DisconnectLeavesTransaction,
    LookupReadInNormal,
    AutocommitReadInTransaction,
    TextInBatches,
    EmptyMapIsAnError,
    EmptyMapScatters,
    WriteOnlyIsRead,
    HelperColumnsStay,
    NoReadLock,
    DeleteMapsInPre,
    UpdateMapsInPre,
    NoLookupLock,
    OwnerCheckInPre,
    AbsentEntryForgotten,
    TakeoverForgotten,
    LiveOwnerOverwritten,
    SameKeyspaceIdIsOwn,
    SettledInNormal,
    RolledBackIsDuplicate,
    TwinsNotSeen,
    AnyErrorIsDuplicate,
    ErrorsLoseTheirNumber,
    CreateInNormal,
    CreateInPost,
    DeleteInNormal,
    DeleteByValueAlone,
    OwnedQueryUnlocked,
    OldEntriesStay,
    SameValueMoved,
    UnsetColumnsAreNull,
    DestinationSkipsVindexes,
    BindNamesClash,
    NullsNotIgnored,
    IgnoreForgotten,
    VerifyInNormal,
    NoVerify,
    IgnoreDropsNulls,
    UnownedNullVerified,
    UnownedUnchecked,
    NoCommaAfterColumn,
    ExternalizeAnyState,
    SrvVSchemaNotRebuilt,
    CopyStateDroppedEarly,
    PositionClaimed,
    GroupedDeletes,
    OneShardCounts,
    SecondVindexNotTold,
    OneEntryDeleted,
    FirstRowSettled,
    CommitPassesFence,
    EndedIsCommitted,
    NumbersNotCounted,
    ReverseFillForgotten,
    FunctionalUnchecked,
    SecondNullTaken,
    StreamKeepsOldEntries,
}

/// A mutant as the registry tells it.
struct Entry {
    mutant: Mutant,
    name: &'static str,
    /// What it does, in a sentence.
    doc: &'static str,
    /// Where it comes from.
    source: &'static str,
    /// The invariants that it breaks, by their names.
    breaks: &'static [&'static str],
}

impl Mutant {
    pub const ALL: [Mutant; TABLE.len()] = {
        let mut all = [TABLE[0].mutant; TABLE.len()];
        let mut at = 0;
        while at < TABLE.len() {
            assert!(TABLE[at].mutant as usize == at, "the table's order");
            all[at] = TABLE[at].mutant;
            at += 1;
        }
        all
    };

    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What it does, in a sentence.
    pub fn doc(self) -> &'static str {
        self.entry().doc
    }

    /// The issue of Vitess's that it was, or the line of the argument that it leaves out.
    pub fn source(self) -> &'static str {
        self.entry().source
    }

    /// The names of the invariants that it breaks.
    pub fn breaks(self) -> &'static [&'static str] {
        self.entry().breaks
    }

    pub fn parse(name: &str) -> Option<Mutant> {
        Mutant::ALL.into_iter().find(|mutant| mutant.name() == name)
    }

    fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

thread_local! {
    /// A bit a mutant: it is asked for often.
    static ON: Cell<u128> = const { Cell::new(0) };
}

const fn bit(mutant: Mutant) -> u128 {
    1 << mutant as u32
}

/// Whether a mutant is on in this thread's run.
pub fn is(mutant: Mutant) -> bool {
    ON.get() & bit(mutant) != 0
}

/// A bit for each mutant that is on: with the same ones a vindex is made in the same way.
pub fn all_on() -> u128 {
    ON.get()
}

/// Switches these mutants on, and all others off, until the guard is dropped.
pub fn switch_on(mutants: &[Mutant]) -> Guard {
    ON.set(mutants.iter().fold(0, |on, mutant| on | bit(*mutant)));
    Guard(())
}

/// See [`switch_on`].
pub struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = ON.try_with(|on| on.set(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_on_while_its_guard_lives() {
        assert!(!is(Mutant::DeleteInPre));
        {
            let _guard = switch_on(&[Mutant::DeleteInPre]);
            assert!(is(Mutant::DeleteInPre) && !is(Mutant::NoOwnerLock));
        }
        assert!(!is(Mutant::DeleteInPre));
        assert!(Mutant::ALL.iter().all(|mutant| Mutant::parse(mutant.name()) == Some(*mutant)));
    }

    #[test]
    fn the_registry_says_what_each_is() {
        for mutant in Mutant::ALL {
            assert!(mutant.doc().ends_with('.') && !mutant.source().is_empty(), "{mutant}");
            assert!(!mutant.breaks().is_empty(), "{mutant}");
            assert!((mutant as u32) < u128::BITS, "{mutant}");
        }
    }
}
