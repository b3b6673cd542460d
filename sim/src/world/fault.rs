//! What is done to a World, from outside or from within one of its processes.
//!
//! A fault may strike in the middle of things: as a process tells of what it has just done. So
//! these are functions of the thread's World and need no handle on it. What a process does when its
//! own program is struck: it runs on to its next await, and nothing that it sends leaves.
//!
//! It knows nothing of why or when.

use std::pin::Pin;
use std::time::Duration;

use super::{
    Core, Future, Kind, Machine, Process, Program, What, drop_futures, spawn as spawn_process,
    start, with,
};
use crate::clock::{Clock, ClockChange, Nanos, nanos};
use crate::disk::DiskState;
use crate::network::{Rule, Strike};
use crate::wait::{Token, TokenCore};

// ---------------------------------------------------------------- names

pub fn find(name: &str) -> Option<Program> {
    with(|core| core.by_name.get(name).copied())
}

pub fn name_of(program: Program) -> String {
    with(|core| core.programs[program.0 as usize].name.clone())
}

pub fn machine_of(program: Program) -> Machine {
    with(|core| core.machine_of(program))
}

/// The name of a machine, as rules of the network have it.
pub fn machine_name(machine: Machine) -> String {
    with(|core| core.machines[machine.0 as usize].name.clone())
}

/// All machines, in the order of their making.
pub fn machines() -> Vec<Machine> {
    with(|core| (0..core.machines.len() as u32).map(Machine).collect())
}

pub fn programs_of(machine: Machine) -> Vec<Program> {
    with(|core| {
        let all = core.programs.iter().enumerate();
        all.filter(|(_, p)| p.machine == machine).map(|(i, _)| Program(i as u32)).collect()
    })
}

// ---------------------------------------------------------------- programs and machines

/// Ends a program at once; nothing of it runs any more. Its callers find the connection broken.
pub fn crash(program: Program) {
    let futures = with(|core| {
        if !core.programs[program.0 as usize].up {
            return Vec::new();
        }
        let name = core.programs[program.0 as usize].name.clone();
        core.event(Kind::Down, program.0.into(), || format!("{name} crashes"));
        core.reset_callers(program);
        core.take_down(program)
    });
    drop_futures(futures);
}

/// Starts a program that is down, on a machine that is up.
pub fn restart(program: Program) {
    if with(|core| core.machines[core.machine_of(program).0 as usize].up) {
        start(program);
    }
}

/// Starts it so much later, as a supervisor does; nothing if it is up by then.
pub fn restart_in(program: Program, after: Duration) {
    with(|core| {
        let time = core.now.saturating_add(nanos(after));
        core.push(time, What::Start(program.0));
    });
}

/// Stops a program as SIGSTOP does: messages and timers pile up until it goes on.
pub fn pause(program: Program) {
    with(|core| {
        core.programs[program.0 as usize].paused = true;
        let name = core.programs[program.0 as usize].name.clone();
        core.event(Kind::Pause, program.0.into(), || format!("{name} is paused"));
    });
}

pub fn resume(program: Program) {
    with(|core| {
        if !core.programs[program.0 as usize].paused {
            return;
        }
        core.programs[program.0 as usize].paused = false;
        let name = core.programs[program.0 as usize].name.clone();
        core.event(Kind::Resume, program.0.into(), || format!("{name} goes on"));
        let parked = std::mem::take(&mut core.programs[program.0 as usize].parked);
        for pid in parked {
            core.wake_again(pid);
        }
    });
}

/// A power loss: all programs end, the disk keeps what was synced and so many of the records behind
/// it (by default as the Decider says), callers hear nothing.
pub fn power_off(machine: Machine, torn: Option<u64>) {
    let files = with(|core| {
        core.machines[machine.0 as usize].up = false;
        let name = core.machines[machine.0 as usize].name.clone();
        core.event(Kind::Down, u64::from(machine.0) | 1 << 32, || format!("{name} loses power"));
        core.machines[machine.0 as usize].disk.files()
    });
    for program in programs_of(machine) {
        let futures = with(|core| core.take_down(program));
        drop_futures(futures);
    }
    for (_, file) in files {
        file.own_up();
        let unsynced = file.unsynced() as u64;
        let torn = match torn {
            Some(torn) => torn.min(unsynced),
            None => with(|core| core.decider.choose(core.torn, 0, 0..=unsynced)),
        };
        file.lose(torn as usize);
    }
}

/// Power is back: all programs of the machine start.
pub fn power_on(machine: Machine) {
    with(|core| {
        let state = &mut core.machines[machine.0 as usize];
        state.up = true;
        state.paused = false;
    });
    for program in programs_of(machine) {
        start(program);
    }
}

