//! An edit as data: updates of weights, the file of them, and the editor that makes them.

mod editor;
mod file;
mod low_rank;
mod patched;
mod rank_one;
mod undo;
mod weight_update;

pub use editor::Editor;
pub use file::{
    EditEntry, EditFile, EditFileError, EditPart, EditRecord, Environment, FORMAT_VERSION, FactEntry,
    Outcome, StatisticsRecord, instructions,
};
pub use low_rank::{LowRank, LowRankError};
pub use patched::Patched;
pub use rank_one::{Original, RankOneUpdate, UpdateError};
pub use undo::Undo;
pub use weight_update::WeightUpdate;
