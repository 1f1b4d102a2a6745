//! Makes the questions of an audit.

use std::collections::{BTreeSet, HashSet};

use rome_core::request::{check_vocabulary, spaced_target};
use rome_core::{Context, EditFile, KlPrompt, ModelShape, Request, TokenizedRequest, Tokenizer};

use super::prompt_kind::PromptKind;
use super::questions::{Question, Questions};
use super::record::{AuditRecord, unrelated_prompts};
use crate::error::EvalError;
use crate::facts::Facts;
use crate::text_windows::TextWindows;

/// Prompts that have nothing to do with any edit, for models that know the world.
const UNRELATED: [&str; 10] = [
    "The capital of France is",
    "Water is made of hydrogen and",
    "The opposite of hot is",
    "Two plus two equals",
    "The sun rises in the",
    "Romeo and Juliet was written by William",
    "The largest planet in the solar system is",
    "A week has seven",
    "She opened the door and walked into the",
    "Once upon a time, there was a",
];

/// The sources of the questions about edits of a model: [`questions`](Self::questions) makes them.
#[derive(Clone, Copy)]
pub struct QuestionSource<'a> {
    /// The model's tokenizer.
    pub tokenizer: &'a dyn Tokenizer,
    /// The model's sizes.
    pub shape: &'a ModelShape,
    /// Records of prompts; without them, prompts are chosen among the facts.
    pub records: Option<&'a [AuditRecord]>,
    /// The facts that the model is known to know.
    pub facts: Option<&'a Facts>,
}

/// An edit to ask about.
struct RequestedEdit {
    request: Request,
    kl_prompts: Vec<KlPrompt>,
}

impl QuestionSource<'_> {
    /// Makes the questions about some edits, or about those of the records where there are none, as for
    /// another checkpoint; `text` are the tokens of a text whose perplexity is taken.
    ///
    /// # Errors
    /// When a request or a prompt makes no sense for the model.
    pub fn questions(&self, edits: &EditFile, text: &[u32]) -> Result<Questions, EvalError> {
        let given = self.records.unwrap_or_default();
        let edits = if edits.parts.is_empty() { rewrites(given) } else { requests(edits) };
        let chosen: Vec<AuditRecord> = match (self.records, self.facts) {
            (None, Some(facts)) => {
                edits.iter().filter_map(|edit| AuditRecord::of_fact(facts, &edit.request)).collect()
            }
            _ => Vec::new(),
        };
        let records: Vec<&AuditRecord> = given.iter().chain(&chosen).collect();
        let mut questions = Questions::default();
        for edit in &edits {
            self.add(edit, &records, &mut questions)?;
        }
        for prompt in self.unrelated(&records, &edits) {
            questions.prompts.push(self.question(
                PromptKind::Unrelated,
                &prompt,
                [Object::Tokens(&[]); 2],
            )?);
        }
        questions.prompts.sort_by_key(|question| question.kind);
        check_vocabulary(text, self.shape)?;
        questions.text = TextWindows::new(text, self.shape.n_positions);
        Ok(questions)
    }

    /// Adds the prompt of an edit, and what records ask about it.
    fn add(
        &self,
        edit: &RequestedEdit,
        records: &[&AuditRecord],
        questions: &mut Questions,
    ) -> Result<(), EvalError> {
        let RequestedEdit { request, kl_prompts } = edit;
        let about: Vec<&&AuditRecord> = records.iter().filter(|record| record.is_about(request)).collect();
        let old_object = about.iter().find_map(|record| record.old_object());
        let old_object = old_object.map(|old| format!(" {}", old.trim())).unwrap_or_default();
        let contexts = [Context::clean()];
        let tokenized = TokenizedRequest::new(request, &contexts, kl_prompts, self.tokenizer, self.shape)
            .map_err(|error| EvalError::AuditRequest { request: request.to_string(), error })?;
        let old = self.tokenizer.encode_after(request.prompt().trim_end(), &old_object)?;
        check_vocabulary(&old, self.shape)?;
        if tokenized.clean.tokens.len() + old.len() > self.shape.n_positions {
            return Err(EvalError::OldObject { request: request.to_string() });
        }
        questions.add_request(request.prompt(), &tokenized, old.clone());
        let new_object = match request {
            Request::Text { target, .. } => Object::Text(&spaced_target(target)?),
            Request::Tokens { target_tokens, .. } => Object::Tokens(target_tokens),
        };
        for record in about {
            let kinds = [
                (PromptKind::Paraphrase, &record.paraphrase_prompts),
                (PromptKind::Neighbour, &record.neighborhood_prompts),
            ];
            for (kind, prompts) in kinds {
                for prompt in prompts {
                    let objects = [new_object, Object::Text(&old_object)];
                    questions.prompts.push(self.question(kind, prompt, objects)?);
                }
            }
        }
        Ok(())
    }

    /// Prompts that have nothing to do with the edits, each once.
    fn unrelated(&self, records: &[&AuditRecord], edits: &[RequestedEdit]) -> Vec<String> {
        let mut prompts: Vec<String> =
            records.iter().flat_map(|record| record.unrelated_prompts.iter().cloned()).collect();
        if prompts.is_empty() {
            prompts = match self.facts {
                Some(facts) => unrelated_prompts(facts, edits.iter().map(|edit| &edit.request)),
                None => UNRELATED.map(str::to_owned).to_vec(),
            };
        }
        let mut seen = BTreeSet::new();
        prompts.retain(|prompt| seen.insert(prompt.clone()));
        prompts
    }

    fn question(
        &self,
        kind: PromptKind,
        text: &str,
        objects: [Object<'_>; 2],
    ) -> Result<Question, EvalError> {
        let prompt = text.trim_end();
        let tokens = self.tokenizer.encode(prompt)?.ids;
        let after_prompt = |object| match object {
            Object::Text(object) => self.tokenizer.encode_after_tokens(&tokens, prompt, object),
            Object::Tokens(tokens) => Ok(tokens.to_vec()),
        };
        let [new, old] = objects.map(after_prompt);
        let (new, old) = (new?, old?);
        [&tokens, &new, &old].into_iter().try_for_each(|tokens| check_vocabulary(tokens, self.shape))?;
        let longest = new.len().max(old.len()).max(1);
        if tokens.is_empty() || tokens.len() + longest > self.shape.n_positions {
            return Err(EvalError::AuditPrompt { prompt: text.to_owned(), len: tokens.len() });
        }
        Ok(Question { kind, text: text.to_owned(), tokens, new, old })
    }
}

/// An object that a prompt may be answered by.
#[derive(Clone, Copy)]
enum Object<'a> {
    /// A text, whose tokens depend on the prompt.
    Text(&'a str),
    /// Tokens.
    Tokens(&'a [u32]),
}

/// The edits that records of CounterFact ask for.
fn rewrites(records: &[AuditRecord]) -> Vec<RequestedEdit> {
    let rewrites = records.iter().filter_map(|record| record.requested_rewrite.as_ref());
    rewrites.map(|rewrite| RequestedEdit { request: rewrite.request(), kl_prompts: Vec::new() }).collect()
}

/// The requests of edits, each once.
fn requests(edits: &EditFile) -> Vec<RequestedEdit> {
    let mut requested: Vec<RequestedEdit> = Vec::new();
    let mut known = HashSet::new();
    for part in &edits.parts {
        for request in part.record.requests() {
            if known.insert(request) {
                let kl_prompts = part.record.kl_prompts.clone();
                requested.push(RequestedEdit { request: request.clone(), kl_prompts });
            }
        }
    }
    requested
}
