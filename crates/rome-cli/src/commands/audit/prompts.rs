//! What a model is asked in an audit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context as _, Result};
use rome_audit::{Kind, Question, Questions};
use rome_core::rows::check_vocabulary;
use rome_core::{Context, EditFile, EditRows, Request, TokenCodec};
use rome_files::read_bounded;
use rome_session::Model;
use rome_stats::Corpus;
use serde::Deserialize;

use super::requests;
use crate::args::AuditArgs;
use crate::commands::TEXT;
use crate::error::CliError;

/// No file of prompts comes near this.
const MAX_PROMPTS: u64 = 256 << 20;

/// Prompts of a kind that are chosen for a bundled model.
const N_CHOSEN: usize = 8;

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

/// A record of prompts, by the names that CounterFact has for them.
#[derive(Debug, Default, Deserialize)]
struct Record {
    subject: Option<String>,
    /// The old object.
    old: Option<String>,
    requested_rewrite: Option<Rewrite>,
    #[serde(default)]
    paraphrase_prompts: Vec<String>,
    #[serde(default)]
    neighborhood_prompts: Vec<String>,
    #[serde(default)]
    unrelated_prompts: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Rewrite {
    prompt: String,
    subject: String,
    target_new: Target,
    target_true: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    str: String,
}

pub(crate) fn questions(args: &AuditArgs, model: &Model, file: &EditFile) -> Result<Questions> {
    let mut records = match &args.prompts {
        Some(path) => read(path)?,
        None => Vec::new(),
    };
    let mut questions = Questions::default();
    let of_edits: Vec<(Request, Vec<rome_core::Preservation>)> = match file.parts.is_empty() {
        false => requests(file)
            .into_iter()
            .map(|(request, record)| (request.clone(), record.preservations.clone()))
            .collect(),
        // Another checkpoint says nothing of its edits; records of CounterFact do.
        true => {
            let rewrites = records.iter().filter_map(|record| record.requested_rewrite.as_ref());
            rewrites
                .map(|rewrite| {
                    (Request::text(&rewrite.prompt, &rewrite.subject, &rewrite.target_new.str), Vec::new())
                })
                .collect()
        }
    };
    if args.prompts.is_none() && model.bundled.is_some() {
        records = of_edits.iter().filter_map(|(request, _)| known(request)).collect();
    }
    let asker = Asker { model };
    for (request, preservations) in &of_edits {
        let about: Vec<&Record> = records.iter().filter(|record| record.is_about(request)).collect();
        let old = about.iter().find_map(|record| record.old_object());
        let old = old.map(|old| asker.object(old)).transpose()?.unwrap_or_default();
        let rows = asker.rows(request, preservations).with_context(|| request.to_string())?;
        if rows.clean.tokens.len() + old.len() > model.causal_lm().shape().n_positions {
            let message = format!("the old object of {request} does not fit into the model after its prompt");
            return Err(CliError::with_hint(message, "give the object alone, as it would follow the prompt"));
        }
        questions.add_request(request.prompt(), &rows, old.clone());
        for record in about {
            let kinds = [
                (Kind::Paraphrase, &record.paraphrase_prompts),
                (Kind::Neighbour, &record.neighborhood_prompts),
            ];
            for (kind, prompts) in kinds {
                for text in prompts {
                    questions.prompts.push(asker.question(kind, text, &rows.target, &old)?);
                }
            }
        }
    }
    let mut unrelated: Vec<String> =
        records.iter().flat_map(|record| record.unrelated_prompts.iter().cloned()).collect();
    if unrelated.is_empty() {
        unrelated = match model.bundled.is_some() {
            true => unrelated_known(&of_edits),
            false => UNRELATED.map(str::to_owned).to_vec(),
        };
    }
    let mut seen = BTreeSet::new();
    unrelated.retain(|text| seen.insert(text.clone()));
    for text in &unrelated {
        questions.prompts.push(asker.question(Kind::Unrelated, text, &[], &[])?);
    }
    questions.prompts.sort_by_key(|question| question.kind);
    let tokens = asker.text(args)?;
    questions.set_text(&tokens, model.causal_lm().shape().n_positions);
    Ok(questions)
}

/// Makes questions of text for a model.
struct Asker<'m> {
    model: &'m Model,
}

