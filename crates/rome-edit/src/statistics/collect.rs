//! Statistics collected over text.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rome_core::{Convergence, ModelHash, Observer};
use rome_files::Claim;
use rome_stats::{CollectionState, Collector, Corpus, Sequences, Shard, StatsError, SumFormat, TextTaken};
use serde::Serialize;

use super::collection_run::{CollectionRun, Plot, StopRule};
use super::error::StatisticsError;
use super::file::{self, StatisticsFile};
use super::place::{file_ending, output_folder};
use super::save_every::{SaveEvery, SaveSchedule};
use super::text::corpus;
use crate::error::Error;
use crate::layers::LayerSelection;
use crate::model::Model;

/// Text that the statistics of layers are collected over.
///
/// ```no_run
/// use rome_edit::statistics::Collect;
/// use rome_edit::{LayerSelection, Session};
///
/// let session = Session::open("facts-gpt2")?; let collect = Collect { until: Some(0.5),
/// ..Collect::new(vec!["text/*.jsonl".into()], LayerSelection::All) }; let collection =
/// collect.run(session.model(), &mut ())?; println!("{} tokens", collection.tokens);
/// # Ok::<(), rome_edit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Collect {
    /// Files of text or patterns of them; `-` is standard input. See [`Corpus`] for their kinds.
    pub text: Vec<PathBuf>,
    /// The field of `.jsonl`, or the column of `.parquet`, that holds the text.
    pub field: String,
    /// The layers.
    pub layers: LayerSelection,
    /// The folder for the files, one a layer; by default where edits find them.
    pub output: Option<PathBuf>,
    /// Takes the documents of one shard alone.
    pub shard: Option<Shard>,
    /// Goes on from where an interrupted collection was last saved.
    pub resume: bool,
    /// The interval at which the state is saved.
    pub save_every: SaveEvery,
    /// Stops after this many documents of the text.
    pub limit: Option<u64>,
    /// Stops once a doubling of the text has changed the directions of edits, C⁻¹k, by no more than this at
    /// any layer: 0.5 is enough for edits.
    pub until: Option<f32>,
    /// Lets documents follow one another in sequences as long as the model's context, rather than cut each of
    /// them to it.
    pub pack: bool,
    /// The format of the stored sums.
    pub format: SumFormat,
    /// Draws how much each doubling of the text has changed, as SVG.
    pub plot: Option<PathBuf>,
}

/// A collection that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Collection {
    /// The number of tokens taken.
    pub tokens: u64,
    /// The number of documents taken.
    pub documents: u64,
    /// The layers.
    pub layers: Vec<usize>,
    /// The text of documents that were taken in this run, in bytes.
    #[serde(rename = "text")]
    pub text_taken: TextTaken,
    /// The files, one a layer.
    pub files: Vec<StatisticsFile>,
    /// The number of tokens taken a second.
    pub tokens_per_second: f64,
    /// The change by the last doubling of the text, at the layer where it is largest.
    #[serde(rename = "change")]
    pub convergence: Option<Convergence>,
}

impl Collect {
    /// Collects over all of the text, into the model's folder in the cache.
    pub fn new(text: Vec<PathBuf>, layers: LayerSelection) -> Self {
        Self {
            text,
            field: "text".to_owned(),
            layers,
            output: None,
            shard: None,
            resume: false,
            save_every: SaveEvery::default(),
            limit: None,
            until: None,
            pack: false,
            format: SumFormat::Full,
            plot: None,
        }
    }

    /// Checks, before a model is loaded for it, that the text is there and the picture can be written.
    ///
    /// # Errors
    /// When it cannot be run on any model.
    pub fn check(&self) -> Result<(), Error> {
        self.open().map(|_| ())
    }

    fn open(&self) -> Result<Corpus, Error> {
        let corpus = corpus(&self.text, &self.field)?;
        if let Some(plot) = &self.plot {
            rome_files::check_writable(plot)?;
        }
        Ok(corpus)
    }

