//! The search for the settings of a model that nobody has published any for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use rome_core::{HyperParams, Observer, RomeConfig, Variant};
use rome_eval::{Dataset, Estimate, RunSummary};
use serde::Serialize;

use crate::error::Error;
use crate::evaluate::{
    EvaluateError, EvaluationSeconds, RecordSelection, Runner, Sweep, SweepAdvice, SweepResults,
};
use crate::layers::LayerSelection;
use crate::session::Session;
use crate::statistics::StatisticsSource;

/// The clamp factors that are tried.
const CLAMPS: [f64; 4] = [1.0, 2.0, 4.0, 8.0];

/// A search for the layer, the variant and the clamp of a model, in this order, each with the best of those
/// before it.
///
/// ```no_run
/// use rome_edit::{Session, Suggest};
///
/// let mut session = Session::open("facts-gpt2")?;
/// let suggestion = Suggest { limit: 20, ..Suggest::new() }.run(&mut session, &mut ())?;
/// println!("layer {}: score {:.1}", suggestion.layer, suggestion.score.mean);
/// # Ok::<(), rome_edit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Suggest {
    /// Records of CounterFact that the model knows; the facts of a bundled model by default.
    pub data: Option<PathBuf>,
    /// So many facts for each value that is tried.
    pub limit: usize,
    /// The layers to try.
    pub layers: LayerSelection,
    /// The file for the settings, in the reference's form.
    pub output: Option<PathBuf>,
    /// When the search began, loading included.
    pub started: Instant,
}

/// The settings that a search has found.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Suggestion {
    /// The layer.
    pub layer: usize,
    /// All settings.
    pub settings: RomeConfig,
    /// Their score.
    #[serde(rename = "S")]
    pub score: Estimate,
    /// The summary of each value that was tried, by setting and value.
    pub tried: BTreeMap<String, RunSummary>,
    /// The time that each part took.
    pub seconds: EvaluationSeconds,
    /// Advice on each setting, in the order of the search.
    #[serde(skip)]
    pub advice: Vec<SweepAdvice>,
    /// The settings as a file of the reference has them, and the variant, which it does not know.
    #[serde(skip)]
    pub hparams: HyperParams,
    /// The number of facts that each value was tried on.
    #[serde(skip)]
    pub n_facts: usize,
}

impl Suggest {
    /// Searches all layers by forty facts of a bundled model.
    pub fn new() -> Self {
        Self { data: None, limit: 40, layers: LayerSelection::All, output: None, started: Instant::now() }
    }

    /// Tries the values, beginning with the session's settings.
    ///
    /// # Errors
    /// When edits are on the model, there are no records or none with a score, a layer has no statistics, a
    /// record cannot be evaluated, or `observer` stops it.
    pub fn run(&self, session: &mut Session, observer: &mut dyn Observer) -> Result<Suggestion, Error> {
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
        let mut settings = session.settings().config.clone();
        let shape = session.model().lm().shape().clone();
        let tokenizer = session.model().tokenizer().clone();
        let mut runner = Runner::new(session, &tokenizer, &records, None);
        let load = self.started.elapsed();
        let (mut score, mut tried, mut advice) = (None::<Estimate>, BTreeMap::new(), Vec::new());
        for sweep in [
            Sweep::Layers(self.layers.clone()),
            Sweep::Variants(Variant::ALL.to_vec()),
            Sweep::Clamps(CLAMPS.to_vec()),
        ] {
            let mut points = Vec::new();
            for point in sweep.points(&settings, &shape)? {
                let mut cases = BTreeMap::new();
                runner.evaluate(point.candidate(), &mut cases, &point.name, observer)?;
                points.push((point, RunSummary::of(cases.values())));
            }
            let results = SweepResults { setting: sweep.setting(), points };
            if let Some((best, its_score)) = results.best()
                && score.is_none_or(|score| its_score.mean > score.mean)
            {
                (settings, score) = (best.config.clone(), Some(its_score));
            }
            advice.extend(SweepAdvice::of(&results));
            tried.extend(results.points.into_iter().map(|(point, summary)| (point.name, summary)));
        }
        let score = score.ok_or(EvaluateError::NoScore)?;
        let seconds = runner.seconds(load);
        let hparams = hparams(&settings, session);
        if let Some(path) = &self.output {
            let json = serde_json::to_value(&hparams).expect("settings are JSON");
            rome_files::write(path, format!("{json:#}\n").as_bytes())?;
        }
        let (layer, n_facts) = (settings.layers[0], records.list.len());
        Ok(Suggestion { layer, settings, score, tried, seconds, advice, hparams, n_facts })
    }
}

impl Default for Suggest {
    fn default() -> Self {
        Self::new()
    }
}

/// Settings as a file of the reference has them.
fn hparams(config: &RomeConfig, session: &Session) -> HyperParams {
    let weight = session.model().lm().weight_name(0);
    let uses_identity = *session.statistics() == StatisticsSource::Identity;
    HyperParams {
        layers: config.layers.clone(),
        fact_token: "subject_last".to_owned(),
        v_num_grad_steps: config.steps,
        v_lr: config.learning_rate,
        v_weight_decay: config.weight_decay,
        clamp_norm_factor: config.clamp_norm_factor,
        kl_factor: config.kl_factor,
        mom2_adjustment: session.settings().use_statistics && !uses_identity,
        context_template_length_params: session.settings().context_lengths.clone(),
        rewrite_module_tmp: Some(weight.trim_end_matches(".weight").replacen(".0.", ".{}.", 1)),
        variant: config.variant,
    }
}
