//! What is to be edited: a prompt, its subject and the new target.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One fact to write, as text or as tokens.
///
/// In JSON a text request is `{"prompt", "subject", "target"}`, where the target may also be the
/// reference's `"target_new": {"str": …}`; a token request is
/// `{"prompt_tokens", "subject": [first, end], "target_tokens"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RequestJson", untagged)]
pub enum Request {
    /// A prompt with one `{}` for the subject, or a full sentence that contains it (the last
    /// occurrence counts). A `{}` in a prompt is always the place, even where the subject has one
    /// itself; braces of the subject are text.
    Text {
        /// The prompt.
        prompt: String,
        /// The subject.
        subject: String,
        /// The new target; a blank is put in front unless it has one.
        target: String,
    },
    /// Tokens, taken exactly as they are.
    Tokens {
        /// The tokens of the prompt, subject included, target excluded.
        prompt_tokens: Vec<u32>,
        /// The subject's tokens in the prompt, end exclusive.
        #[serde(serialize_with = "as_pair")]
        subject: Range<usize>,
        /// The tokens of the target.
        target_tokens: Vec<u32>,
    },
}

impl Request {
    /// Makes a request from text.
    pub fn text(prompt: impl Into<String>, subject: impl Into<String>, target: impl Into<String>) -> Self {
        Request::Text { prompt: prompt.into(), subject: subject.into(), target: target.into() }
    }

    /// Makes a request from tokens; `subject` is the range of its tokens in the prompt.
    pub fn tokens(prompt: Vec<u32>, subject: Range<usize>, target: Vec<u32>) -> Self {
        Request::Tokens { prompt_tokens: prompt, subject, target_tokens: target }
    }

    /// The prompt with its subject, as a person reads it.
    pub fn prompt(&self) -> String {
        match self {
            Request::Text { prompt, subject, .. } => fill(prompt, subject),
            Request::Tokens { prompt_tokens, .. } => format!("{prompt_tokens:?}"),
        }
    }
}

impl fmt::Display for Request {
    /// The prompt with its subject and, after an arrow, the target, on [one line](one_line).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Text { target, .. } => {
                write!(f, "{} → {}", one_line(&self.prompt()), one_line(target.trim()))
            }
            Request::Tokens { target_tokens, .. } => write!(f, "{} → {target_tokens:?}", self.prompt()),
        }
    }
}

/// A prompt with the subject in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    pub(crate) text: String,
    /// The subject's bytes, without blanks at its ends.
    pub(crate) subject: Range<usize>,
}

impl Sentence {
    /// Puts `subject` where the prompt has its `{}`; without one, finds it in the prompt: its last
    /// occurrence as it is written or, if there is none, without blanks at its ends.
    pub(crate) fn new(prompt: &str, subject: &str) -> Result<Self, RequestError> {
        let trimmed = subject.trim();
        if trimmed.is_empty() {
            return Err(RequestError::EmptySubject);
        }
        let leading = subject.len() - subject.trim_start().len();
        let (text, start) = match prompt.matches("{}").count() {
            0 => {
                let as_written = prompt.rfind(subject).map(|start| start + leading);
                let start = as_written.or_else(|| prompt.rfind(trimmed));
                let start = start.ok_or_else(|| RequestError::SubjectNotFound {
                    subject: subject.to_owned(),
                    prompt: prompt.to_owned(),
                })?;
                (prompt.to_owned(), start)
            }
            1 => {
                let start = prompt.find("{}").unwrap_or_default();
                (fill(prompt, subject), start + leading)
            }
            count => return Err(RequestError::ManySlots { prompt: prompt.to_owned(), count }),
        };
        Ok(Self { text, subject: start..start + trimmed.len() })
    }
}

/// Spells out the characters of a text that would end the line, command a terminal or turn the
/// order of what is read, for it may come from another's file.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
                line.extend(letter.escape_unicode());
            }
            _ if letter.is_control() => line.extend(letter.escape_default()),
            _ => line.push(letter),
        }
    }
    line
}

/// Replaces the first `{}` of a template and nothing else, so that other braces are text.
pub(crate) fn fill(template: &str, value: &str) -> String {
    template.replacen("{}", value, 1)
}

/// Returns the target's text with one blank in front.
///
/// # Errors
/// [`RequestError::EmptyTarget`] when there is nothing but blanks.
pub fn spaced_target(target: &str) -> Result<String, RequestError> {
    if target.trim().is_empty() {
        return Err(RequestError::EmptyTarget);
    }
    Ok(if target.starts_with(' ') { target.to_owned() } else { format!(" {target}") })
}

