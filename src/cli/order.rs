//! Work done by several threads, its results taken in the order of the work.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::mpsc;

/// Does `work` for each job on so many threads and gives each result to `take`, first job first.
/// Where `take` fails, no job is begun any more.
pub(super) fn in_order<J: Send, R: Send, E>(
    jobs: impl Iterator<Item = J> + Send,
    threads: NonZeroUsize,
    work: impl Fn(&J) -> R + Sync,
    mut take: impl FnMut(J, R) -> Result<(), E>,
) -> Result<(), E> {
    let jobs = Mutex::new(jobs.enumerate());
    let next = || jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    // As many results may wait as there are threads: whoever is ahead waits for who takes them.
    let (sender, receiver) = mpsc::sync_channel(threads.get());
    std::thread::scope(|scope| {
        for _ in 0..threads.get() {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((index, job)) = next() {
                    let result = work(&job);
                    if sender.send((index, job, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        // The receiver goes with this scope's closure, also where `take` fails: that ends the
        // threads.
        let receiver = receiver;
        for (index, job, result) in &receiver {
            waiting.insert(index, (job, result));
            while let Some((job, result)) = waiting.remove(&due) {
                take(job, result)?;
                due += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: NonZeroUsize = NonZeroUsize::new(4).unwrap();

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let mut taken = Vec::new();
        let work = |job: &u64| (0..(job % 7) * 1000).fold(*job, |sum, i| sum ^ i);
        let done: Result<(), ()> = in_order(0..200, FOUR, work, |job, result| {
            taken.push((job, result));
            Ok(())
        });
        let expected: Vec<(u64, u64)> = (0..200).map(|job| (job, work(&job))).collect();
        assert_eq!((done, taken), (Ok(()), expected));
    }

    #[test]
    fn a_taker_that_fails_ends_the_work() {
        let result = in_order(
            0u64..,
            FOUR,
            |job| *job,
            |job, _| match job {
                5 => Err("enough"),
                _ => Ok(()),
            },
        );
        assert_eq!(result, Err("enough"));
    }
}
