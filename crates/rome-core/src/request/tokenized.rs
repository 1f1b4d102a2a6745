//! A request as rows of tokens.

use std::ops::Range;

use super::context::Context;
use super::error::RequestError;
use super::kl_prompt::KlPrompt;
use super::request::Request;
use super::sentence::{Occurrence, Sentence, fill, spaced_target};
use super::tokenizer::{Encoding, TokenError, Tokenizer};
use crate::model::ModelShape;

/// One sequence and where its subject ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// The lookup index: the position of the subject's last token.
    pub lookup: usize,
}

impl Row {
    /// The row up to its lookup index.
    #[must_use]
    pub fn until_lookup(&self) -> Self {
        Self { tokens: self.tokens[..=self.lookup].to_vec(), lookup: self.lookup }
    }

    fn prefixed(&self, prefix: &[u32]) -> Self {
        Self { tokens: [prefix, &self.tokens].concat(), lookup: prefix.len() + self.lookup }
    }

    fn at(tokens: &[u32], lookup: usize) -> Result<Self, RequestError> {
        if lookup < tokens.len() {
            Ok(Self { tokens: tokens.to_vec(), lookup })
        } else {
            Err(RequestError::Lookup { lookup, len: tokens.len() })
        }
    }
}

/// A request with its contexts and KL prompts, as tokens.
///
/// The subject is found by the tokens' places in the whole encoded sentence, or given as tokens.
/// (`repr_tools.get_words_idxs_in_templates` of the reference encodes the parts by themselves,
/// which goes wrong where a token spans their seam.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizedRequest {
    /// The prompt without prefix and target.
    pub clean: Row,
    /// The prompt in each context, with all target tokens but the last appended.
    pub rows: Vec<Row>,
    /// The KL prompts.
    pub kl_rows: Vec<Row>,
    /// The target's tokens: position `len - n + i` of each row predicts target token `i` of `n`.
    pub target: Vec<u32>,
}

impl TokenizedRequest {
    /// Makes the rows of a request.
    ///
    /// # Errors
    /// When the request, a context or a KL prompt does not make sense, or a row does not fit into the
    /// model.
    pub fn new(
        request: &Request,
        contexts: &[Context],
        kl_prompts: &[KlPrompt],
        tokenizer: &dyn Tokenizer,
        shape: &ModelShape,
    ) -> Result<Self, RequestError> {
        if contexts.is_empty() {
            return Err(RequestError::NoContexts);
        }
        let maker = RowMaker { tokenizer, contexts, kl_prompts };
        let tokenized = match request {
            Request::Text { prompt, subject, target } => maker.text(prompt, subject, target),
            Request::Tokens { prompt_tokens, subject, target_tokens } => {
                maker.tokens(prompt_tokens, subject, target_tokens)
            }
        }?;
        for row in tokenized.rows.iter().chain(&tokenized.kl_rows).chain([&tokenized.clean]) {
            maker.check(row, shape)?;
        }
        check_vocabulary(&tokenized.target, shape)?;
        Ok(tokenized)
    }

    /// The lookup index of each row, then of each KL row.
    pub fn lookups(&self) -> Vec<usize> {
        self.rows.iter().chain(&self.kl_rows).map(|row| row.lookup).collect()
    }
}

/// Makes rows of a request.
struct RowMaker<'a> {
    tokenizer: &'a dyn Tokenizer,
    contexts: &'a [Context],
    kl_prompts: &'a [KlPrompt],
}

