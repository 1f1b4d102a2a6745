//! What an edit *is*: the algebra of Rank-One Model Editing (ROME, Meng et al. 2022,
//! [arXiv 2202.05262](https://arxiv.org/abs/2202.05262)) over any causal language model.
//!
//! This crate knows no model family, no file system and no backend. A model takes part by
//! implementing [`CausalLm`]; everything else, from keys over the optimisation of a value to the
//! rank-one update, is built from one forward pass that can be cut anywhere ([`forward`]).
//!
//! | job | cut |
//! | --- | --- |
//! | [`generate`] | all blocks, one new position, the earlier ones in a [`KvCache`] |
//! | [`keys`] for a [`SecondMoment`] | blocks up to a layer, stop before its down projection |
//! | [`Capture`] | the contexts of a request, through the edited layer |
//! | [`Scoring`] | many prompts with their targets, from an edited layer on, the head where a target is read |
//! | [`optimise`](value::optimise) | the blocks above the layer, positions from the subject's last token on |
//!
//! The shortest way to an edit is [`Editor`]:
//!
//! ```
//! use rome_core::edit::EditError;
//! use rome_core::{CausalLm, EditConfig, Editor, Factor, Request, TokenCodec};
//!
//! fn move_the_needle(
//!     model: &mut dyn CausalLm,
//!     tokens: &dyn TokenCodec,
//!     factor: Factor,
//! ) -> Result<(), EditError> {
//!     let mut editor = Editor::new(model, tokens, EditConfig::new(17))?.statistics(17, factor);
//!     let request = Request::text("{} is in the city of", "The Space Needle", "Rome");
//!     let edits = editor.edit(&request, &mut |_| ())?;
//!     println!("‖ΔW‖ is {:.1} % of ‖W‖", 100.0 * edits[0].relative_norm);
//!     editor.undo();
//!     Ok(())
//! }
//! ```

mod attention;
pub mod batch;
pub mod cache;
pub mod capture;
mod causal;
pub mod chain;
pub mod config;
pub mod context;
pub mod edit;
pub mod edit_file;
pub mod edit_record;
pub mod editor;
pub mod environment;
pub mod flops;
pub mod forward;
pub mod generate;
pub mod host;
pub mod keys;
pub mod linear;
mod loss;
pub mod low_rank;
pub mod model;
pub mod precision;
pub mod prefixes;
pub mod request;
pub mod rows;
pub mod scoring;
pub mod second_moment;
pub mod solve;
pub mod tap;
pub mod tokens;
pub mod transfer;
pub mod update;
pub mod value;
pub mod workers;

pub use batch::Batch;
pub use cache::{KvCache, Memory, Past};
pub use capture::Capture;
pub use chain::Chain;
pub use config::{EditConfig, HyperParams, Variant};
pub use context::{Context, Preservation};
pub use edit::Edit;
pub use edit_file::{EditFile, EditPart};
pub use edit_record::{EditEntry, EditRecord};
pub use editor::Editor;
pub use environment::Environment;
pub use flops::Flops;
pub use keys::KeyPass;
pub use linear::{EditableLinear, LinearLike};
pub use low_rank::LowRank;
pub use model::{Block, CausalLm, ModelShape, Projection};
pub use precision::{Precision, widen};
pub use prefixes::Prefixes;
pub use request::Request;
pub use rows::EditRows;
pub use scoring::{Query, Scoring};
pub use second_moment::SecondMoment;
pub use solve::Factor;
pub use tap::{Part, Site, Tap};
pub use tokens::TokenCodec;
pub use update::{Patched, RankOneUpdate};
pub use workers::Workers;