fn as_pair<S: serde::Serializer>(range: &Range<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    [range.start, range.end].serialize(serializer)
}

/// The fields of both forms, so that a mistake is named instead of "no variant matched".
#[derive(Deserialize)]
struct RequestJson {
    prompt: Option<String>,
    subject: Option<serde_json::Value>,
    target: Option<String>,
    target_new: Option<TargetNew>,
    prompt_tokens: Option<Vec<u32>>,
    target_tokens: Option<Vec<u32>>,
}

#[derive(Deserialize)]
struct TargetNew {
    str: String,
}

impl TryFrom<RequestJson> for Request {
    type Error = RequestError;

    fn try_from(json: RequestJson) -> Result<Self, RequestError> {
        let missing = |field| RequestError::MissingField { field };
        if let Some(prompt_tokens) = json.prompt_tokens {
            let range = json.subject.and_then(|subject| serde_json::from_value::<[usize; 2]>(subject).ok());
            let Some([first, end]) = range else {
                return Err(missing("\"subject\": [first, end] (the subject's tokens)"));
            };
            let target_tokens = json.target_tokens.ok_or(missing("\"target_tokens\""))?;
            return Ok(Request::tokens(prompt_tokens, first..end, target_tokens));
        }
        let prompt = json.prompt.ok_or(missing("\"prompt\" or \"prompt_tokens\""))?;
        let Some(serde_json::Value::String(subject)) = json.subject else {
            return Err(missing("\"subject\" (a string, as the prompt is text)"));
        };
        let target = json.target.or(json.target_new.map(|target| target.str)).ok_or(missing("\"target\""))?;
        Ok(Request::Text { prompt, subject, target })
    }
}

/// Why a request cannot be made into rows of tokens.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    /// A field of the JSON form is missing or has the wrong type.
    #[error("the request has no {field}")]
    MissingField {
        /// The missing field.
        field: &'static str,
    },
    /// The subject is empty or blank.
    #[error("the subject is empty")]
    EmptySubject,
    /// The target is empty or blank.
    #[error("the target is empty")]
    EmptyTarget,
    /// The prompt has no `{}` and does not contain the subject.
    #[error("the subject {subject:?} does not occur in the prompt {prompt:?}")]
    SubjectNotFound {
        /// The subject.
        subject: String,
        /// The prompt.
        prompt: String,
    },
    /// The prompt or context has more than one `{}`.
    #[error("{prompt:?} has {count} places marked {{}}, and at most one is allowed")]
    ManySlots {
        /// The prompt or context.
        prompt: String,
        /// How many it has.
        count: usize,
    },
    /// A context has no `{}`.
    #[error("the context {context:?} has no {{}} to put the prompt in")]
    NoSlot {
        /// The context.
        context: String,
    },
    /// There is no context to average a key over.
    #[error("the list of contexts is empty")]
    NoContexts,
    /// A context puts text after the prompt, which tokens cannot be joined with.
    #[error("the context {context:?} goes on after {{}}, which a request given as tokens cannot use")]
    ContextAfterTokens {
        /// The context.
        context: String,
    },
    /// The subject's range is empty or outside of the prompt.
    #[error("the subject's tokens [{}, {}) are not a part of a prompt of {len} tokens", .subject.start, .subject.end)]
    SubjectRange {
        /// The range given.
        subject: Range<usize>,
        /// The prompt's length.
        len: usize,
    },
    /// A preservation prompt's lookup position is outside of its tokens.
    #[error("the lookup position {lookup} is not in a preservation prompt of {len} tokens")]
    Lookup {
        /// The position.
        lookup: usize,
        /// The number of tokens.
        len: usize,
    },
    /// A preservation prompt is a sentence, but the request has no subject as text.
    #[error(
        "the preservation prompt {prompt:?} needs the subject as text, but the request is given as tokens"
    )]
    PreservationText {
        /// The preservation prompt.
        prompt: String,
    },
    /// A row is longer than the model's context.
    #[error("a row has {len} tokens, and the model takes {n_positions}: {text:?}")]
    TooLong {
        /// The row's length in tokens.
        len: usize,
        /// The model's context length.
        n_positions: usize,
        /// The start of the row's text or tokens.
        text: String,
    },
    /// A token id is outside of the model's vocabulary.
    #[error("the token {token} is outside of the model's vocabulary of {vocab_size}")]
    UnknownToken {
        /// The token id.
        token: u32,
        /// The number of embeddings.
        vocab_size: usize,
    },
    /// The tokenizer left nothing of the subject.
    #[error("no token of {text:?} belongs to the subject")]
    SubjectLost {
        /// The sentence.
        text: String,
    },
    /// The tokenizer failed.
    #[error("{0}")]
    Tokenizer(String),
}

