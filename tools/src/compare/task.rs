//! One edit as both programs take it, and runs of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fixtures::{Reference, Tensors};
use rome_stats::{Statistics, npz};
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::compare::case::{Case, Size};
use crate::compare::original::{Driver, Original};
use crate::process::{self, Finished};
use crate::target;

/// The task as both programs take it.
pub(crate) struct Task {
    pub(crate) model: PathBuf,
    pub(crate) layer: usize,
    pub(crate) n_threads: usize,
    pub(crate) d_model: usize,
    hparams: Value,
    pub(crate) contexts: Vec<String>,
    pub(crate) weight_bytes: u64,
    pub(crate) statistics_bytes: u64,
    /// Inputs and outputs of the programs.
    folder: tempfile::TempDir,
}

/// One run of a program.
pub(crate) struct Run {
    /// The edit alone: from the loaded model and C to left and right.
    pub(crate) edit: f64,
    /// The whole process.
    pub(crate) process: f64,
    pub(crate) peak_memory: u64,
    pub(crate) left: Vec<f32>,
    pub(crate) right: Vec<f32>,
    pub(crate) said: EditReport,
}

/// The report on an edit: of `rome edit --json`, or of the original's driver beside the tensors that it
/// saves.
#[derive(Debug, Deserialize)]
pub(crate) struct EditReport {
    pub(crate) losses: Vec<[f64; 4]>,
    pub(crate) lookup_idxs: Vec<usize>,
    pub(crate) seconds: BTreeMap<String, f64>,
    /// Of ours.
    #[serde(default)]
    pub(crate) flops: BTreeMap<String, u64>,
    /// Of ours, on a device with memory of its own.
    pub(crate) device_memory: Option<u64>,
    /// Of the original.
    #[serde(default)]
    pub(crate) device: String,
    /// Of the original.
    #[serde(default)]
    pub(crate) torch: String,
}

impl Run {
    /// `parts` are those of its seconds that make up the edit.
    fn new(finished: &Finished, said: EditReport, parts: &[&str], tensors: &Path) -> Result<Self> {
        let tensors = fixtures::tensors(tensors);
        Ok(Self {
            edit: parts.iter().map(|part| said.seconds[*part]).sum(),
            process: finished.seconds,
            peak_memory: finished.peak_memory,
            left: vector(&tensors, "left")?,
            right: vector(&tensors, "right")?,
            said,
        })
    }
}

