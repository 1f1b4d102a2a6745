//! The search for settings of a method for many facts.

use std::path::PathBuf;
use std::time::Instant;

use rome_core::{EditPart, MassConfig, Observer, Request};
use rome_eval::{Dataset, Estimate, Evaluation, RunSummary};
use serde::Serialize;
use serde_json::{Value, json};

use crate::edit_together::{ContextGroups, EditTogether};
use crate::error::Error;
use crate::evaluate::{EvaluateError, RecordSelection, Records};
use crate::layers::LayerSelection;
use crate::session::Session;

/// Learning rates that are tried, as factors of the first one.
const RATES: [f64; 2] = [0.5, 2.0];

/// Weights of C that are tried, as multiples of the length of a key.
const WEIGHTS: [f64; 5] = [0.04, 0.13, 0.4, 1.3, 4.0];

/// A search for the layers, the learning rate and the weight of C, in this order, each with the best of those before
/// it: some facts are edited together, and all of them are asked about on the one model.
///
/// ```no_run
/// use rome_edit::{MassMethod, Session, SuggestTogether, suggest_mass};
///
/// let mut session = Session::open("facts-gpt2")?;
/// let (config, _) = suggest_mass(session.model().lm().shape(), MassMethod::Memit);
/// let suggestion = SuggestTogether::new(config).run(&mut session, &mut ())?;
/// println!("layers {:?}: score {:.1}", suggestion.settings.layers, suggestion.score.mean);
/// # Ok::<(), rome_edit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SuggestTogether {
    /// The settings that it begins with. Windows of as many layers are tried.
    pub config: MassConfig,
    /// Records of CounterFact that the model knows; the facts of a bundled model by default.
    pub data: Option<PathBuf>,
    /// The number of facts to edit together.
    pub limit: usize,
    /// The layers that windows end at.
    pub layers: LayerSelection,
    /// The seed of sampled contexts.
    pub seed: u64,
    /// The file for the settings, in the form of kmeng01/memit.
    pub output: Option<PathBuf>,
    /// When the search began, loading included.
    pub started: Instant,
}

/// The settings that a search has found.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TogetherSuggestion {
    /// All settings.
    pub settings: MassConfig,
    /// Their score.
    #[serde(rename = "S")]
    pub score: Estimate,
    /// Each value that was tried, in order.
    pub tried: Vec<TriedSetting>,
    /// The number of facts that were edited together.
    pub n_facts: usize,
    /// The time that the search took, in seconds.
    pub seconds: f64,
}

/// A value of a setting that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct TriedSetting {
    /// The setting and its value, such as `layers 0-2`.
    pub name: String,
    /// The scores.
    pub summary: RunSummary,
}

/// A search under way.
struct Search<'a> {
    session: &'a mut Session,
    records: &'a Records,
    requests: Vec<Request>,
    contexts: ContextGroups,
    evaluation: Evaluation<'a>,
    best: Option<(MassConfig, EditPart, Estimate)>,
    tried: Vec<TriedSetting>,
}

impl SuggestTogether {
    /// Searches all layers by forty facts of a bundled model.
    pub fn new(config: MassConfig) -> Self {
        Self {
            config,
            data: None,
            limit: 40,
            layers: LayerSelection::All,
            seed: 0,
            output: None,
            started: Instant::now(),
        }
    }

