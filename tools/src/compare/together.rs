//! Many facts at once, by our program and by the original of the method.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fixtures::cosine;
use fixtures::mass::{MassGolden, mass_npz};
use rome_core::{EditFile, SecondMoment};
use rome_eval::Facts;
use rome_stats::npz;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::compare::case::{Case, Size};
use crate::compare::original::{Driver, Original};
use crate::compare::outcome::Outcome;
use crate::compare::runs::{self, Medians};
use crate::report::Report;
use crate::{process, target};

/// A method for many facts that there is an original of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Method {
    /// kmeng01/memit
    Memit,
    /// jianghoucheng/AlphaEdit
    Alphaedit,
}

/// The seed of the order that facts are taken in.
const ORDER: u64 = 0;

/// The facts as both programs take them.
struct Task {
    method: Method,
    model: PathBuf,
    layers: Vec<usize>,
    n_threads: usize,
    requests: Vec<Value>,
    contexts: Vec<Vec<String>>,
    hparams: Value,
    folder: tempfile::TempDir,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Memit => "memit",
            Self::Alphaedit => "alphaedit",
        }
    }
}

/// Edits facts by both programs: the same model, requests, contexts and C.
pub(crate) fn run(
    original: Option<Original<'_>>,
    case: &Case,
    (method, n_facts): (Method, usize),
    runs: u32,
) -> Result<Report> {
    let rome = case.program()?;
    let task = Task::new(case, method, n_facts)?;
    let (ours, theirs) =
        runs::in_turn(original, runs, |_| task.run_ours(&rome, case), |original| task.run_theirs(original))?;
    let json = json!({
        "model": task.model, "method": method.name(), "facts": n_facts, "layers": task.layers,
        "threads": task.n_threads, "runs": ours.len(),
    });
    let mut medians = Medians::new(&ours, &theirs, json);
    let edit = |run: &Outcome| {
        let part = |name: &str| run.seconds.get(name).copied().unwrap_or(0.0);
        ["statistics", "values", "solve", "projection", "edit"].into_iter().map(part).sum::<f64>()
    };
    medians.add("the edit, s", "edit", 1.0, edit);
    medians.add("peak memory, MiB", "peak_memory", f64::from(1 << 20), |run| run.peak_memory as f64);
    let mut notes = vec![format!(
        "{n_facts} facts by {}, layers {:?} of {}, {} threads, medians of {}; C factored or decomposed included",
        method.name(),
        task.layers,
        case.name(),
        task.n_threads,
        ours.len()
    )];
    if let (Some(ours), Some(theirs)) = medians.last() {
        let mut cosines = Vec::new();
        for (name, theirs) in &theirs.values {
            let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<f32>>();
            cosines.push(cosine(&narrow(&ours.values[name]), &narrow(theirs)));
        }
        notes.push(format!("cosine of ΔW, by layer: {cosines:.7?}"));
        medians.json["cosines"] = json!(cosines);
    }
    let Medians { rows, json, .. } = medians;
    Ok(Report { json, tables: vec![rows], notes, faults: Vec::new() })
}

impl Task {
    fn new(case: &Case, method: Method, n_facts: usize) -> Result<Self> {
        let model = match case.shape {
            Some(size) => size.shape().model(&target::folder()?.join("compare"))?,
            None => case.bundled().map_or_else(|| PathBuf::from(&case.model), fixtures::model_folder),
        };
        let model =
            model.canonicalize().with_context(|| format!("there is no model in {}", model.display()))?;
        let config: Value = serde_json::from_slice(&fs::read(model.join("config.json"))?)?;
        let bundled = if config["model_type"] == "gptj" { "facts-gptj" } else { "facts-gpt2" };
        let golden = MassGolden::load(bundled, if method == Method::Memit { "memit" } else { "alphaedit" });
        let mut hparams = golden.hparams.clone();
        // Three layers, the last of them ROME's.
        let layers: Vec<usize> = match case.shape.map(Size::layer) {
            Some(last) => (last.saturating_sub(2)..=last).collect(),
            None => serde_json::from_value(hparams["layers"].clone())?,
        };
        let n_layers = config["n_layer"].as_u64().context("config.json has no n_layer")?;
        hparams["layers"] = json!(layers);
        hparams["v_loss_layer"] = json!(n_layers - 1);
        let facts = Facts::from_json(rome_assets::FACTS)?.records(ORDER);
        let request = |record: &rome_eval::CounterFact| {
            let rewrite = &record.requested_rewrite;
            json!({ "prompt": rewrite.prompt, "subject": rewrite.subject, "target": rewrite.target_new.str })
        };
        let task = Self {
            method,
            layers,
            n_threads: case.threads.unwrap_or(std::thread::available_parallelism()?.get()),
            requests: facts.iter().take(n_facts).map(request).collect(),
            contexts: golden.context_templates,
            hparams,
            folder: tempfile::tempdir()?,
            model,
        };
        fs::write(task.file("hparams.json"), task.hparams.to_string())?;
        fs::write(task.file("contexts.json"), serde_json::to_vec(&task.contexts)?)?;
        fs::write(task.file("requests.json"), serde_json::to_vec(&task.requests)?)?;
        task.write_statistics(case, &config)?;
        Ok(task)
    }

