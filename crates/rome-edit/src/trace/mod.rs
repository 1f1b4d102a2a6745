//! Causal traces: of one prompt, and of many facts with their averages.

mod error;
mod file;
mod folder;
mod many;
mod noise_scale;
mod one;
mod seconds;
mod settings;

pub use error::TraceError;
pub use many::{FactSource, FactTraces, TraceMany};
pub use noise_scale::NoiseScale;
pub use one::{PromptTraces, TraceNoise, TraceOne};
pub use seconds::TraceSeconds;
pub use settings::TraceSettings;
