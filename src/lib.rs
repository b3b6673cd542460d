//! A Vitess-like cluster in one process and one seed.