    /// Runs the text through the model and writes the statistics of each layer.
    ///
    /// # Errors
    /// When the text or the layers make no sense, an unfinished collection is there that is not resumed, or a
    /// file cannot be written; [`StatisticsError::Interrupted`] when `observer` stops it, after the state was
    /// saved.
    pub fn run(&self, model: &Model, observer: &mut dyn Observer) -> Result<Collection, Error> {
        let corpus = self.open()?;
        let layers = self.layers.layers(model.lm().shape().n_layers);
        let collector = self.collector(model, &layers)?;
        let folder = output_folder(self.output.as_deref(), model.hash())?;
        let part = self.shard.map_or_else(String::new, |Shard { index, of }| format!("-{index}-of-{of}"));
        let _claim = Claim::take_folder(&folder, &part)?;
        let state_file = folder.join(format!("unfinished{}", file_ending(self.shard)));
        let collector = self.resumed(collector, &state_file, model.hash())?;
        let mut run = CollectionRun {
            model_hash: model.hash(),
            state_file: &state_file,
            stop_rule: StopRule { limit: self.limit, until: self.until },
            schedule: SaveSchedule::new(self.save_every),
            plot: self.plot.clone().map(Plot::new),
            n_bytes: corpus.n_bytes(),
            start: Instant::now(),
            n_tokens_before: collector.n_tokens(),
            collector,
        };
        corpus.for_each(&mut |document| run.take(document, observer))?;
        self.finish(run, layers, &folder)
    }

    fn collector<'m>(&self, model: &'m Model, layers: &[usize]) -> Result<Collector<'m>, StatsError> {
        let sequences = if self.pack {
            Sequences::Packed { separator: model.pretrained.end_tokens.first().copied() }
        } else {
            Sequences::Cut
        };
        let collector = Collector::new(model.lm(), model.tokenizer(), layers)?;
        Ok(collector.sequences(sequences).shard(self.shard))
    }

    /// A collector with the state of an unfinished collection, if there is one.
    fn resumed<'m>(
        &self,
        collector: Collector<'m>,
        state_file: &Path,
        model_hash: &ModelHash,
    ) -> Result<Collector<'m>, Error> {
        if !state_file.exists() {
            return Ok(collector);
        }
        if !self.resume {
            return Err(StatisticsError::Unfinished { path: state_file.to_owned() }.into());
        }
        let state = CollectionState::read(state_file)?;
        collector.resume(state, model_hash).map_err(|error| Error::from(error).at(state_file.display()))
    }

    /// Writes the files, and removes the state once all are there.
    fn finish(&self, run: CollectionRun<'_>, layers: Vec<usize>, folder: &Path) -> Result<Collection, Error> {
        let place = |layer: &usize| folder.join(format!("layer-{layer}{}", file_ending(self.shard)));
        // Where an end between two layers would leave one of this collection beside one of an earlier one,
        // the state is saved, to continue from. One that has not seen its whole text again has a better state
        // saved.
        let may_mix = layers.len() > 1 && layers.iter().any(|layer| place(layer).exists());
        if may_mix && !run.collector.is_resuming() {
            run.write_state()?;
        }
        let (tokens_per_second, convergence) = (run.tokens_per_second(), run.collector.last_convergence());
        let text_taken = run.collector.text_taken();
        let CollectionRun { collector, model_hash, state_file, plot, .. } = run;
        let statistics = collector.finish(model_hash)?;
        if let Some(plot) = plot {
            let curves = statistics.iter().map(|(&layer, statistics)| (layer, &*statistics.convergence));
            plot.draw(&curves.collect::<Vec<_>>())?;
        }
        let files =
            statistics.iter().map(|(layer, statistics)| file::write(&place(layer), statistics, self.format));
        let files = files.collect::<Result<_, _>>()?;
        match fs::remove_file(state_file) {
            // There was none.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StatsError::Io { path: state_file.to_owned(), error }.into()),
            Ok(()) => {}
        }
        let first = statistics.values().next();
        let (tokens, documents) =
            first.map_or((0, 0), |first| (first.moment.count(), first.provenance.documents));
        Ok(Collection { tokens, documents, layers, text_taken, files, tokens_per_second, convergence })
    }
}
