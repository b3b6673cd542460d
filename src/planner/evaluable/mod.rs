//! What vtgate itself can evaluate, and what type that has.
//!
//! In Vitess this is `go/vt/vtgate/evalengine`. The planner asks four things of it:
//!
//! - [`translate`]: whether an expression without columns has a value at vtgate; what is constant
//!   in it is folded (`1 + 1` is `2`). [`translate_over`] does the same over a row.
//! - [`constant`]: that value itself, where it does not depend on anything.
//! - [`text`](fn@text): how vtgate prints such an expression in a plan.
//! - [`type_of`]: the type it has.
//!
//! It knows nothing of routes and rows; arithmetic is [`sim::eval`]'s.

mod fold;
mod function;
mod text;
mod translate;
mod typing;

pub use fold::constant;
pub use text::{UNWRITTEN_BINARY, text, text_over};
pub use translate::{Untranslatable, translate, translate_over};
pub use typing::{CONNECTION_COLLATION, Part, Type, common, type_of};
