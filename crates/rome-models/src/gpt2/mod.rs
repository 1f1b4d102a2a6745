//! GPT-2, as `GPT2LMHeadModel` of transformers has it.

mod attention;
mod block;
mod config;
mod mlp;
mod model;

pub use attention::Attention;
pub use block::Block;
pub use config::Gpt2Config;
pub use mlp::Mlp;
pub use model::Gpt2;
