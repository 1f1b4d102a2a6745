//! Sums of `k kᵀ` over text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rome_core::request::{Encoding, TokenError, check_vocabulary};
use rome_core::{CausalLm, Convergence, Environment, KeyPass, ModelHash, Tokenizer};
use serde::Serialize;

use crate::collection::{CollectionProgress, CollectionSettings};
use crate::document::DocumentPart;
use crate::error::StatsError;
use crate::provenance::Provenance;
use crate::sequences::Sequences;
use crate::shard::{Shard, Shards};
use crate::state::CollectionState;
use crate::statistics::Statistics;
use crate::watch::WatchedMoment;

/// Tokens that run together. Above a few thousand the products are as fast as they get, and the
/// activations of one batch stay small beside the model.
const BATCH_TOKENS: usize = 2048;

/// Collects the second moment of any set of layers in one pass.
///
/// Nothing is padded or preceded by a start token, as `layer_stats.py` of the reference has it. The
/// pass ends at the last wanted layer's key. Products are f32 over one batch and are summed in f64.
///
/// Its state can be [saved](Self::state) after any document. One that [resumes](Self::resume) is given the
/// corpus from the start again, passes over what it knows, and ends with the same bits as one that was never
/// interrupted.
pub struct Collector<'a> {
    model: &'a dyn CausalLm,
    tokenizer: &'a dyn Tokenizer,
    pass: KeyPass<'a>,
    settings: CollectionSettings,
    moments: BTreeMap<usize, WatchedMoment>,
    progress: CollectionProgress,
    corpus_hash: blake3::Hasher,
    /// The machine and the program that have computed all of it so far, if they were the same.
    environment: Option<Environment>,
    /// The documents that a saved collection had seen, until they are seen again.
    replayed: Option<CorpusPrefix>,
    taken: TextTaken,
}

/// The text of documents that were taken since a collector began or resumed, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TextTaken {
    /// All of it.
    pub all: u64,
    /// The text beyond the model's context, which was cut away.
    pub cut: u64,
}

/// The beginning of a corpus that is read once more.
struct CorpusPrefix {
    n_seen: u64,
    n_continued: u64,
    corpus_hash: String,
}

impl<'a> Collector<'a> {
    /// Starts with no text, each document cut to the model's context.
    ///
    /// # Errors
    /// [`StatsError::Layer`] for a layer that the model lacks.
    pub fn new(
        model: &'a dyn CausalLm,
        tokenizer: &'a dyn Tokenizer,
        layers: &[usize],
    ) -> Result<Self, StatsError> {
        let shape = model.shape();
        if let Some(&layer) = layers.iter().find(|&&layer| layer >= shape.n_layers) {
            return Err(StatsError::Layer { layer, n_layers: shape.n_layers });
        }
        let moments: BTreeMap<_, _> =
            layers.iter().map(|&layer| (layer, WatchedMoment::new(shape.d_ff))).collect();
        let settings = CollectionSettings {
            layers: moments.keys().copied().collect(),
            max_tokens: shape.n_positions,
            sequences: Sequences::Cut,
            shard: None,
        };
        Ok(Self {
            model,
            tokenizer,
            pass: KeyPass::new(model, settings.layers.iter().copied()),
            settings,
            moments,
            progress: CollectionProgress::default(),
            corpus_hash: blake3::Hasher::new(),
            environment: Some(Environment::of(&model.device())),
            replayed: None,
            taken: TextTaken::default(),
        })
    }

    /// Makes sequences of documents in another way.
    #[must_use]
    pub fn sequences(mut self, sequences: Sequences) -> Self {
        self.settings.sequences = sequences;
        self
    }

    /// Takes the documents of one shard alone. It is given all of them, and so knows the corpus.
    #[must_use]
    pub fn shard(mut self, shard: Option<Shard>) -> Self {
        self.settings.shard = shard;
        self
    }

