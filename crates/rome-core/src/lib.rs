//! The algebra of Rank-One Model Editing (ROME, Meng et al. 2022, [arXiv
//! 2202.05262](https://arxiv.org/abs/2202.05262)) over any causal language model.
//!
//! This crate knows no model family, no file system and no backend. A model takes part by
//! implementing [`CausalLm`]; everything else, from keys over the optimisation of a value to the
//! rank-one update, is built from one forward pass that can be cut anywhere ([`forward`]).
//!
//! | job | cut |
//! | --- | --- |
//! | [`generate`] | all blocks, one new position, the earlier ones in a [`KvCache`] |
//! | [`KeyPass`] for a [`SecondMoment`] | blocks up to a layer, stop before its down projection |
//! | [`Capture`] | the contexts of a request, through the edited layer |
//! | [`Scoring`] | many prompts with their targets, from an edited layer on, the head where a target is read
//! |
//! | [`ValueOptimizer`](method::value::ValueOptimizer) | the blocks above the layer, positions from the
//! subject's last token on |
//!
//! The shortest way to an edit is [`Editor`]:
//!
//! ```
//! use rome_core::{CausalLm, CholeskyFactor, EditError, Editor, Request, RomeConfig, Tokenizer};
//!
//! fn move_the_needle(
//!     model: &mut dyn CausalLm,
//!     tokenizer: &dyn Tokenizer,
//!     factor: CholeskyFactor,
//! ) -> Result<(), EditError> {
//!     let mut editor = Editor::new(model, tokenizer, RomeConfig::new(17))?.statistics(17, factor);
//!     let request = Request::text("{} is in the city of", "The Space Needle", "Rome");
//!     let edits = editor.edit(&request, &mut ())?;
//!     println!("‖ΔW‖ is {:.1} % of ‖W‖", 100.0 * edits[0].relative_norm);
//!     editor.undo();
//!     Ok(())
//! }
//! ```

pub mod edit;
mod error;
pub mod forward;
pub mod generate;
pub mod math;
pub mod method;
pub mod model;
mod observer;
pub mod request;
pub mod scoring;
pub mod statistics;

pub use edit::{
    EditEntry, EditFile, EditPart, EditRecord, Editor, Environment, FactEntry, LowRank, Outcome, Patched,
    RankOneUpdate, WeightUpdate,
};
pub use error::{ErrorKind, Hint};
pub use forward::{Batch, CacheMode, KvCache, Past, Recorded, Workers};
pub use method::mass::{MassConfig, MassEdit, MassMethod};
pub use method::rome::{HyperParams, RomeConfig, Variant};
pub use method::value::{Capture, Prefixes};
pub use method::{Edit, EditError, EditMethod, EditableModel, Flops, Rome};
pub use model::{
    AttentionRule, Block, CausalLm, EditableLinear, Hook, HookPoint, LinearLike, MlpInput, ModelHash,
    ModelShape, Part, Precision, Projection, widen,
};
pub use observer::{Event, Observer, Progress, Step, Stopped, Unit};
pub use request::{Context, KlPrompt, Request, TokenizedRequest, Tokenizer};
pub use scoring::{Query, Scoring};
pub use statistics::{CholeskyFactor, Convergence, KeyPass, SecondMoment};
