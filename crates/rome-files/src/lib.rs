//! Files and folders that are read within bounds, and written as a whole or not at all.
//!
//! A file is written to a temporary place beside its own and renamed: whoever looks finds what
//! was there before or what is there now, however a program ends.
//!
//! A file that is read may come from strangers: the headers of [safetensors](SafetensorsHeader) and of
//! numpy's archives (`npz`, by the feature of that name) are compared with what is really there. [JSON](JsonFile)
//! and text (by the feature `json`) are read in whatever form people have them.

mod claim;
mod error;
mod file;
mod folder;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "npz")]
pub mod npz;
#[cfg(feature = "json")]
mod packed;
mod path;
mod safetensors_header;
mod temporary;

pub use claim::Claim;
pub use error::FileError;
pub use file::{check_writable, persist, read_bounded, write, write_new, write_with};
pub use folder::{NewFolder, make_folder};
#[cfg(feature = "json")]
pub use json::{JsonError, JsonFile, JsonItem, JsonPlace, parse_json};
#[cfg(feature = "json")]
pub use packed::{ByteCount, open_text, read_text};
pub use path::{folder_of, target_of};
pub use safetensors_header::{HeaderError, SafetensorsHeader};
pub use temporary::{clear, temporary_in};