    /// Goes on from the state of another collector of the same model and settings.
    ///
    /// # Errors
    /// [`StatsError::OtherSettings`] when they are not the same.
    pub fn resume(mut self, state: CollectionState<'_>, model_hash: &ModelHash) -> Result<Self, StatsError> {
        let CollectionState { model_hash: made_with, settings, progress, corpus_hash, environment, moments } =
            state;
        let d_ff = self.model.shape().d_ff;
        let fits = moments.values().all(|watched| watched.moment.d_ff() == d_ff);
        if *made_with != *model_hash || *settings != self.settings || !fits {
            return Err(StatsError::OtherSettings);
        }
        self.environment = Environment::common(self.environment, environment.as_ref());
        let CollectionProgress { n_seen, n_continued, .. } = *progress;
        self.replayed = Some(CorpusPrefix { n_seen, n_continued, corpus_hash });
        self.progress = CollectionProgress { n_seen: 0, n_continued: 0, ..progress.into_owned() };
        self.moments = moments.into_owned();
        Ok(self)
    }

    /// All that it takes to continue from here.
    pub fn state<'s>(&'s self, model_hash: &'s ModelHash) -> CollectionState<'s> {
        CollectionState {
            model_hash: Cow::Borrowed(model_hash),
            settings: Cow::Borrowed(&self.settings),
            progress: Cow::Borrowed(&self.progress),
            corpus_hash: self.corpus_hash.finalize().to_hex().to_string(),
            environment: self.environment.clone(),
            moments: Cow::Borrowed(&self.moments),
        }
    }

    /// The number of tokens taken so far.
    pub fn n_tokens(&self) -> u64 {
        self.progress.n_tokens
    }

    /// The number of documents taken so far.
    pub fn n_documents(&self) -> u64 {
        self.progress.n_documents
    }

    /// The number of documents of the corpus seen so far, those of other shards among them.
    pub fn n_seen(&self) -> u64 {
        self.progress.n_seen
    }

    /// The change by each doubling of the number of tokens so far, layer by layer.
    pub fn convergence(&self) -> impl Iterator<Item = (usize, &[Convergence])> {
        self.moments.iter().map(|(&layer, watched)| (layer, watched.watch.convergence.as_slice()))
    }

    /// The change by the last doubling of the number of tokens, at the layer where it is largest; `None`
    /// before the first one has ended at each layer.
    pub fn last_convergence(&self) -> Option<Convergence> {
        let last = self.moments.values().map(|watched| watched.watch.convergence.last().copied());
        last.reduce(|a, b| {
            let (a, b) = (a?, b?);
            Some(Convergence {
                tokens: a.tokens.min(b.tokens),
                second_moment: a.second_moment.max(b.second_moment),
                direction: a.direction.max(b.direction),
            })
        })?
    }

    /// True if it is still passing over what it knows.
    pub fn is_resuming(&self) -> bool {
        self.replayed.is_some()
    }

    /// The text of documents that were taken since it began or resumed, in bytes.
    pub fn text_taken(&self) -> TextTaken {
        self.taken
    }

    /// Adds a document.
    ///
    /// # Errors
    /// As [`add_part`](Self::add_part).
    pub fn add(&mut self, document: &str) -> Result<(), StatsError> {
        self.add_part(document, DocumentPart::Whole)
    }

    /// Adds a document, or the next part of one.
    ///
    /// # Errors
    /// When the tokenizer refuses it, a key is not finite, or a corpus that is read once more has
    /// changed.
    pub fn add_part(&mut self, text: &str, part: DocumentPart) -> Result<(), StatsError> {
        self.corpus_hash.update(&(text.len() as u64).to_le_bytes());
        self.corpus_hash.update(text.as_bytes());
        if part.is_first() {
            self.progress.n_seen += 1;
            self.progress.n_continued = 0;
        } else {
            self.progress.n_continued += 1;
        }
        if let Some(prefix) = &self.replayed {
            let CollectionProgress { n_seen, n_continued, .. } = self.progress;
            if (n_seen, n_continued) == (prefix.n_seen, prefix.n_continued) {
                if self.corpus_hash.finalize().to_hex().as_str() != prefix.corpus_hash {
                    return Err(StatsError::OtherCorpus);
                }
                self.replayed = None;
            }
            return Ok(());
        }
        let index = self.progress.n_seen - 1;
        if self.settings.shard.is_some_and(|shard| !shard.takes(index)) {
            return Ok(());
        }
        self.progress.n_documents += u64::from(part.is_first());
        self.taken.all += text.len() as u64;
        let max_tokens = self.settings.max_tokens;
        match self.settings.sequences {
            // The first part has more tokens than any model's context.
            Sequences::Cut if !part.is_first() => {
                self.taken.cut += text.len() as u64;
                Ok(())
            }
            Sequences::Cut => {
                let Encoding { mut ids, spans } = self.encoded(text, part)?;
                if ids.len() > max_tokens {
                    self.taken.cut += (text.len() - spans[max_tokens - 1].end) as u64;
                    ids.truncate(max_tokens);
                }
                self.push(ids)
            }
            Sequences::Packed { separator } => {
                let tokens = self.encoded(text, part)?.ids;
                let separator = separator.filter(|_| part.is_last());
                self.progress.rest.extend(tokens.into_iter().chain(separator));
                while self.progress.rest.len() >= max_tokens {
                    let left = self.progress.rest.split_off(max_tokens);
                    let sequence = std::mem::replace(&mut self.progress.rest, left);
                    self.push(sequence)?;
                }
                Ok(())
            }
        }
    }

