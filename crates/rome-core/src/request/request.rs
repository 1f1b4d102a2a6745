//! An edit request: a prompt, its subject and the new target.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::error::RequestError;
use super::sentence::{fill, one_line};

/// One fact to write, as text or as tokens.
///
/// In JSON a text request is `{"prompt", "subject", "target"}`, where the target may also be the
/// reference's `"target_new": {"str": …}` or EasyEdit's `"target_new": "…"`; a record of CounterFact stands for
/// its `requested_rewrite`. A token request is
/// `{"prompt_tokens", "subject": [first, end], "target_tokens"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RequestJson", untagged)]
pub enum Request {
    /// A prompt with one `{}` for the subject, or a full sentence that contains it (the last
    /// occurrence counts). A `{}` in a prompt is always the place, even where the subject has one
    /// itself; braces of the subject are text.
    Text {
        /// The prompt. Blanks at its end are left out.
        prompt: String,
        /// The subject.
        subject: String,
        /// The new target. One blank is put in front; others at its ends are left out.
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

    /// The places of blanks that are left out, in words, such as "at the end of the prompt"; none if there
    /// are none.
    pub fn stray_blanks(&self) -> Option<&'static str> {
        let Request::Text { prompt, target, .. } = self else { return None };
        let in_target = target.strip_prefix(' ').unwrap_or(target);
        match (prompt.trim_end() != prompt, in_target.trim() != in_target) {
            (true, true) => Some("at the end of the prompt and around the target"),
            (true, false) => Some("at the end of the prompt"),
            (false, true) => Some("around the target"),
            (false, false) => None,
        }
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

fn as_pair<S: serde::Serializer>(range: &Range<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    [range.start, range.end].serialize(serializer)
}

/// The fields of both forms, so that a mistake is named instead of "no variant matched".
#[derive(Deserialize)]
struct RequestJson {
    prompt: Option<String>,
    subject: Option<serde_json::Value>,
    target: Option<String>,
    target_new: Option<serde_json::Value>,
    requested_rewrite: Option<Box<RequestJson>>,
    prompt_tokens: Option<Vec<u32>>,
    target_tokens: Option<Vec<u32>>,
}

impl TryFrom<RequestJson> for Request {
    type Error = RequestError;

    fn try_from(json: RequestJson) -> Result<Self, RequestError> {
        let missing = |field| RequestError::MissingField { field };
        if let Some(rewrite) = json.requested_rewrite {
            return Self::try_from(*rewrite);
        }
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
        let target_new = || -> Option<String> {
            let target = json.target_new?;
            Some(target.as_str().or_else(|| target.get("str")?.as_str())?.to_owned())
        };
        let target = json.target.or_else(target_new).ok_or(missing("\"target\""))?;
        Ok(Request::Text { prompt, subject, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_command_a_terminal_is_spelled_out() {
        let request = Request::text("\u{1b}[2J{} is\n", "Zürich 東京 \\ \"x\"\0", "\u{202e}emoR\u{9b}");
        let line = "\\u{1b}[2JZürich 東京 \\ \"x\"\\u{0} is\\n → \\u{202e}emoR\\u{9b}";
        assert_eq!(request.to_string(), line);
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = serde_json::from_str::<Request>(r#"{"prompt": "{} is", "subject": "x"}"#).unwrap_err();
        assert!(error.to_string().contains("the request has no \"target\""), "{error}");
    }

    #[test]
    fn requests_of_other_tools_are_read() {
        let expected = Request::text("{} is", "x", "y");
        for json in [
            r#"{"prompt": "{} is", "subject": "x", "target": "y"}"#,
            r#"{"prompt": "{} is", "subject": "x", "target_new": {"str": "y", "id": "Q1"}}"#,
            r#"{"prompt": "{} is", "subject": "x", "target_new": "y", "ground_truth": ["z"], "portability": {}}"#,
            r#"{"case_id": 0, "requested_rewrite": {"prompt": "{} is", "subject": "x", "target_new": {"str": "y"},
                "target_true": {"str": "z"}}, "paraphrase_prompts": []}"#,
        ] {
            assert_eq!(serde_json::from_str::<Request>(json).unwrap(), expected, "{json}");
        }
    }
}
