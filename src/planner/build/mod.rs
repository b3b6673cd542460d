//! From the analysed statement to the first operators.
//!
//! It knows nothing of which operators end up in a route.

pub mod from;
pub mod predicate;
pub mod query;
pub mod recursion;
pub mod sub_query;