    /// The tokens of a text: as the model expects them at the start of a document, or further on in it.
    fn encoded(&self, text: &str, part: DocumentPart) -> Result<Encoding, StatsError> {
        let failed = |error: TokenError| StatsError::Tokenizer(error.to_string());
        let encoding = if part.is_first() {
            self.tokenizer.encode(text).map_err(failed)?
        } else {
            let ids = self.tokenizer.encode_continuation(text).map_err(failed)?;
            Encoding { spans: Vec::new(), ids }
        };
        check_vocabulary(&encoding.ids, self.model.shape())
            .map_err(|error| StatsError::Tokenizer(error.to_string()))?;
        Ok(encoding)
    }

    /// Ends the collection and returns the statistics of each layer.
    ///
    /// # Errors
    /// [`StatsError::Empty`] when there was no text, [`StatsError::OtherCorpus`] when there was
    /// less of it than before; otherwise as [`add`](Self::add).
    pub fn finish(mut self, model_hash: &ModelHash) -> Result<BTreeMap<usize, Statistics>, StatsError> {
        if self.replayed.is_some() {
            return Err(StatsError::OtherCorpus);
        }
        let rest = std::mem::take(&mut self.progress.rest);
        self.push(rest)?;
        if self.progress.n_tokens == 0 {
            return Err(StatsError::Empty);
        }
        self.run()?;
        let provenance = Provenance {
            model_hash: Some(model_hash.clone()),
            layer: None,
            corpus_hash: Some(self.corpus_hash.finalize().to_hex().to_string()),
            documents: self.progress.n_documents,
            max_tokens: Some(self.settings.max_tokens),
            sequences: self.settings.sequences,
            shards: self.settings.shard.filter(|shard| shard.of > 1).map(Shards::from),
            dtype: "float32".to_owned(),
            made_by: concat!("rome ", env!("CARGO_PKG_VERSION")).to_owned(),
            environment: self.environment,
        };
        let statistics = self.moments.into_iter().map(|(layer, WatchedMoment { moment, watch })| {
            let provenance = Provenance { layer: Some(layer), ..provenance.clone() };
            (layer, Statistics { moment, provenance, convergence: watch.convergence })
        });
        Ok(statistics.collect())
    }

    /// Adds a sequence to those that run together.
    fn push(&mut self, sequence: Vec<u32>) -> Result<(), StatsError> {
        if sequence.is_empty() {
            return Ok(());
        }
        self.progress.n_tokens += sequence.len() as u64;
        let waiting: usize = self.progress.waiting.iter().map(Vec::len).sum();
        if waiting > 0 && waiting + sequence.len() > BATCH_TOKENS {
            self.run()?;
        }
        self.progress.waiting.push(sequence);
        Ok(())
    }

    fn run(&mut self) -> Result<(), StatsError> {
        let rows = std::mem::take(&mut self.progress.waiting);
        let moments = &mut self.moments;
        // Each layer's keys are added as they come, so that only one layer's are held at a time.
        self.pass.run(rows, &mut |layer, keys| match moments.get_mut(&layer) {
            Some(watched) => watched.add(keys).map_err(|_| StatsError::NotFinite { layer }),
            None => Ok(()),
        })
    }
}
