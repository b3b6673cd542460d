//! Allocations a plan, cold and cached, for the statements of [`loads`]; a line a statement.
//!
//! A program of its own: whoever counts is the allocator.

mod loads;

use std::hint::black_box;

use vindicate::planner;
use vindicate::planner::environment::Environment;

use loads::{Cache, loads};

fn main() {
    let environment = Environment::default();
    for load in loads() {
        let context = load.context(&environment);
        let cache = Cache::of(&load, &context);
        for (name, text) in &load.statements {
            let count = |call: &dyn Fn()| allocation_counter::measure(call).count_total;
            let cold = count(&|| drop(black_box(planner::build(black_box(text), &context))));
            let cached = count(&|| drop(black_box(cache.find(black_box(text)))));
            println!("{}/{name}: {cold} allocations cold, {cached} cached", load.name);
        }
    }
}
