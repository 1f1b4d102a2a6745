//! Files and folders that are read within bounds, and written as a whole or not at all.
//!
//! What is written goes to a temporary place beside its own and is renamed: whoever looks finds what
//! was there before or what is there now, however a program ends.

mod claim;
mod error;
mod file;
mod folder;
mod npy;
mod temporary;

pub use claim::Claim;
pub use error::FileError;
pub use file::{folder_of, persist, read_bounded, target_of, write, write_new, write_with};
pub use folder::NewFolder;
pub use npy::checked_npy;
pub use temporary::{clear, temporary_in};
