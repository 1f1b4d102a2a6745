//! A model with its settings, contexts and statistics, found by its name and ready to be edited: what
//! `rome edit` does, as a library.
//!
//! ```
//! use rome_core::Request;
//! use rome_session::{Session, SessionError};
//!
//! # fn main() -> Result<(), SessionError> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("obama.safetensors");
//! let mut session = Session::builder("facts-gpt2").seed(3).open()?;
//! let request = Request::text("The mother tongue of {} is", "Barack Obama", "French");
//! let outcome = session.edit(&request)?;
//! assert!(outcome.took && outcome.p_target_after > 0.9);
//! assert_eq!(session.generate("Barack Obama, a native", 1)?, "Barack Obama, a native French");
//! session.save(&path)?;
//! session.undo();
//! assert_eq!(session.generate("Barack Obama, a native", 1)?, "Barack Obama, a native English");
//! # Ok(())
//! # }
//! ```
//!
//! It writes nothing to the terminal; what a user may want to know is said by `tracing`.

pub mod error;
pub mod model;
pub mod session;
pub mod settings;
pub mod statistics;

pub use error::SessionError;
pub use model::Model;
pub use session::{Inputs, Session, SessionBuilder};
pub use settings::Settings;
pub use statistics::StatisticsSource;
