//! The rows of tokens that a request is optimised over.

use std::ops::Range;

use crate::request::{RequestError, Sentence, fill, spaced_target};
use crate::{Context, ModelShape, Preservation, Request, TokenCodec};

/// One sequence and where its subject ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// The lookup index: the position of the subject's last token.
    pub lookup: usize,
}

/// A request with its contexts and preservation prompts, as tokens.
///
/// The subject is found by the tokens' places in the whole encoded sentence, or given as tokens.
/// (`repr_tools.get_words_idxs_in_templates` of the reference encodes the parts by themselves,
/// which goes wrong where a token spans their seam.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditRows {
    /// The prompt without prefix and target.
    pub clean: Row,
    /// The prompt in each context, with all target tokens but the last appended.
    pub rows: Vec<Row>,
    /// The preservation prompts.
    pub preservations: Vec<Row>,
    /// The target's tokens: position `len - n + i` of each row predicts target token `i` of `n`.
    pub target: Vec<u32>,
}

impl EditRows {
    /// Makes the rows of a request.
    ///
    /// # Errors
    /// When the request, a context or a preservation prompt does not make sense, or a row does
    /// not fit into the model.
    pub fn new(
        request: &Request,
        contexts: &[Context],
        preservations: &[Preservation],
        tokens: &dyn TokenCodec,
        shape: &ModelShape,
    ) -> Result<Self, RequestError> {
        if contexts.is_empty() {
            return Err(RequestError::NoContexts);
        }
        let rows = match request {
            Request::Text { prompt, subject, target } => {
                text_rows(tokens, contexts, preservations, prompt, subject, target)
            }
            Request::Tokens { prompt_tokens, subject, target_tokens } => {
                token_rows(tokens, contexts, preservations, prompt_tokens, subject, target_tokens)
            }
        }?;
        for row in rows.rows.iter().chain(&rows.preservations).chain([&rows.clean]) {
            check(row, tokens, shape)?;
        }
        check_vocabulary(&rows.target, shape)?;
        Ok(rows)
    }

    /// The lookup index of each row, then of each preservation row.
    pub fn lookups(&self) -> Vec<usize> {
        self.rows.iter().chain(&self.preservations).map(|row| row.lookup).collect()
    }
}

fn text_rows(
    tokens: &dyn TokenCodec,
    contexts: &[Context],
    preservations: &[Preservation],
    prompt: &str,
    subject: &str,
    target: &str,
) -> Result<EditRows, RequestError> {
    let sentence = Sentence::new(prompt, subject)?;
    let target = encode_continuation(tokens, &spaced_target(target)?)?;
    // The whole sentence is encoded once, so the start of the target joins the prompt as text.
    let Some((_, given)) = target.split_last() else {
        return Err(RequestError::EmptyTarget);
    };
    let given = if given.is_empty() { String::new() } else { decode(tokens, given)? };

    let rows = contexts
        .iter()
        .map(|context| match context {
            Context::Template(template) => {
                check_slot(template)?;
                let start = template.find("{}").unwrap_or_default();
                let text = fill(template, &sentence.text) + &given;
                let subject = start + sentence.subject.start..start + sentence.subject.end;
                row_at(tokens, &text, &subject)
            }
            Context::Tokens(prefix) => {
                let row = row_at(tokens, &(sentence.text.clone() + &given), &sentence.subject)?;
                Ok(prefixed(prefix, row))
            }
        })
        .collect::<Result<Vec<Row>, _>>()?;
    if rows.iter().any(|row| row.tokens.len() < target.len()) {
        return Err(RequestError::SubjectLost { text: sentence.text });
    }

    let preservations = preservations
        .iter()
        .map(|preservation| match preservation {
            Preservation::Template(template) => text_row(tokens, template, subject),
            Preservation::Text { prompt, subject } => text_row(tokens, prompt, subject),
            Preservation::Tokens { tokens, lookup } => token_row(tokens, *lookup),
        })
        .collect::<Result<_, _>>()?;

    let clean = row_at(tokens, &sentence.text, &sentence.subject)?;
    Ok(EditRows { clean, rows, preservations, target })
}

