//! The history of a model's edits: those applied, those taken back, and the active ones.
//!
//! A ledger is a folder with a log, `ledger.json`, and the edits, each a file under the hash of its
//! bytes. The model itself is never touched: what is on is a list of edits, put on the base model
//! when it is used, so taking one back gives the base's bytes back, in whatever order that happens.
//!
//! ```
//! use rome_core::EditFile;
//! use rome_ledger::{Ledger, LedgerError, Remark};
//!
//! fn correct(folder: &std::path::Path, edit: EditFile) -> Result<(), LedgerError> {
//!     let mut ledger = Ledger::lock(folder)?;
//!     let numbers = ledger.apply(vec![edit], &Remark::default())?;
//!     ledger.undo(numbers[0], Remark::default())?;
//!     assert!(ledger.on().is_empty());
//!     Ok(())
//! }
//! ```
//!
//! A [locked](Ledger::lock) ledger is one process's alone. Its log is replaced as a whole, so that a
//! process that is killed leaves the state before or the state after, and a reader sees one of them.

pub mod error;
pub mod ledger;
pub mod log;
mod store;

pub use error::LedgerError;
pub use ledger::{Ledger, LockedLedger};
pub use log::{Action, Entry, Log, Remark};
