//! Hostile inputs for everything that is read from outside, within bounds of time and memory.
//!
//! A [`Target`] is a way in: it takes some [`Files`] and reads them as a user's program would. An
//! [`Input`] is one of the target's seeds with [mutations](mutation), drawn and made smaller by
//! proptest. [`check`](check::check) holds the target to its [`Bound`]: no panic, no more memory and
//! time than stated, nothing read from outside of a model's folder. A [`Campaign`] does so many times.
//!
//! It runs on the stable toolchain: inputs are drawn, not led by coverage, so seeds matter.

pub mod bound;
pub mod campaign;
pub mod check;
pub mod files;
pub mod finding;
pub mod input;
mod json;
mod memory;
pub mod mutation;
mod quiet;
pub mod running;
pub mod seed;
pub mod target;
pub mod targets;
mod zip;

pub use bound::Bound;
pub use campaign::{Campaign, Report};
pub use files::Files;
pub use finding::{Finding, Kind};
pub use input::Input;
pub use seed::Seed;
pub use target::{Outcome, Target};
