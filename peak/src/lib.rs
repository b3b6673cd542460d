//! How much memory a piece of work takes at most.
//!
//! [`Peak`] is an allocator around another. While somebody [`measure`]s, each allocation is added
//! to its thread's count and each free taken from it; otherwise a flag is looked at, and nothing
//! else. Work that is given to other threads is not counted.
//!
//! The only unsafe code of the workspace: each call is handed on as it came.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An allocator that can count what another gives.
pub struct Peak<A>(pub A);

/// How many measure, in any thread.
static MEASURING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Bytes that the thread has, and the most that it has had, since it began to measure. What it
    /// frees may be older.
    static COUNT: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// Does something, and says how many bytes more than before it had at most; none where the
/// program's allocator is no [`Peak`].
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Option<usize>) {
    let _measuring = Measuring::begin();
    COUNT.set((0, 0));
    let result = work();
    let (_, most) = COUNT.get();
    // Nothing that is worth a question takes no memory.
    (result, usize::try_from(most).ok().filter(|most| 0 < *most))
}

/// Ends also where the work panics.
struct Measuring;

impl Measuring {
    fn begin() -> Measuring {
        MEASURING.fetch_add(1, Ordering::Relaxed);
        Measuring
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        MEASURING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[inline(always)]
fn note(came: usize, went: usize) {
    if MEASURING.load(Ordering::Relaxed) != 0 {
        count(came as isize - went as isize);
    }
}

#[cold]
fn count(change: isize) {
    let (now, most) = COUNT.get();
    let now = now + change;
    COUNT.set((now, most.max(now)));
}

#[expect(unsafe_code, reason = "an allocator's methods are unsafe to call and to write")]
// SAFETY: every call goes to the allocator inside with the arguments that it came with.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Peak<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        unsafe { self.0.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(0, layout.size());
        unsafe { self.0.dealloc(place, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        unsafe { self.0.realloc(place, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[global_allocator]
    static ALLOCATOR: Peak<std::alloc::System> = Peak(std::alloc::System);

    fn room(bytes: usize) -> Vec<u8> {
        black_box(Vec::with_capacity(bytes))
    }

    #[test]
    fn the_most_at_one_time_counts() {
        let before = room(1 << 20);
        let (kept, most) = measure(|| {
            // Freed is what was there before: it makes no room for what comes.
            drop(before);
            drop(room(3000));
            let kept = room(1000);
            drop(room(4000));
            kept
        });
        assert_eq!(most, None, "less than before, all the time");
        drop(kept);
        let (kept, most) = measure(|| {
            drop(room(3000));
            let kept = room(1000);
            drop(room(4000));
            kept
        });
        assert_eq!(most, Some(5000));
        drop(kept);
        let (_, most) = measure(|| {
            let mut grown = room(1000);
            grown.resize(1000, 0);
            grown.reserve_exact(1000);
            drop(black_box(grown));
        });
        assert_eq!(most, Some(2000));
    }

    #[test]
    fn other_threads_count_for_themselves() {
        let (_, most) = measure(|| {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| measure(|| drop(room(5_000_000))).1);
                assert_eq!(other.join().expect("a thread"), Some(5_000_000));
            });
        });
        assert!(most.is_some_and(|most| most < 100_000), "{most:?}");
    }
}
