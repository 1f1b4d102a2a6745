//! Ways of computing an edit: [`EditMethod`], and those that this crate has.

mod adam;
mod edit;
mod edit_method;
mod editable_model;
mod error;
mod fine_tuning;
mod flops;
mod losses;
pub mod mass;
pub mod rome;
mod settings;
mod unedited;
pub mod value;

pub use adam::Adam;
pub use edit::{DISABLING_COSINE, Division, Edit, Solution, THIN_COSINE, Timings};
pub use edit_method::EditMethod;
pub use editable_model::{EditableModel, Version};
pub use error::EditError;
pub use fine_tuning::{FineTuning, FineTuningConfig};
pub use flops::Flops;
pub use losses::Losses;
pub use mass::MassEdit;
pub use rome::Rome;
pub use settings::MethodSettings;
pub use unedited::Unedited;
