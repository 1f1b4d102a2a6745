//! From words to rows of tokens.

mod context;
mod error;
mod kl_prompt;
#[expect(clippy::module_inception, reason = "the type that gives the folder its name")]
mod request;
mod sentence;
mod tokenized;
mod tokenizer;

pub use context::{BEGINNINGS, Context, DEFAULT_LENGTHS, SampleError, sample, sample_after, tidy};
pub use error::RequestError;
pub use kl_prompt::KlPrompt;
pub use request::Request;
pub use sentence::{Occurrence, Sentence, one_line, spaced_target};
pub use tokenized::{Row, TokenizedRequest, check_vocabulary};
pub use tokenizer::{Encoding, TokenError, Tokenizer};
