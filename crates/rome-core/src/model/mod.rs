//! The interface of a model: its parts, its linear modules, and the hook into it.

mod block;
mod causal_lm;
mod hash;
mod hook;
mod linear;
mod precision;
mod shape;

pub use block::{AttentionRule, Block, MlpInput, Projection};
pub use causal_lm::CausalLm;
pub use hash::{ModelHash, short_hash};
pub use hook::{Hook, HookPoint, Part};
pub use linear::{EditableLinear, LinearLike};
pub use precision::{Precision, widen};
pub use shape::ModelShape;
