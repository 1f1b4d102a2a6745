//! Causal tracing (Meng et al. 2022, section 2): which hidden states carry a fact to the answer?
//!
//! A model answers a prompt (the clean run), answers it with noise on the subject's token embeddings
//! (the corrupted run), and answers it corrupted but for one state, which is given back its clean
//! value. How probable the clean answer is then says how much of the fact goes through that state.

mod averages;
mod cell_batch;
mod cell_counter;
mod clean_run;
mod config;
mod corrupted_run;
mod kind;
mod known_fact;
mod noise;
mod picture;
mod prompt;
mod token_role;
#[expect(clippy::module_inception, reason = "the type that gives the folder its name")]
mod trace;
mod tracer;

pub use averages::{RoleAverage, TraceAverages};
pub use config::{CutNoise, PathCut, TraceConfig};
pub use kind::TraceKind;
pub use known_fact::KnownFact;
pub use noise::{Noise, sigma};
pub use picture::{averages_figure, averages_map, heat_map};
pub use prompt::{TraceAnswer, TracePrompt};
pub use token_role::TokenRole;
pub use trace::{Trace, TraceCell};
pub use tracer::Tracer;
