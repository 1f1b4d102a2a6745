//! Statistics of keys: found for an edit, collected over text, fetched, merged and shown.

mod collect;
mod collection_run;
mod convert;
#[cfg(feature = "hub")]
mod download;
mod error;
#[cfg(feature = "hub")]
mod fetch;
mod fetch_error;
mod file;
mod merge;
mod picture;
mod place;
mod report;
mod save_every;
mod source;
mod text;

pub use collect::{Collect, Collection};
pub use convert::ConvertStatistics;
pub use error::StatisticsError;
#[cfg(feature = "hub")]
pub use fetch::{FetchReport, FetchStatistics};
pub use fetch_error::FetchError;
pub use file::{StatisticsFile, read};
pub use merge::{MergeReport, MergeStatistics};
pub use picture::convergence_picture;
pub use place::{cache, cache_folder, file_ending, file_name, module_prefix};
pub use report::{ShowStatistics, StatisticsReport};
pub use rome_stats::{SumFormat, TextTaken};
pub use save_every::SaveEvery;
pub use source::{LayerStatistics, StatisticsSource, find, second_moment};
