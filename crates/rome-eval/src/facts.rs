//! Facts with templates, made into records of CounterFact: for models that know other things than the
//! world.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Deserialize;

use crate::counterfact::CounterFact;
use crate::rewrite::{Rewrite, Target};
use crate::trace::KnownFact;

/// Neighbours of a record at most, as CounterFact has.
const MOST_NEIGHBOURS: usize = 10;

/// Facts with the templates of their relations, as the bundled models bring them.
#[derive(Debug, Clone, Deserialize)]
pub struct Facts {
    templates: BTreeMap<String, Vec<String>>,
    facts: Vec<Fact>,
}

/// A fact: a subject, its object, and another one to edit it to.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Fact {
    case_id: u64,
    pub(crate) subject: String,
    relation_id: String,
    pub(crate) target_true: String,
    target_new: String,
}

impl Facts {
    /// Parses them.
    ///
    /// # Errors
    /// When the JSON is another.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// A record for each fact, in an order drawn by a seed: edited by one template of its relation and
    /// asked by all others; its neighbours are others with the same object, each by any template.
    pub fn records(&self, seed: u64) -> Vec<CounterFact> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut order: Vec<&Fact> = self.facts.iter().collect();
        order.shuffle(&mut rng);
        order.into_iter().filter_map(|fact| self.record(fact, &mut rng)).collect()
    }

    fn record(&self, fact: &Fact, rng: &mut ChaCha8Rng) -> Option<CounterFact> {
        let templates = self.templates(fact);
        if templates.is_empty() {
            return None;
        }
        let edited = rng.random_range(0..templates.len());
        let others = templates.iter().enumerate().filter(|(index, _)| *index != edited);
        let filled = |template: &str, subject: &str| template.replacen("{}", subject, 1);
        let paraphrase_prompts: Vec<String> =
            others.map(|(_, template)| filled(template, &fact.subject)).collect();
        let mut neighbours: Vec<&Fact> = self.neighbours(fact).collect();
        neighbours.shuffle(rng);
        let neighborhood_prompts = neighbours
            .into_iter()
            .take(MOST_NEIGHBOURS)
            .map(|other| filled(&templates[rng.random_range(0..templates.len())], &other.subject))
            .collect();
        Some(CounterFact {
            case_id: fact.case_id,
            requested_rewrite: Rewrite {
                prompt: templates[edited].clone(),
                relation_id: Some(fact.relation_id.clone()),
                target_new: Target::named(&fact.target_new),
                target_true: Target::named(&fact.target_true),
                subject: fact.subject.clone(),
            },
            generation_prompts: paraphrase_prompts.clone(),
            paraphrase_prompts,
            neighborhood_prompts,
            attribute_prompts: Vec::new(),
        })
    }

    /// The facts as prompts to trace, in the order of [`records`](Self::records).
    pub fn known(&self, seed: u64) -> Vec<KnownFact> {
        let records = self.records(seed).into_iter();
        records.map(KnownFact::from).collect()
    }

    /// The templates of a fact's relation.
    pub(crate) fn templates(&self, fact: &Fact) -> &[String] {
        self.templates.get(&fact.relation_id).map_or(&[], Vec::as_slice)
    }

    /// Facts of other subjects with the same relation and object.
    pub(crate) fn neighbours<'f>(&'f self, fact: &'f Fact) -> impl Iterator<Item = &'f Fact> {
        self.facts.iter().filter(|other| {
            other.relation_id == fact.relation_id
                && other.target_true == fact.target_true
                && other.subject != fact.subject
        })
    }

    /// The fact about a subject that a template asks for.
    pub(crate) fn by_prompt(&self, template: &str, subject: &str) -> Option<&Fact> {
        let mut of_subject = self.facts.iter().filter(|fact| fact.subject == subject);
        of_subject.find(|fact| self.templates(fact).iter().any(|other| other == template))
    }

    /// The first fact of each relation, with the templates of the relation.
    pub(crate) fn relations(&self) -> impl Iterator<Item = (&Fact, &[String])> {
        self.templates.iter().filter_map(|(relation, templates)| {
            let fact = self.facts.iter().find(|fact| fact.relation_id == *relation)?;
            Some((fact, templates.as_slice()))
        })
    }

    /// The subjects, whose embeddings give noise its size.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().map(|fact| fact.subject.as_str())
    }
}
