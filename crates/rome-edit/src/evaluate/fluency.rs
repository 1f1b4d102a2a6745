//! Generated text, judged before and after each edit.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rome_core::Tokenizer;
use rome_eval::{Fluency, Snippets};
use rome_files::FileError;
use rome_stats::{Corpus, StatsError};
use serde_json::{Value, json};

use crate::error::Error;
use crate::model::Model;

/// Text that the model generates before and after each edit, and what it is compared with.
#[derive(Debug, Clone, Default)]
pub struct FluencyInputs {
    /// The seed of the draws.
    pub seed: u64,
    /// Texts about the new objects, `attribute_snippets.json` of the project's site.
    pub snippets: Option<PathBuf>,
    /// Text, one document a line, that says how rare words are; the snippets themselves by default.
    pub idf: Option<PathBuf>,
}

/// A judge of generated text, with its description for the record of a run.
pub(crate) struct FluencyJudge {
    pub(super) fluency: Fluency,
    pub(super) description: Value,
}

impl FluencyInputs {
    /// Reads the files.
    pub(super) fn read(&self, model: &Model) -> Result<FluencyJudge, Error> {
        let end = model.pretrained.end_tokens.first().copied().or(model.pretrained.start_token);
        let end_text = end.map(|token| model.tokenizer().decode(&[token])).transpose()?;
        let fluency = Fluency {
            seed: self.seed,
            end_text: end_text.unwrap_or_default(),
            snippets: self.snippets.as_deref().map(|path| self.read_snippets(path)).transpose()?,
        };
        let hash = |path: &Option<PathBuf>| path.as_deref().map(hash).transpose();
        let (snippets, idf) = (hash(&self.snippets)?, hash(&self.idf)?);
        Ok(FluencyJudge {
            fluency,
            description: json!({ "seed": self.seed, "snippets": snippets, "idf": idf }),
        })
    }

    fn read_snippets(&self, path: &Path) -> Result<Snippets, Error> {
        let corpus = self.idf.as_deref().map(documents).transpose()?;
        let from = self.idf.as_deref().map(|idf| idf.display().to_string());
        let from = from.unwrap_or_else(|| "the snippets themselves".to_owned());
        tracing::info!("how rare words are is taken from {from}");
        Ok(Snippets::read(path, corpus.as_deref())?)
    }
}

/// The documents of a file of text.
fn documents(path: &Path) -> Result<Vec<String>, Error> {
    let mut documents: Vec<String> = Vec::new();
    let corpus = Corpus::new(vec![path.to_owned()], "text")?;
    let read = corpus.for_each(&mut |document| {
        match documents.last_mut() {
            Some(last) if !document.part.is_first() => last.push_str(document.text),
            _ => documents.push(document.text.to_owned()),
        }
        Ok::<_, StatsError>(ControlFlow::Continue(()))
    });
    read.map_err(|error| Error::from(error).at(format_args!("cannot read {}", path.display())))?;
    Ok(documents)
}

/// The hash of a file, in hexadecimal.
fn hash(path: &Path) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    read.map_err(|error| FileError::Read { path: path.to_owned(), error })?;
    Ok(hasher.finalize().to_hex().to_string())
}
