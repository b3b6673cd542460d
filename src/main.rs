//! The command line of vindicate.
fn main() {}
