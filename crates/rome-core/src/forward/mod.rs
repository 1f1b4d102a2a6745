//! The forward pass, cut anywhere: `embed → blocks → head`, and its way back.

mod attention;
mod batch;
mod block;
mod cache;
mod causal;
mod frozen;
pub mod host;
mod mask;
mod pass;
mod recorded;
mod softcap;
pub mod transfer;
mod workers;

pub(crate) use batch::token_ids;
pub use batch::{Batch, indices};
pub use block::{BlockBackward, BlockPass};
pub use cache::{CacheMode, KvCache, Past};
pub use frozen::FrozenInputs;
pub(crate) use frozen::complete;
pub use pass::{ForwardPass, embed, fill, head, key, logits};
pub use recorded::{Backward, Recorded};
pub(crate) use recorded::{across, concatenated};
pub use softcap::softcap;
pub use workers::Workers;