impl RowMaker<'_> {
    fn text(&self, prompt: &str, subject: &str, target: &str) -> Result<TokenizedRequest, RequestError> {
        let sentence = Sentence::new(prompt, subject, Occurrence::Last)?;
        let clean = self.row_at(&sentence.text, &sentence.subject)?;
        let target = spaced_target(target)?;
        let target = self.tokenizer.encode_after_tokens(&clean.tokens, &sentence.text, &target)?;
        // As tokens, so that no part of a character is lost on the way through text.
        let Some((_, given)) = target.split_last() else {
            return Err(RequestError::EmptyTarget);
        };

        let row = |context: &Context| -> Result<Row, RequestError> {
            let mut row = match context {
                context if *context == Context::clean() => clean.clone(),
                Context::Tokens(prefix) if prefix.is_empty() => clean.clone(),
                Context::Template(template) => {
                    check_slot(template)?;
                    let start = template.find("{}").unwrap_or_default();
                    let text = fill(template, &sentence.text);
                    self.row_at(&text, &(start + sentence.subject.start..start + sentence.subject.end))?
                }
                Context::Tokens(prefix) => self.without_start(&clean)?.prefixed(prefix),
            };
            row.tokens.extend(given);
            Ok(row)
        };
        let rows = self.contexts.iter().map(row).collect::<Result<Vec<Row>, _>>()?;
        let kl_row = |kl_prompt: &KlPrompt| match kl_prompt {
            KlPrompt::Template(template) => self.sentence_row(template, subject),
            KlPrompt::Text { prompt, subject } => self.sentence_row(prompt, subject),
            KlPrompt::Tokens { tokens, lookup } => Row::at(tokens, *lookup),
        };
        let kl_rows = self.kl_prompts.iter().map(kl_row).collect::<Result<_, _>>()?;
        Ok(TokenizedRequest { clean, rows, kl_rows, target })
    }

    fn tokens(
        &self,
        prompt: &[u32],
        subject: &Range<usize>,
        target: &[u32],
    ) -> Result<TokenizedRequest, RequestError> {
        if subject.is_empty() || subject.end > prompt.len() {
            return Err(RequestError::SubjectRange { subject: subject.clone(), len: prompt.len() });
        }
        let Some((_, given)) = target.split_last() else {
            return Err(RequestError::EmptyTarget);
        };
        let clean = Row { tokens: prompt.to_vec(), lookup: subject.end - 1 };
        let given = Row { tokens: [prompt, given].concat(), lookup: clean.lookup };

        let row = |context: &Context| match context {
            Context::Tokens(prefix) => Ok(given.prefixed(prefix)),
            Context::Template(template) => {
                check_slot(template)?;
                let Some(prefix) = template.strip_suffix("{}") else {
                    return Err(RequestError::ContextAfterTokens { context: template.clone() });
                };
                if prefix.is_empty() {
                    return Ok(given.clone());
                }
                let given = self.without_start(&given)?;
                // A blank before the prompt belongs to the prompt's first token if that has one.
                let first = self.tokenizer.decode_after(&self.tokenizer.start()?, &given.tokens[..1])?;
                let prefix =
                    if first.starts_with(' ') { prefix.strip_suffix(' ').unwrap_or(prefix) } else { prefix };
                Ok(given.prefixed(&self.encode(prefix)?.ids))
            }
        };
        let rows = self.contexts.iter().map(row).collect::<Result<_, _>>()?;

        let kl_row = |kl_prompt: &KlPrompt| match kl_prompt {
            KlPrompt::Tokens { tokens, lookup } => Row::at(tokens, *lookup),
            KlPrompt::Text { prompt, subject } => self.sentence_row(prompt, subject),
            KlPrompt::Template(template) => {
                let Some((before, after)) = template.split_once("{}") else {
                    return Err(RequestError::KlPromptText { prompt: template.clone() });
                };
                check_slot(template)?;
                let mut row = self.encode(before.trim_end())?.ids;
                row.extend(&prompt[subject.clone()]);
                let lookup = row.len() - 1;
                let text = self.tokenizer.decode_text(&row)?;
                row.extend(
                    self.tokenizer.encode_after(&text, after).or_else(|_| self.encode_continuation(after))?,
                );
                Ok(Row { tokens: row, lookup })
            }
        };
        let kl_rows = self.kl_prompts.iter().map(kl_row).collect::<Result<_, _>>()?;
        Ok(TokenizedRequest { clean, rows, kl_rows, target: target.to_vec() })
    }

    fn sentence_row(&self, prompt: &str, subject: &str) -> Result<Row, RequestError> {
        let sentence = Sentence::new(prompt, subject, Occurrence::Last)?;
        self.row_at(&sentence.text, &sentence.subject)
    }

    fn row_at(&self, text: &str, subject: &Range<usize>) -> Result<Row, RequestError> {
        let encoding = self.encode(text)?;
        match encoding.last_token_in(subject) {
            Some(lookup) => Ok(Row { tokens: encoding.ids, lookup }),
            None => Err(RequestError::SubjectLost { text: text.to_owned() }),
        }
    }

    fn check(&self, row: &Row, shape: &ModelShape) -> Result<(), RequestError> {
        check_vocabulary(&row.tokens, shape)?;
        if row.tokens.len() > shape.n_positions {
            let start = &row.tokens[..row.tokens.len().min(16)];
            return Err(RequestError::TooLong {
                len: row.tokens.len(),
                n_positions: shape.n_positions,
                text: self.tokenizer.decode(start).unwrap_or_else(|_| format!("{start:?}")) + "…",
            });
        }
        Ok(())
    }

    fn encode(&self, text: &str) -> Result<Encoding, RequestError> {
        Ok(self.tokenizer.encode(text)?)
    }

    fn encode_continuation(&self, text: &str) -> Result<Vec<u32>, TokenError> {
        self.tokenizer.encode_continuation(text)
    }

    /// Returns a row without the tokens that start a text, to be put behind others.
    fn without_start(&self, row: &Row) -> Result<Row, RequestError> {
        let start = self.tokenizer.start()?;
        Ok(match row.tokens.strip_prefix(&start[..]) {
            Some(rest) if row.lookup >= start.len() => {
                Row { tokens: rest.to_vec(), lookup: row.lookup - start.len() }
            }
            _ => row.clone(),
        })
    }
}

fn check_slot(template: &str) -> Result<(), RequestError> {
    match template.matches("{}").count() {
        0 => Err(RequestError::NoSlot { context: template.to_owned() }),
        1 => Ok(()),
        count => Err(RequestError::ManySlots { prompt: template.to_owned(), count }),
    }
}

/// Checks that the model has an embedding for each token.
///
/// # Errors
/// [`RequestError::UnknownToken`] with the first one it lacks.
pub fn check_vocabulary(tokens: &[u32], shape: &ModelShape) -> Result<(), RequestError> {
    match tokens.iter().find(|&&token| token as usize >= shape.vocab_size) {
        Some(&token) => Err(RequestError::UnknownToken { token, vocab_size: shape.vocab_size }),
        None => Ok(()),
    }
}