impl Asker<'_> {
    fn rows(&self, request: &Request, preservations: &[rome_core::Preservation]) -> Result<EditRows> {
        let (tokens, shape) = (&self.model.pretrained.tokenizer, self.model.causal_lm().shape());
        Ok(EditRows::new(request, &[Context::clean()], preservations, tokens, shape)?)
    }

    fn question(&self, kind: Kind, text: &str, new: &[u32], old: &[u32]) -> Result<Question> {
        let tokens = self.model.pretrained.tokenizer.encode(text.trim_end())?.ids;
        let shape = self.model.causal_lm().shape();
        check_vocabulary(&tokens, shape)?;
        let longest = new.len().max(old.len()).max(1);
        if tokens.is_empty() || tokens.len() + longest > shape.n_positions {
            let message = format!("the prompt {text:?} has {} tokens", tokens.len());
            return Err(CliError::with_hint(
                message,
                "give prompts that are not empty and fit into the model",
            ));
        }
        Ok(Question { kind, text: text.to_owned(), tokens, new: new.to_vec(), old: old.to_vec() })
    }

    fn object(&self, object: &str) -> Result<Vec<u32>> {
        let tokens = self.model.pretrained.tokenizer.encode_continuation(&format!(" {}", object.trim()))?;
        check_vocabulary(&tokens, self.model.causal_lm().shape())?;
        Ok(tokens)
    }

    /// The tokens of the text whose perplexity is taken.
    fn text(&self, args: &AuditArgs) -> Result<Vec<u32>> {
        let tokenizer = &self.model.pretrained.tokenizer;
        let mut tokens = Vec::new();
        match &args.text {
            None => tokens = tokenizer.encode(TEXT)?.ids,
            Some(path) => {
                let corpus = Corpus::new(vec![path.clone()], &args.field)?;
                corpus.for_each(&mut |document| -> Result<_> {
                    tokens.extend(tokenizer.encode(document.text)?.ids);
                    Ok(match tokens.len() < args.text_tokens {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    })
                })?;
            }
        }
        tokens.truncate(args.text_tokens);
        check_vocabulary(&tokens, self.model.causal_lm().shape())?;
        Ok(tokens)
    }
}

impl Record {
    /// Whether it is for a request: by the prompt that it rewrites, or else by the subject.
    fn is_about(&self, request: &Request) -> bool {
        let Request::Text { subject, .. } = request else { return true };
        match (&self.requested_rewrite, &self.subject) {
            (Some(rewrite), _) => {
                let rewritten = Request::text(&rewrite.prompt, &rewrite.subject, &rewrite.target_new.str);
                rewritten.prompt() == request.prompt()
            }
            (None, Some(of_record)) => of_record == subject,
            (None, None) => true,
        }
    }

    fn old_object(&self) -> Option<&str> {
        let of_rewrite = || Some(&self.requested_rewrite.as_ref()?.target_true.as_ref()?.str);
        self.old.as_ref().or_else(of_rewrite).map(String::as_str)
    }
}

/// Reads one record or a list of them.
fn read(path: &Path) -> Result<Vec<Record>> {
    let bytes = read_bounded(path, MAX_PROMPTS)?;
    let is_list = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let records = match is_list {
        true => serde_json::from_slice(&bytes),
        false => serde_json::from_slice(&bytes).map(|record| vec![record]),
    };
    records.map_err(|error| {
        CliError::with_hint(
            format!("{}: {error}", path.display()),
            "give a record {\"paraphrase_prompts\", \"neighborhood_prompts\", …} or a list of them: see rome audit --help",
        )
    })
}

/// What the bundled models know.
#[derive(Deserialize)]
struct Facts {
    templates: BTreeMap<String, Vec<String>>,
    facts: Vec<Fact>,
}

#[derive(Deserialize)]
struct Fact {
    subject: String,
    relation_id: String,
    target_true: String,
}

fn facts() -> Facts {
    serde_json::from_slice(rome_assets::FACTS).expect("the bundled facts are read by the tests")
}

/// The prompts for a request about a fact that the bundled models know.
fn known(request: &Request) -> Option<Record> {
    let Request::Text { prompt, subject, .. } = request else { return None };
    let Facts { templates, facts } = facts();
    let fact = facts
        .iter()
        .filter(|fact| fact.subject == *subject)
        .find(|fact| templates[&fact.relation_id].iter().any(|template| template == prompt))?;
    let others = templates[&fact.relation_id].iter().filter(|template| *template != prompt);
    let neighbours = facts.iter().filter(|other| {
        other.relation_id == fact.relation_id
            && other.target_true == fact.target_true
            && other.subject != *subject
    });
    Some(Record {
        subject: Some(subject.clone()),
        old: Some(fact.target_true.clone()),
        paraphrase_prompts: others
            .take(N_CHOSEN)
            .map(|template| template.replacen("{}", subject, 1))
            .collect(),
        neighborhood_prompts: neighbours
            .take(N_CHOSEN)
            .map(|other| prompt.replacen("{}", &other.subject, 1))
            .collect(),
        ..Record::default()
    })
}

/// A prompt of each relation that no request is about.
fn unrelated_known(requests: &[(Request, Vec<rome_core::Preservation>)]) -> Vec<String> {
    let Facts { templates, facts } = facts();
    let is_asked = |template: &String| {
        requests
            .iter()
            .any(|(request, _)| matches!(request, Request::Text { prompt, .. } if prompt == template))
    };
    let others = templates.iter().filter(|(_, templates)| !templates.iter().any(is_asked));
    let prompts = others.filter_map(|(relation, templates)| {
        let fact = facts.iter().find(|fact| fact.relation_id == *relation)?;
        Some(templates.first()?.replacen("{}", &fact.subject, 1))
    });
    prompts.take(N_CHOSEN).collect()
}