impl RequestError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::MissingField { .. } => {
                "give {\"prompt\", \"subject\", \"target\"} or {\"prompt_tokens\", \"subject\": [first, end], \"target_tokens\"}"
            }
            Self::EmptySubject => "name what the fact is about, as it stands in the prompt",
            Self::EmptyTarget => "name the new object, such as \" Rome\"",
            Self::SubjectNotFound { .. } => "mark the subject's place with {}, or spell it as in the prompt",
            Self::ManySlots { .. } => "mark one place with {}",
            Self::NoSlot { .. } => "write it as \"Some text. {}\", or give a list of token ids",
            Self::NoContexts => "give at least \"{}\", the prompt without a prefix",
            Self::ContextAfterTokens { .. } => "end the context with {}, or give a list of token ids",
            Self::SubjectRange { .. } | Self::Lookup { .. } => {
                "count from 0; the end of a range is exclusive"
            }
            Self::PreservationText { .. } => "use a template with {}, or {\"tokens\", \"lookup\"}",
            Self::TooLong { .. } => "shorten the prompt, the context or the target",
            Self::UnknownToken { .. } => "use the token ids of this model's tokenizer",
            Self::SubjectLost { .. } | Self::Tokenizer(_) => "check that the tokenizer belongs to the model",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_the_subject_and_leaves_other_braces() {
        let sentence = Sentence::new("{x} {} {y", "A {b} c").unwrap();
        assert_eq!(sentence.text, "{x} A {b} c {y");
        assert_eq!(&sentence.text[sentence.subject], "A {b} c");
    }

    #[test]
    fn a_sentence_uses_the_last_occurrence() {
        let sentence = Sentence::new("Iowa, oh Iowa, is", "Iowa").unwrap();
        assert_eq!(sentence.subject, 9..13);
    }

    #[test]
    fn blanks_around_a_subject_do_not_move_its_end() {
        let sentence = Sentence::new("In {}is", " Iowa ").unwrap();
        assert_eq!(&sentence.text[sentence.subject], "Iowa");
    }

    #[test]
    fn blanks_around_a_subject_choose_among_its_occurrences_and_may_be_wrong() {
        let sentence = Sentence::new("Is art a part of the party?", " art ").unwrap();
        assert_eq!(sentence.subject, 3..6);
        let sentence = Sentence::new("I saw Iowa", "Iowa ").unwrap();
        assert_eq!(sentence.subject, 6..10);
    }

    #[test]
    fn a_subject_with_braces_is_text_once_it_is_in_its_place() {
        let sentence = Sentence::new("The macro {} is", "print!(\"{}\")").unwrap();
        assert_eq!(sentence.text, "The macro print!(\"{}\") is");
        assert_eq!(&sentence.text[sentence.subject], "print!(\"{}\")");
    }

    #[test]
    fn two_slots_are_refused() {
        assert!(matches!(Sentence::new("{} and {}", "x"), Err(RequestError::ManySlots { count: 2, .. })));
    }

    #[test]
    fn what_would_command_a_terminal_is_spelled_out() {
        let request = Request::text("\u{1b}[2J{} is\n", "Zürich 東京 \\ \"x\"\0", "\u{202e}emoR\u{9b}");
        let line = "\\u{1b}[2JZürich 東京 \\ \"x\"\\u{0} is\\n → \\u{202e}emoR\\u{9b}";
        assert_eq!(request.to_string(), line);
    }

    /// One that has its blank got a second one elsewhere (EasyEdit).
    #[test]
    fn a_target_gets_one_blank() {
        assert_eq!(spaced_target("Rome").unwrap(), " Rome");
        assert_eq!(spaced_target(" Rome").unwrap(), " Rome");
        assert_eq!(spaced_target(" "), Err(RequestError::EmptyTarget));
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = serde_json::from_str::<Request>(r#"{"prompt": "{} is", "subject": "x"}"#).unwrap_err();
        assert!(error.to_string().contains("the request has no \"target\""), "{error}");
    }
}