    /// Writes C of each layer: the originals' own for a bundled model, and the identity for random weights.
    fn write_statistics(&self, case: &Case, config: &Value) -> Result<()> {
        let d_model = config["n_embd"].as_u64().context("config.json has no n_embd")? as usize;
        let d_ff = config["n_inner"].as_u64().map_or(4 * d_model, |size| size as usize);
        fs::create_dir_all(self.file("stats"))?;
        let mut tensors = Vec::new();
        for &layer in &self.layers {
            let module = self.hparams["rewrite_module_tmp"].as_str().unwrap_or_default();
            let module = module.replacen("{}", &layer.to_string(), 1);
            let path = self.file("stats").join(format!("{module}_float32_mom2_1500.npz"));
            let moment = match case.bundled() {
                Some(name) => {
                    fs::copy(mass_npz(name, layer), &path)?;
                    npz::read(File::open(&path)?)?.moment
                }
                None => identity(d_ff)?,
            };
            let count = moment.count() as f64;
            let mean = moment.sum().iter().flat_map(|sum| ((sum / count) as f32).to_le_bytes());
            tensors.push((format!("layer-{layer}"), moment.d_ff(), mean.collect::<Vec<u8>>()));
        }
        let views = tensors.iter().map(|(name, size, bytes)| {
            Ok((name.clone(), TensorView::new(Dtype::F32, vec![*size, *size], bytes)?))
        });
        let views: Vec<_> = views.collect::<Result<_>>()?;
        Ok(safetensors::serialize_to_file(views, None, &self.file("moments.safetensors"))?)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run_ours(&self, rome: &Path, case: &Case) -> Result<Outcome> {
        let output = self.file("ours.safetensors");
        let mut command = Command::new(rome);
        command.arg("edit").arg("--model").arg(&self.model).args(["--method", self.method.name()]);
        command
            .arg("--request")
            .arg(self.file("requests.json"))
            .arg("--hparams")
            .arg(self.file("hparams.json"));
        command.arg("--contexts").arg(self.file("contexts.json"));
        match case.bundled() {
            Some(_) => command.arg("--stats").arg(self.file("stats")),
            None => command.args(["--stats", "identity"]),
        };
        command.args(["--device", &case.device, "--json"]).arg("--output").arg(&output);
        command.env("RAYON_NUM_THREADS", self.n_threads.to_string());
        let mut outcome = Outcome::of_ours(&process::run(&mut command)?)?;
        // Loading counts for nothing in either program.
        outcome.seconds.remove("load");
        outcome.seconds.remove("total");
        let file = EditFile::from_bytes(&fs::read(&output)?)?;
        for (entry, update) in file.edits() {
            let dense = update.dense().iter().copied().map(f64::from).collect();
            outcome.values.insert(format!("layer-{}.delta", entry.layer), dense);
        }
        Ok(outcome)
    }

    fn run_theirs(&self, original: Original<'_>) -> Result<Outcome> {
        let output = self.file("theirs.safetensors");
        let job = json!({
            "method": self.method.name(), "model": self.model, "requests": self.requests, "contexts": self.contexts,
            "hparams": self.hparams, "second_moments": self.file("moments.safetensors"), "output": output,
        });
        let finished = original.run(Driver::Together, job, self.n_threads)?;
        Outcome::of_theirs(&finished, &output)
    }
}

fn identity(d_ff: usize) -> Result<SecondMoment> {
    let cell = |index: usize| f64::from(u8::from(index / d_ff == index % d_ff));
    SecondMoment::from_sum(d_ff, 1, (0..d_ff * d_ff).map(cell).collect()).context("a square has d_ff rows")
}