fn token_rows(
    tokens: &dyn TokenCodec,
    contexts: &[Context],
    preservations: &[Preservation],
    prompt: &[u32],
    subject: &Range<usize>,
    target: &[u32],
) -> Result<EditRows, RequestError> {
    if subject.is_empty() || subject.end > prompt.len() {
        return Err(RequestError::SubjectRange { subject: subject.clone(), len: prompt.len() });
    }
    let Some((_, given)) = target.split_last() else {
        return Err(RequestError::EmptyTarget);
    };
    let clean = Row { tokens: prompt.to_vec(), lookup: subject.end - 1 };
    let row = Row { tokens: [prompt, given].concat(), lookup: clean.lookup };

    let rows = contexts
        .iter()
        .map(|context| match context {
            Context::Tokens(prefix) => Ok(prefixed(prefix, row.clone())),
            Context::Template(template) => {
                check_slot(template)?;
                let Some(prefix) = template.strip_suffix("{}") else {
                    return Err(RequestError::ContextAfterTokens { context: template.clone() });
                };
                // A blank before the prompt belongs to the prompt's first token if that has one.
                let starts_with_blank = decode(tokens, &prompt[..1])?.starts_with(' ');
                let prefix =
                    if starts_with_blank { prefix.strip_suffix(' ').unwrap_or(prefix) } else { prefix };
                Ok(prefixed(&encode(tokens, prefix)?.ids, row.clone()))
            }
        })
        .collect::<Result<_, _>>()?;

    let preservations = preservations
        .iter()
        .map(|preservation| match preservation {
            Preservation::Tokens { tokens, lookup } => token_row(tokens, *lookup),
            Preservation::Text { prompt, subject } => text_row(tokens, prompt, subject),
            Preservation::Template(template) => {
                let Some((before, after)) = template.split_once("{}") else {
                    return Err(RequestError::PreservationText { prompt: template.clone() });
                };
                check_slot(template)?;
                let mut row = encode(tokens, before.trim_end())?.ids;
                row.extend(&prompt[subject.clone()]);
                let lookup = row.len() - 1;
                row.extend(encode_continuation(tokens, after)?);
                Ok(Row { tokens: row, lookup })
            }
        })
        .collect::<Result<_, _>>()?;

    Ok(EditRows { clean, rows, preservations, target: target.to_vec() })
}

fn text_row(tokens: &dyn TokenCodec, prompt: &str, subject: &str) -> Result<Row, RequestError> {
    let sentence = Sentence::new(prompt, subject)?;
    row_at(tokens, &sentence.text, &sentence.subject)
}

fn row_at(tokens: &dyn TokenCodec, text: &str, subject: &Range<usize>) -> Result<Row, RequestError> {
    let encoding = encode(tokens, text)?;
    match encoding.last_token_in(subject) {
        Some(lookup) => Ok(Row { tokens: encoding.ids, lookup }),
        None => Err(RequestError::SubjectLost { text: text.to_owned() }),
    }
}

fn token_row(tokens: &[u32], lookup: usize) -> Result<Row, RequestError> {
    match lookup < tokens.len() {
        true => Ok(Row { tokens: tokens.to_vec(), lookup }),
        false => Err(RequestError::Lookup { lookup, len: tokens.len() }),
    }
}

fn prefixed(prefix: &[u32], row: Row) -> Row {
    Row { tokens: [prefix, &row.tokens].concat(), lookup: prefix.len() + row.lookup }
}

fn check_slot(template: &str) -> Result<(), RequestError> {
    match template.matches("{}").count() {
        0 => Err(RequestError::NoSlot { context: template.to_owned() }),
        1 => Ok(()),
        count => Err(RequestError::ManySlots { prompt: template.to_owned(), count }),
    }
}

fn check(row: &Row, tokens: &dyn TokenCodec, shape: &ModelShape) -> Result<(), RequestError> {
    check_vocabulary(&row.tokens, shape)?;
    if row.tokens.len() > shape.n_positions {
        let start = &row.tokens[..row.tokens.len().min(16)];
        return Err(RequestError::TooLong {
            len: row.tokens.len(),
            n_positions: shape.n_positions,
            text: tokens.decode(start).unwrap_or_else(|_| format!("{start:?}")) + "…",
        });
    }
    Ok(())
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

fn encode(tokens: &dyn TokenCodec, text: &str) -> Result<crate::tokens::Encoding, RequestError> {
    tokens.encode(text).map_err(|error| RequestError::Tokenizer(error.0))
}

fn encode_continuation(tokens: &dyn TokenCodec, text: &str) -> Result<Vec<u32>, RequestError> {
    tokens.encode_continuation(text).map_err(|error| RequestError::Tokenizer(error.0))
}

fn decode(tokens: &dyn TokenCodec, ids: &[u32]) -> Result<String, RequestError> {
    tokens.decode(ids).map_err(|error| RequestError::Tokenizer(error.0))
}
