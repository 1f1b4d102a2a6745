//! Records of prompts for an audit.

use std::path::Path;

use rome_core::Request;
use rome_files::{JsonError, JsonFile, JsonItem};
use serde::Deserialize;

use crate::error::EvalError;
use crate::facts::Facts;
use crate::other_forms;
use crate::rewrite::Rewrite;

/// No file of prompts comes near this.
const MAX_PROMPTS: u64 = 256 << 20;

/// Prompts of a kind that are chosen among facts.
const N_CHOSEN: usize = 8;

/// Prompts to ask about an edit, by the names that CounterFact has for them. All of it may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuditRecord {
    /// The subject of the edits that it is for.
    pub subject: Option<String>,
    /// The old object.
    pub old: Option<String>,
    /// The edit that it is for, in a record of CounterFact; its old object has no name if it is not known.
    pub requested_rewrite: Option<Rewrite>,
    /// The same in other words.
    pub paraphrase_prompts: Vec<String>,
    /// Of subjects that share the old object.
    pub neighborhood_prompts: Vec<String>,
    /// Of nothing that has to do with the edit.
    pub unrelated_prompts: Vec<String>,
}

impl AuditRecord {
    /// Reads one record, a list of them, or one a line.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Vec<Self>, EvalError> {
        let malformed = |error: JsonError| EvalError::AuditRecords(Box::new(error));
        let read = JsonFile::read(path, MAX_PROMPTS)?.map_err(malformed)?;
        let records = read.into_items().into_iter().map(|item| {
            let item = item.map_err(malformed)?;
            JsonItem { value: other_forms::audit(item.value), ..item }.parse().map_err(malformed)
        });
        records.collect()
    }

    /// Chooses prompts for a request about one of some facts; none for a request about something else.
    pub(super) fn of_fact(facts: &Facts, request: &Request) -> Option<Self> {
        let Request::Text { prompt, subject, .. } = request else { return None };
        let fact = facts.by_prompt(prompt, subject)?;
        let others = facts.templates(fact).iter().filter(|template| *template != prompt);
        let neighbours = facts.neighbours(fact).take(N_CHOSEN);
        Some(Self {
            subject: Some(subject.clone()),
            old: Some(fact.target_true.clone()),
            paraphrase_prompts: others
                .take(N_CHOSEN)
                .map(|template| template.replacen("{}", subject, 1))
                .collect(),
            neighborhood_prompts: neighbours.map(|other| prompt.replacen("{}", &other.subject, 1)).collect(),
            ..Self::default()
        })
    }

    /// True if it is for a request: by the prompt that it rewrites, or else by the subject.
    pub(super) fn is_about(&self, request: &Request) -> bool {
        let Request::Text { subject, .. } = request else { return true };
        match (&self.requested_rewrite, &self.subject) {
            (Some(rewrite), _) => rewrite.sentence() == request.prompt(),
            (None, Some(of_record)) => of_record == subject,
            (None, None) => true,
        }
    }

    /// The old object, if it is known.
    pub(super) fn old_object(&self) -> Option<&str> {
        let of_rewrite = || Some(self.requested_rewrite.as_ref()?.target_true.str.as_str());
        self.old.as_deref().or_else(of_rewrite).filter(|old| !old.is_empty())
    }
}

/// A prompt of each relation of some facts that no request is about.
pub(super) fn unrelated_prompts<'r>(
    facts: &Facts,
    requests: impl Iterator<Item = &'r Request> + Clone,
) -> Vec<String> {
    let is_asked = |template: &String| {
        requests.clone().any(|request| matches!(request, Request::Text { prompt, .. } if prompt == template))
    };
    let others = facts.relations().filter(|(_, templates)| !templates.iter().any(is_asked));
    let prompts =
        others.filter_map(|(fact, templates)| Some(templates.first()?.replacen("{}", &fact.subject, 1)));
    prompts.take(N_CHOSEN).collect()
}