/// Heals what a World feels: the network, programs and machines that are down or stand still,
/// disks, clocks. Who waits for an answer of a life that is over learns that his connection is
/// gone, as from a machine that is back and knows nothing of it.
///
/// A call whose message was lost is broken: no peer answers for its connection, and says so. Who
/// has a deadline has long gone on by then.
pub fn heal() {
    heal_network();
    with(|core| {
        for notice in std::mem::take(&mut core.lost) {
            core.post(notice, 0);
        }
    });
    forget_link_latencies();
    for machine in machines() {
        set_disk(machine, DiskState::Sound);
        change_clock(machine, ClockChange::Right);
        with(|core| {
            let state = &mut core.machines[machine.0 as usize];
            (state.up, state.paused) = (true, false);
        });
        for program in programs_of(machine) {
            resume(program);
            if !with(|core| core.programs[program.0 as usize].up) {
                with(|core| core.reset_callers(program));
                start(program);
            }
        }
    }
}

/// Starts a process of a program; nothing, where the program is down.
pub fn spawn(
    program: Program,
    token: Option<Token>,
    name: &str,
    make: impl FnOnce(Process) -> Pin<Box<dyn Future<Output = ()>>>,
) {
    spawn_process(program, token, name, make);
}

/// A foreground statement's token, by a name that reports print.
pub fn token(name: &str) -> Token {
    with(|core| {
        core.tokens.push(TokenCore::new(name));
        Token(core.tokens.len() as u32 - 1)
    })
}

/// Whether nothing is left that bears the token, or all of it stands in a declared wait.
pub fn is_at_rest(token: Token) -> bool {
    with(|core| !core.tokens[token.0 as usize].is_running())
}

// ---------------------------------------------------------------- the network

/// A call to the machine or from it finds no way, in one direction.
pub fn cut(from: Machine, to: Machine) {
    with(|core| core.network.cut(from.0, to.0));
}

pub fn mend(from: Machine, to: Machine) {
    with(|core| core.network.mend(from.0, to.0));
}

pub fn set_link_latency(from: Machine, to: Machine, latency: Duration) {
    with(|core| core.network.set_link_latency(from.0, to.0, latency));
}

/// Links are as slow as they were made.
pub fn forget_link_latencies() {
    with(|core| core.network.forget_link_latencies());
}

pub fn install_rule(rule: Rule) {
    with(|core| core.network.install(rule));
}

/// The named rules that have struck for the first time since this was last asked.
pub fn take_struck() -> Vec<Strike> {
    with(|core| core.network.take_struck())
}

/// Ends cuts, rules and noise, and lets held messages go.
pub fn heal_network() {
    with(|core| core.network.heal());
    release();
}

/// Lets go all held messages, in the order of their sending.
pub fn release() {
    with(|core| {
        for index in std::mem::take(&mut core.held) {
            let now = core.now;
            core.push(now, What::Deliver(index));
        }
    });
}

// ---------------------------------------------------------------- clocks and disks

pub fn change_clock(machine: Machine, change: ClockChange) {
    let (clock, now) = with(|core| (core.machines[machine.0 as usize].clock, core.now));
    set_clock(machine, clock.changed(change, now));
}

/// Timers that run go on at the new clock's rate.
pub fn set_clock(machine: Machine, clock: Clock) {
    with(|core| {
        let state = &mut core.machines[machine.0 as usize];
        let old = std::mem::replace(&mut state.clock, clock);
        if old.drift_ppm != clock.drift_ppm {
            core.rescale_timers(machine, old, clock);
        }
    });
}

pub fn set_disk(machine: Machine, state: DiskState) {
    let files = with(|core| {
        core.machines[machine.0 as usize].disk.state = state;
        for pid in std::mem::take(&mut core.machines[machine.0 as usize].syncing) {
            core.wake(pid);
        }
        core.machines[machine.0 as usize].disk.files()
    });
    for (_, file) in files {
        file.lie(state == DiskState::Lying);
    }
}

impl Core {
    /// What is left of each timer of a machine takes as long as its new clock says.
    fn rescale_timers(&mut self, machine: Machine, old: Clock, new: Clock) {
        let now = self.now;
        let moved = |time: Nanos| {
            let left = old.counted(time.saturating_sub(now));
            now.saturating_add(new.true_nanos(Duration::from_nanos(left)))
        };
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        for entry in &mut entries {
            match entry.what {
                What::Deliver(_) | What::Start(_) => {}
                What::Timer(timer) => {
                    let program = self.processes[self.timers[timer as usize].pid as usize].program;
                    if self.machine_of(program) == machine {
                        let slot = &mut self.timers[timer as usize];
                        slot.deadline = slot.deadline.map(moved);
                        entry.time = moved(entry.time);
                    }
                }
                What::Deadline(call) => {
                    if self.machine_of(self.calls[call as usize].caller) == machine {
                        let slot = &mut self.calls[call as usize];
                        slot.deadline = slot.deadline.map(moved);
                        entry.time = moved(entry.time);
                        slot.armed = slot.armed.map(moved);
                    }
                }
            }
        }
        self.heap = entries.into();
        let mut sleeps = Vec::new();
        if let Some(line) = &mut self.line {
            sleeps = std::mem::take(&mut line.open);
        }
        for mut open in sleeps {
            if let What::Timer(timer) = open.what
                && self.machine_of(open.event.at) == machine
            {
                let slot = &mut self.timers[timer as usize];
                slot.deadline = slot.deadline.map(moved);
                open.time = moved(open.time);
            }
            if let Some(line) = &mut self.line {
                line.add(open);
            }
        }
    }
}
