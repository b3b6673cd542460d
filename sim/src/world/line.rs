//! Events in line: a World whose order somebody picks.
//!
//! Messages and sleeps stand in line ([`crate::order`]); deadlines and starts of programs stay on
//! the heap, come at their time, and nothing later comes before them. Without an order there is no
//! line, and all is on the heap.
//!
//! It knows nothing of who picks.

use super::{
    Candidate, Core, Entry, Fired, Goal, Line, Nanos, Open, Order, ProgramCore, Stop, What,
};
use crate::decide::Choice;
use crate::order::WAITS;

impl Core {
    pub(super) fn set_order(&mut self, order: Order) {
        let line = self.line.take();
        let counted_anew = Line::new(order);
        let was_open = line.map(|line| line.open).unwrap_or_default();
        self.line = Some(counted_anew);
        let open = was_open.into_iter().map(|open| Entry {
            time: open.time,
            seq: open.event.seq,
            what: open.what,
        });
        let entries: Vec<Entry> =
            open.chain(std::mem::take(&mut self.heap).into_sorted_vec()).collect();
        entries.into_iter().for_each(|entry| self.insert(entry));
    }

    pub(super) fn may_wait(&self, what: What) -> bool {
        match what {
            What::Deliver(_) => true,
            What::Timer(timer) => self.timers[timer as usize].is_sleep,
            What::Deadline(_) | What::Start(_) => false,
        }
    }

    pub(super) fn stand_in_line(&mut self, entry: Entry) {
        let (token, at, point, is_own) = match entry.what {
            What::Deliver(index) => {
                let Some(message) = &self.messages[index as usize] else { return };
                let (token, from, to) = (message.token, message.from, message.to);
                let is_own = message.is_own;
                (token, to, self.waits_of_link(from, to), is_own)
            }
            What::Timer(timer) => {
                let slot = &self.timers[timer as usize];
                let program = self.processes[slot.pid as usize].program;
                (slot.token, program, self.waits_of_program(program), false)
            }
            What::Deadline(_) | What::Start(_) => return self.heap.push(entry),
        };
        let (ordinal, due_after) = self.decider.foretold(point);
        let Some(line) = &mut self.line else { return };
        let (cause, chain) = line.place(token);
        let event = Candidate { seq: entry.seq, token, at, chain, cause, is_own };
        let Entry { time, what, .. } = entry;
        line.add(Open { time, what, event, point, ordinal, due_after, passed: 0 });
    }

    fn waits_of_link(&mut self, from: super::Program, to: super::Program) -> Choice {
        let (from, to) = (self.machine_of(from), self.machine_of(to));
        self.network.waits(from.0, to.0, &mut self.decider)
    }

    fn waits_of_program(&mut self, program: super::Program) -> Choice {
        let ProgramCore { name, waits, .. } = &mut self.programs[program.0 as usize];
        *waits.get_or_insert_with(|| self.decider.point(&format!("{name}{WAITS}")))
    }

    /// The next event; what is on the heap and earlier than all in line comes first.
    pub(super) fn take_in_line(&mut self) -> Result<Option<Fired>, Stop> {
        self.drop_dead();
        let barrier = self.heap.peek().map(|entry| (entry.time, entry.seq));
        let Some(line) = &self.line else { return Ok(None) };
        let first = line.open.first().map(|open| (open.time, open.event.seq));
        let is_barrier_first = match (first, barrier) {
            (None, None) => return Err(self.nothing_left()),
            (Some(first), Some(barrier)) => barrier < first,
            (first, _) => first.is_none(),
        };
        if is_barrier_first {
            return self.take_barrier();
        }
        let Some(at) = line.pick(self.now, barrier) else { return Err(Stop::Pruned) };
        let Some(time) = line.open.get(at).map(|open| open.time) else { return Ok(None) };
        if let Some(stop) = self.stops_before(time) {
            return Err(stop);
        }
        let now = self.now;
        let Some(line) = &mut self.line else { return Ok(None) };
        let Open { what, point, ordinal, passed, .. } = line.take(at, now);
        self.decider.keep(point, ordinal, passed);
        if let What::Timer(timer) = what {
            self.timers[timer as usize].armed = false;
        }
        Ok(self.come(time, what))
    }

    fn take_barrier(&mut self) -> Result<Option<Fired>, Stop> {
        let time = self.heap.peek().map_or(self.now, |entry| entry.time);
        if let Some(stop) = self.stops_before(time) {
            return Err(stop);
        }
        let Some(entry) = self.heap.pop() else { return Ok(None) };
        if !self.is_live(&entry) {
            return Ok(None);
        }
        self.line.iter_mut().for_each(|line| line.take_barrier(entry.seq));
        Ok(self.come(entry.time, entry.what))
    }

    /// Why the run stops instead of taking an event of this time.
    fn stops_before(&mut self, time: Nanos) -> Option<Stop> {
        if let Goal::Time(goal) = self.goal
            && goal < time
        {
            self.now = self.now.max(goal);
            return Some(Stop::Goal);
        }
        self.limit(time)
    }

    fn nothing_left(&mut self) -> Stop {
        if let Goal::Time(goal) = self.goal {
            self.now = self.now.max(goal);
            return Stop::Goal;
        }
        Stop::Stuck(self.report())
    }

    /// Timers that were given up, in line and at the head of the heap.
    fn drop_dead(&mut self) {
        let timers = &mut self.timers;
        let mut free = Vec::new();
        if let Some(line) = &mut self.line {
            line.open.retain(|open| {
                let What::Timer(timer) = open.what else { return true };
                let slot = &mut timers[timer as usize];
                let is_live = slot.deadline.is_some();
                if !is_live {
                    slot.armed = false;
                    free.extend(slot.given_up.then_some(timer));
                }
                is_live
            });
        }
        self.free_timers.extend(free);
        while let Some(head) = self.heap.peek() {
            let is_due = match head.what {
                What::Timer(timer) => self.timers[timer as usize].deadline,
                What::Deadline(call) => self.calls[call as usize].deadline,
                What::Deliver(_) | What::Start(_) => Some(head.time),
            };
            if is_due.is_some_and(|deadline| deadline <= head.time) {
                break;
            }
            // One that has moved is on the heap again, later.
            if let Some(entry) = self.heap.pop() {
                self.is_live(&entry);
            }
        }
    }

    /// The place of the process that is polled next, of those that are ready.
    pub(super) fn pick_ready(&mut self, pids: impl Iterator<Item = u32>) -> usize {
        let Some(line) = &self.line else { return 0 };
        let (ordinal, foretold) = self.decider.foretold(self.ready);
        let ready: Vec<u32> = pids.collect();
        let picked = match foretold {
            0 => line.pick_ready(ready.iter().copied()),
            place => (place as usize).min(ready.len() - 1),
        };
        self.decider.keep(self.ready, ordinal, picked as u64);
        picked
    }
}
