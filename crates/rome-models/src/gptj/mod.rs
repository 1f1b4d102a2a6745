//! GPT-J, as `GPTJForCausalLM` of transformers has it.

mod attention;
mod block;
mod config;
mod mlp;
mod model;
mod rotary;

pub use attention::Attention;
pub use block::Block;
pub use config::GptJConfig;
pub use mlp::Mlp;
pub use model::GptJ;
pub use rotary::Rotary;