    /// Tries the values.
    ///
    /// # Errors
    /// When edits are on the model, there are no records or none with a score, a layer has no statistics, or
    /// `observer` stops it.
    pub fn run(
        &self,
        session: &mut Session,
        observer: &mut dyn Observer,
    ) -> Result<TogetherSuggestion, Error> {
        if session.is_edited() {
            return Err(EvaluateError::Edited.into());
        }
        let selection = RecordSelection {
            dataset: Dataset::CounterFact,
            data: self.data.clone(),
            limit: Some(self.limit),
            ..RecordSelection::default()
        };
        let records = selection.read(session.model())?;
        let tokenizer = session.model().tokenizer().clone();
        let mut evaluation = Evaluation::new(&tokenizer, None);
        for record in &records.list {
            evaluation.ask_before(session.model().lm(), record.as_ref())?;
        }
        let shape = session.model().lm().shape().clone();
        let contexts = ContextGroups::sample(session.model(), self.seed)?;
        let requests = records.list.iter().map(|record| record.rewrite().request()).collect();
        let mut search = Search {
            session,
            records: &records,
            requests,
            contexts,
            evaluation,
            best: None,
            tried: Vec::new(),
        };

        let width = self.config.layers.len();
        // What leaves the last block is read by the head alone.
        for last in self.layers.layers(shape.n_layers.saturating_sub(1)) {
            let layers: Vec<usize> = ((last + 1).saturating_sub(width)..=last).collect();
            let name = format!("layers {}-{last}", layers[0]);
            search.attempt(name, MassConfig { layers, ..self.config.clone() }, None, observer)?;
        }
        let (config, ..) = search.best()?;
        for rate in RATES.map(|factor| factor * config.learning_rate) {
            let name = format!("learning rate {rate}");
            search.attempt(name, MassConfig { learning_rate: rate, ..config.clone() }, None, observer)?;
        }
        let (config, values, _) = search.best()?;
        for factor in WEIGHTS {
            let covariance_weight = factor * shape.d_ff as f64;
            let name = format!("weight of C {factor}x");
            // Values do not depend on it.
            search.attempt(
                name,
                MassConfig { covariance_weight, ..config.clone() },
                Some(&values),
                observer,
            )?;
        }
        let (settings, _, score) = search.best()?;
        let tried = search.tried;
        if let Some(path) = &self.output {
            let hparams = hparams(&settings, session);
            rome_files::write(path, format!("{hparams:#}\n").as_bytes())?;
        }
        let seconds = self.started.elapsed().as_secs_f64();
        Ok(TogetherSuggestion { settings, score, tried, n_facts: records.list.len(), seconds })
    }
}

impl Search<'_> {
    /// Edits the facts by some settings, asks about them, and keeps the settings if they are the best so far.
    fn attempt(
        &mut self,
        name: String,
        config: MassConfig,
        values: Option<&EditPart>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let together = EditTogether {
            contexts: Some(self.contexts.clone()),
            ..EditTogether::new(self.requests.clone(), config.clone())
        };
        let values = match values {
            Some(values) => values.clone(),
            None => together.known_values(self.session, observer)?,
        };
        together.run_from(self.session, Some(&values), observer)?;
        let mut cases = Vec::with_capacity(self.requests.len());
        for record in &self.records.list {
            cases.push(self.evaluation.ask_after(self.session.model().lm(), record.as_ref(), 0.0)?);
        }
        self.session.undo();
        let summary = RunSummary::of(&cases);
        if let Some(score) = summary.post("S")
            && self.best.as_ref().is_none_or(|(.., best)| score.mean > best.mean)
        {
            self.best = Some((config, values, score));
        }
        self.tried.push(TriedSetting { name, summary });
        Ok(())
    }

    fn best(&self) -> Result<(MassConfig, EditPart, Estimate), Error> {
        Ok(self.best.clone().ok_or(EvaluateError::NoScore)?)
    }
}

/// Settings as a file of kmeng01/memit has them, with those of other methods.
fn hparams(config: &MassConfig, session: &Session) -> Value {
    let lm = session.model().lm();
    let module = lm.weight_name(0).trim_end_matches(".weight").replacen(".0.", ".{}.", 1);
    json!({
        "layers": config.layers,
        "fact_token": "subject_last",
        "v_num_grad_steps": config.steps,
        "v_lr": config.learning_rate,
        "v_loss_layer": lm.shape().n_layers - 1,
        "v_weight_decay": config.weight_decay,
        "clamp_norm_factor": config.clamp_norm_factor,
        "kl_factor": config.kl_factor,
        "mom2_update_weight": config.covariance_weight,
        "emmet_lambda": config.slack,
        "L2": config.ridge,
        "rewrite_module_tmp": module,
    })
}
