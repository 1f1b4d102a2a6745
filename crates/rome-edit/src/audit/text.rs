//! The text whose perplexity an audit takes.

use std::ops::ControlFlow;
use std::path::PathBuf;

use rome_core::Tokenizer;
use rome_stats::Corpus;

use crate::Error;
use crate::text::{TEXT, TEXT_NAME};

/// The text whose perplexity an audit takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditText {
    /// The file, one that a [`Corpus`] reads; a short text of our own without one.
    pub file: Option<PathBuf>,
    /// The field of `.jsonl`, or the column of `.parquet`, that holds the text.
    pub field: String,
    /// The number of tokens to take.
    pub n_tokens: usize,
}

impl Default for AuditText {
    fn default() -> Self {
        Self { file: None, field: "text".to_owned(), n_tokens: 4096 }
    }
}

impl AuditText {
    /// The name of the text.
    pub(super) fn name(&self) -> String {
        self.file.as_ref().map_or_else(|| TEXT_NAME.to_owned(), |file| file.display().to_string())
    }

    /// The first tokens of the text.
    pub(super) fn tokens(&self, tokenizer: &dyn Tokenizer) -> Result<Vec<u32>, Error> {
        let mut tokens = Vec::new();
        match &self.file {
            None => tokens = tokenizer.encode(TEXT)?.ids,
            Some(path) => {
                let corpus = Corpus::new(vec![path.clone()], &self.field)?;
                corpus.for_each(&mut |document| -> Result<_, Error> {
                    tokens.extend(if document.part.is_first() {
                        tokenizer.encode(document.text)?.ids
                    } else {
                        tokenizer.encode_continuation(document.text)?
                    });
                    let is_enough = tokens.len() >= self.n_tokens;
                    Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })?;
            }
        }
        tokens.truncate(self.n_tokens);
        Ok(tokens)
    }
}
