//! Texts to compare generated ones with.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::data;
use crate::error::EvalError;
use crate::idf::Idf;
use crate::record::Record;

/// Texts about subjects of which a fact is true, `attribute_snippets.json` of the project's site.
#[derive(Debug)]
pub struct Snippets {
    /// By relation and target.
    texts: BTreeMap<(String, String), Vec<Snippet>>,
    pub(crate) idf: Idf,
}

/// The texts of a relation and a target, as the file has them.
#[derive(Debug, Deserialize)]
struct SnippetGroup {
    relation_id: String,
    target_id: String,
    samples: Vec<Snippet>,
}

/// A text about a subject.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Snippet {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Snippets {
    /// Reads a file of snippets. Words are weighted by how rare they are in `corpus`, or in the
    /// snippets themselves without one, as the reference does when it cannot have its own file.
    ///
    /// # Errors
    /// When the file is none of snippets.
    pub fn read(path: &Path, corpus: Option<&[String]>) -> Result<Self, EvalError> {
        let mut texts: BTreeMap<(String, String), Vec<Snippet>> = BTreeMap::new();
        for group in data::read(path)?.into_items() {
            let SnippetGroup { relation_id, target_id, samples } = group?.parse()?;
            texts.entry((relation_id, target_id)).or_default().extend(samples);
        }
        let idf = match corpus {
            Some(corpus) => Idf::new(corpus.iter().map(String::as_str)),
            None => Idf::new(texts.values().flatten().map(|snippet| snippet.text.as_str())),
        };
        Ok(Self { texts, idf })
    }

    /// The texts about subjects that have the new object of a record.
    pub(crate) fn find(&self, record: &dyn Record) -> Result<&[Snippet], EvalError> {
        let rewrite = record.rewrite();
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        let key = (id(&rewrite.relation_id), id(&rewrite.target_new.id));
        match self.texts.get(&key) {
            Some(found) if !found.is_empty() => Ok(found),
            _ => Err(EvalError::NoSnippets { relation: key.0, target: key.1 }),
        }
    }
}
