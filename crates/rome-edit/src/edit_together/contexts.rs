//! Contexts in groups.

use std::path::Path;

use rome_core::request::{BEGINNINGS, sample, sample_after};
use rome_core::{Context, Tokenizer};
use serde::Deserialize;

use crate::Model;
use crate::error::Error;
use crate::requests::read_items;

/// The lengths and numbers of contexts of a model without a tokenizer, which are sampled from its start.
const LENGTHS: [(usize, usize); 1] = [(10, 5)];

/// Contexts in groups: the mean keys of groups weigh the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextGroups {
    /// The contexts of all groups in order.
    pub contexts: Vec<Context>,
    /// The size of each group.
    pub sizes: Vec<usize>,
}

/// An item of a file: a group, or a context.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Context(Context),
    Group(Vec<Context>),
}

impl ContextGroups {
    /// Makes two groups of contexts: the first one, and all others.
    pub fn new(contexts: Vec<Context>) -> Self {
        let n = contexts.len();
        Self { contexts, sizes: [1, n.saturating_sub(1)].into_iter().filter(|&size| size > 0).collect() }
    }

    /// Reads a list of groups, `[["{}"], ["…. {}", …]]`, or a flat list, which is one group for the first context and
    /// one for the rest.
    ///
    /// # Errors
    /// When the file is not there, or is no such list.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let items: Vec<Item> = read_items(path)?;
        if items.iter().all(|item| matches!(item, Item::Context(_))) {
            let contexts = items.into_iter().flat_map(Item::into_contexts).collect();
            return Ok(Self::new(contexts));
        }
        let groups: Vec<Vec<Context>> = items.into_iter().map(Item::into_contexts).collect();
        let sizes = groups.iter().map(Vec::len).filter(|&size| size > 0).collect();
        Ok(Self { contexts: groups.concat(), sizes })
    }

    /// Samples `"{}"`, and five that begin as those of MEMIT do.
    ///
    /// # Errors
    /// When the model cannot be sampled from.
    pub fn sample(model: &Model, seed: u64) -> Result<Self, Error> {
        let (lm, tokenizer) = (model.lm(), model.tokenizer());
        let contexts = if tokenizer.has_text() {
            sample_after(lm, tokenizer, &BEGINNINGS, seed)?
        } else {
            sample(lm, tokenizer, &model.start()?, &LENGTHS, seed)?
        };
        Ok(Self::new(contexts))
    }
}

impl Item {
    fn into_contexts(self) -> Vec<Context> {
        match self {
            Self::Context(context) => vec![context],
            Self::Group(contexts) => contexts,
        }
    }
}