impl Task {
    pub(crate) fn new(case: &Case) -> Result<Self> {
        let model = match case.shape {
            Some(size) => {
                let models = target::folder()?.join("compare");
                size.shape()
                    .model(&models)
                    .with_context(|| format!("cannot write to {}", models.display()))?
            }
            None => case.bundled().map_or_else(|| PathBuf::from(&case.model), fixtures::model_folder),
        };
        let model =
            model.canonicalize().with_context(|| format!("there is no model in {}", model.display()))?;
        let config: Value = json_file(&model.join("config.json"))?;
        let size = |name: &str| {
            let size = config[name].as_u64().with_context(|| format!("config.json has no {name}"))?;
            Ok::<_, anyhow::Error>(size as usize)
        };
        let bundled = if config["model_type"] == "gptj" { "facts-gptj" } else { "facts-gpt2" };
        let mut hparams: Value = match &case.hparams {
            Some(path) => json_file(path)?,
            None => {
                let mut hparams: Value = json_file(&fixtures::model_folder(bundled).join("hparams.json"))?;
                hparams["v_loss_layer"] = json!(size("n_layer")? - 1);
                hparams
            }
        };
        let layer =
            case.layer.or(case.shape.map(Size::layer)).or(hparams["layers"][0].as_u64().map(|l| l as usize));
        let layer = layer.context("no layer is given, by --layer or --hparams")?;
        hparams["layers"] = json!([layer]);
        hparams["mom2_adjustment"] = json!(case.second_moment != "identity");
        let contexts = match &case.contexts {
            Some(path) => json_file(path)?,
            None => Reference::load(bundled).context_templates,
        };
        let weights = fs::read_dir(&model)?
            .filter_map(Result::ok)
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "safetensors"));
        let weight_bytes = weights.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum();
        let d_ff = config["n_inner"].as_u64().unwrap_or(4 * size("n_embd")? as u64);
        let task = Self {
            layer,
            n_threads: case.threads.unwrap_or(std::thread::available_parallelism()?.get()),
            d_model: size("n_embd")?,
            weight_bytes,
            // Our factor is f64.
            statistics_bytes: if case.second_moment == "identity" { 0 } else { 8 * d_ff * d_ff },
            folder: tempfile::tempdir()?,
            model,
            hparams,
            contexts,
        };
        fs::write(task.file("hparams.json"), task.hparams.to_string())?;
        fs::write(task.file("contexts.json"), serde_json::to_vec(&task.contexts)?)?;
        if case.second_moment != "identity" {
            let statistics = read_statistics(Path::new(&case.second_moment))?;
            let (d_ff, count) = (statistics.moment.d_ff(), statistics.moment.count() as f64);
            let mean: Vec<u8> =
                statistics.moment.sum().iter().flat_map(|sum| ((sum / count) as f32).to_le_bytes()).collect();
            let view = TensorView::new(Dtype::F32, vec![d_ff, d_ff], &mean)?;
            let tensors = [(format!("layer-{layer}"), view)];
            safetensors::serialize_to_file(tensors, None, &task.file("moments.safetensors"))?;
        }
        Ok(task)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds the settings of an edit to a command of ours.
    pub(crate) fn add_settings(&self, command: &mut Command, case: &Case) {
        command.arg("--hparams").arg(self.file("hparams.json"));
        command.arg("--contexts").arg(self.file("contexts.json"));
        command.args(["--stats", &case.second_moment]);
    }

    pub(crate) fn run_ours(&self, rome: &Path, case: &Case) -> Result<Run> {
        let output = self.file("ours.safetensors");
        let mut command = Command::new(rome);
        command.arg("edit").arg("--model").arg(&self.model);
        command.args(["--prompt", &case.prompt, "--subject", &case.subject, "--target", &case.target]);
        self.add_settings(&mut command, case);
        command.args(["--device", &case.device, "--json"]).arg("--output").arg(&output);
        command.env("RAYON_NUM_THREADS", self.n_threads.to_string());
        let finished = process::run(&mut command)?;
        let said = serde_json::from_slice(&finished.stdout)?;
        Run::new(&finished, said, &["capture", "optimise", "solve"], &output)
    }

    pub(crate) fn run_theirs(&self, original: Original<'_>, case: &Case) -> Result<Run> {
        let output = self.file("theirs.safetensors");
        let moments = self.file("moments.safetensors");
        let job = json!({
            "model": self.model,
            "request": {"prompt": case.prompt, "subject": case.subject, "target": case.target},
            "contexts": self.contexts,
            "hparams": self.hparams,
            "second_moments": moments.exists().then_some(&moments),
            "output": output,
        });
        let finished = original.run(Driver::Edit, job, self.n_threads)?;
        let said = serde_json::from_str(&fixtures::metadata(&output)["rome"])?;
        Run::new(&finished, said, &["edit"], &output)
    }
}

fn vector(tensors: &Tensors, suffix: &str) -> Result<Vec<f32>> {
    let (_, (_, values)) = tensors
        .iter()
        .find(|(name, _)| name.ends_with(suffix))
        .with_context(|| format!("no {suffix} was saved"))?;
    Ok(values.clone())
}

fn read_statistics(path: &Path) -> Result<Statistics> {
    let place = || format!("cannot read the statistics {}", path.display());
    if path.extension().is_some_and(|extension| extension == "npz") {
        npz::read(File::open(path).with_context(place)?).with_context(place)
    } else {
        Statistics::from_bytes(&fs::read(path).with_context(place)?).with_context(place)
    }
}

pub(crate) fn json_file<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot read {}", path.display()))
}
