//! Our program and the original, one after the other on the same task.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use burn::tensor::Distribution;
use fixtures::random::Shape;
use fixtures::{Reference, Tensors, cosine, norm};
use rome_stats::{Statistics, npz};
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::compare::process;
use crate::compare::report::Report;
use crate::metadata;

const DRIVER: &str = include_str!("reference.py");

/// The task, by the flags of `rome edit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Case {
    /// The model: a folder in Hugging Face form, or the name of a bundled one
    #[arg(short, long, default_value = "facts-gpt2", conflicts_with = "shape")]
    model: String,

    /// A model of random weights in this shape, made when it is first asked for
    #[arg(long)]
    shape: Option<Size>,

    /// The prompt, with {} for the subject
    #[arg(long, default_value = "{} is produced by")]
    prompt: String,

    /// What the fact is about
    #[arg(long, default_value = "iPhone 5")]
    subject: String,

    /// The new object
    #[arg(long, default_value = "Nokia")]
    target: String,

    /// The layer to edit
    #[arg(long, value_name = "N")]
    layer: Option<usize>,

    /// The settings of the original; those of the bundled models by default
    #[arg(long, value_name = "FILE")]
    hparams: Option<PathBuf>,

    /// A JSON list of context templates; 21 that the original sampled by default
    #[arg(long, value_name = "FILE")]
    contexts: Option<PathBuf>,

    /// Statistics of the layer, npz or safetensors, or "identity" for none
    #[arg(long, default_value = "identity", value_name = "FILE|identity")]
    stats: String,

    /// Threads for both programs; all there are by default
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// The published sizes of GPT-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Size {
    /// 12 blocks of 768
    Gpt2,
    /// 24 blocks of 1024
    Gpt2Medium,
    /// 36 blocks of 1280
    Gpt2Large,
    /// 48 blocks of 1600
    Gpt2Xl,
}

impl Size {
    fn shape(self) -> Shape {
        match self {
            Self::Gpt2 => Shape::GPT2,
            Self::Gpt2Medium => Shape::GPT2_MEDIUM,
            Self::Gpt2Large => Shape::GPT2_LARGE,
            Self::Gpt2Xl => Shape::GPT2_XL,
        }
    }

    /// The layer to edit: the published one of GPT-2 XL, and what is as deep in the others.
    fn layer(self) -> usize {
        match self {
            Self::Gpt2 => 5,
            Self::Gpt2Medium => 8,
            Self::Gpt2Large => 12,
            Self::Gpt2Xl => 17,
        }
    }
}

/// The original, and what runs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Original<'a> {
    pub(crate) checkout: &'a Path,
    pub(crate) python: &'a Path,
}

/// The task as both programs take it.
struct Task {
    model: PathBuf,
    layer: usize,
    n_threads: usize,
    d_model: usize,
    hparams: Value,
    contexts: Vec<String>,
    weight_bytes: u64,
    statistics_bytes: u64,
    /// Inputs and outputs of the programs.
    folder: tempfile::TempDir,
}

/// One run of a program.
struct Run {
    /// The edit alone: from the loaded model and C to left and right.
    edit: f64,
    /// The whole process.
    process: f64,
    peak_memory: u64,
    left: Vec<f32>,
    right: Vec<f32>,
    losses: Vec<[f64; 4]>,
    lookup_idxs: Vec<usize>,
}

/// What `rome edit --json` prints.
#[derive(Debug, Deserialize)]
struct Printed {
    losses: Vec<[f64; 4]>,
    lookup_idxs: Vec<usize>,
    seconds: BTreeMap<String, f64>,
    flops: BTreeMap<String, u64>,
}

/// What the driver of the original saves beside the tensors.
#[derive(Debug, Deserialize)]
struct Saved {
    losses: Vec<[f64; 4]>,
    lookup_idxs: Vec<usize>,
    seconds: BTreeMap<String, f64>,
    device: String,
    torch: String,
}

impl Case {
    fn name(&self) -> &str {
        match self.shape {
            Some(size) => size.shape().name,
            None => &self.model,
        }
    }

    /// Whether the user asked for a task of their own.
    pub(crate) fn is_given(&self) -> bool {
        self.shape.is_some() || self.model != "facts-gpt2" || self.layer.is_some() || self.threads.is_some()
    }
}

pub(crate) fn run(original: Option<Original<'_>>, case: &Case, runs: u32) -> Result<Report> {
    let rome = build()?;
    let task = Task::new(case)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut printed, mut saved) = (None, None);
    for index in 1..=runs {
        eprintln!("run {index} of {runs}: rome");
        let (run, output) = task.run_ours(&rome, case)?;
        ours.push(run);
        printed = Some(output);
        if let Some(original) = original {
            eprintln!("run {index} of {runs}: kmeng01/rome");
            let (run, output) = task.run_theirs(original, case)?;
            theirs.push(run);
            saved = Some(output);
        }
    }
    let printed = printed.context("no run was made")?;
    let n_tokens = suffix_tokens(&printed.lookup_idxs, &task, case)?;
    let product_rate = product_rate(n_tokens, task.d_model, task.n_threads)?;
    Ok(report(&task, case, &ours, &theirs, &printed, saved.as_ref(), (n_tokens, product_rate)))
}

/// Builds `rome` as a user has it, and returns its path.
fn build() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "--package", "rome-cli"]).current_dir(&root);
    // What cargo says to this task of its own package would have build scripts run anew.
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        build.env_remove(name);
    }
    let status = build.status()?;
    if !status.success() {
        bail!("rome does not build");
    }
    Ok(metadata::read()?.target_directory.join("release/rome"))
}

impl Task {
    fn new(case: &Case) -> Result<Self> {
        let model = match case.shape {
            Some(size) => {
                let models = metadata::read()?.target_directory.join("compare");
                size.shape()
                    .model(&models)
                    .with_context(|| format!("cannot write to {}", models.display()))?
            }
            None if fixtures::MODELS.contains(&case.model.as_str()) => fixtures::model_folder(&case.model),
            None => PathBuf::from(&case.model),
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
        hparams["mom2_adjustment"] = json!(case.stats != "identity");
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
            statistics_bytes: if case.stats == "identity" { 0 } else { 8 * d_ff * d_ff },
            folder: tempfile::tempdir()?,
            model,
            hparams,
            contexts,
        };
        fs::write(task.file("hparams.json"), task.hparams.to_string())?;
        fs::write(task.file("contexts.json"), serde_json::to_vec(&task.contexts)?)?;
        if case.stats != "identity" {
            let statistics = read_statistics(Path::new(&case.stats))?;
            let (d_ff, count) = (statistics.moment.d_ff(), statistics.moment.count() as f64);
            let mean: Vec<u8> =
                statistics.moment.sum().iter().flat_map(|sum| ((sum / count) as f32).to_le_bytes()).collect();
            let view = TensorView::new(Dtype::F32, vec![d_ff, d_ff], &mean)?;
            let tensors = [(format!("layer-{layer}"), view)];
            safetensors::serialize_to_file(tensors, None, &task.file("moments.safetensors"))?;
        }
        Ok(task)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run_ours(&self, rome: &Path, case: &Case) -> Result<(Run, Printed)> {
        let output = self.file("ours.safetensors");
        let mut command = Command::new(rome);
        command.arg("edit").arg("--model").arg(&self.model);
        command.args(["--prompt", &case.prompt, "--subject", &case.subject, "--target", &case.target]);
        command.arg("--hparams").arg(self.file("hparams.json"));
        command.arg("--contexts").arg(self.file("contexts.json"));
        command.args(["--stats", &case.stats, "--json"]).arg("--output").arg(&output);
        command.env("RAYON_NUM_THREADS", self.n_threads.to_string());
        let finished = process::run(&mut command)?;
        let printed: Printed = serde_json::from_slice(&finished.stdout)?;
        let tensors = fixtures::tensors(&output);
        let run = Run {
            edit: ["capture", "optimise", "solve"].iter().map(|part| printed.seconds[*part]).sum(),
            process: finished.seconds,
            peak_memory: finished.peak_memory,
            left: vector(&tensors, "left")?,
            right: vector(&tensors, "right")?,
            losses: printed.losses.clone(),
            lookup_idxs: printed.lookup_idxs.clone(),
        };
        Ok((run, printed))
    }

    fn run_theirs(&self, original: Original<'_>, case: &Case) -> Result<(Run, Saved)> {
        let output = self.file("theirs.safetensors");
        let moments = self.file("moments.safetensors");
        let job = json!({
            "reference": original.checkout.canonicalize()?,
            "model": self.model,
            "request": {"prompt": case.prompt, "subject": case.subject, "target": case.target},
            "contexts": self.contexts,
            "hparams": self.hparams,
            "second_moments": moments.exists().then_some(&moments),
            "threads": self.n_threads,
            "output": output,
        });
        fs::write(self.file("job.json"), job.to_string())?;
        fs::write(self.file("reference.py"), DRIVER)?;
        let mut command = Command::new(original.python);
        command.arg(self.file("reference.py")).arg(self.file("job.json"));
        command.env("OMP_NUM_THREADS", self.n_threads.to_string());
        let finished = process::run(&mut command)?;
        let saved: Saved = serde_json::from_str(&fixtures::metadata(&output)["rome"])?;
        let tensors = fixtures::tensors(&output);
        let run = Run {
            edit: saved.seconds["edit"],
            process: finished.seconds,
            peak_memory: finished.peak_memory,
            left: vector(&tensors, ".left")?,
            right: vector(&tensors, ".right")?,
            losses: saved.losses.clone(),
            lookup_idxs: saved.lookup_idxs.clone(),
        };
        Ok((run, saved))
    }
}

fn report(
    task: &Task,
    case: &Case,
    ours: &[Run],
    theirs: &[Run],
    printed: &Printed,
    saved: Option<&Saved>,
    (n_tokens, product_rate): (usize, f64),
) -> Report {
    let of = |runs: &[Run], get: fn(&Run) -> f64| median(runs.iter().map(get).collect());
    let rate = printed.flops["optimise"] as f64 / printed.seconds["optimise"] / 1e9;
    let memory_limit = (task.weight_bytes + task.statistics_bytes) as f64;
    let mut rows = vec![["", "rome", "kmeng01/rome", "ratio"].map(str::to_owned).to_vec()];
    let mut json = json!({
        "model": task.model, "layer": task.layer, "threads": task.n_threads,
        "evaluations": printed.losses.len(), "runs": ours.len(),
        "flops": printed.flops, "seconds": printed.seconds,
        "gflops_per_second": rate, "product_gflops_per_second": product_rate, "product_rows": n_tokens,
        "memory_of_weights_and_c": of(ours, |run| run.peak_memory as f64) / memory_limit,
    });
    let mut add = |name: &str, key: &str, scale: f64, get: fn(&Run) -> f64| {
        let ours = of(ours, get);
        let mut row = vec![name.to_owned(), figure(ours / scale)];
        json[key] = json!({ "ours": ours });
        if !theirs.is_empty() {
            let theirs = of(theirs, get);
            row.extend([figure(theirs / scale), format!("{:.2}", theirs / ours)]);
            json[key] = json!({ "ours": ours, "theirs": theirs, "ratio": theirs / ours });
        }
        rows.push(row);
    };
    add("an edit, s", "edit", 1.0, |run| run.edit);
    add("the whole process, s", "process", 1.0, |run| run.process);
    add("peak memory, MiB", "peak_memory", f64::from(1 << 20), |run| run.peak_memory as f64);

    let mut notes = vec![
        format!(
            "layer {} of {}, {} contexts, {} steps, {} threads, C {}, medians of {}",
            task.layer,
            case.name(),
            task.contexts.len(),
            printed.losses.len(),
            task.n_threads,
            if case.stats == "identity" { "= identity" } else { "given" },
            ours.len()
        ),
        format!(
            "v*: {rate:.1} GF/s on the operations it cannot do without, {:.0} % of what one product of \
             [{n_tokens}, {d}] and [{d}, {}] reaches ({product_rate:.1} GF/s)",
            100.0 * rate / product_rate,
            4 * task.d_model,
            d = task.d_model,
        ),
        format!("memory: {:.2} × (weights + C)", of(ours, |run| run.peak_memory as f64) / memory_limit),
    ];
    if let (Some(a), Some(b), Some(saved)) = (ours.last(), theirs.last(), saved) {
        let (left_sim, right_sim) = (cosine(&a.left, &b.left), cosine(&a.right, &b.right));
        let norm_ratio = norm(&a.left) * norm(&a.right) / (norm(&b.left) * norm(&b.right));
        let difference =
            a.losses.iter().zip(&b.losses).map(|(a, b)| (a[0] - b[0]).abs() / b[0]).fold(0.0, f64::max);
        json["values"] = json!({
            "left_sim": left_sim, "right_sim": right_sim, "w_delta_sim": left_sim * right_sim,
            "norm_ratio": norm_ratio, "loss_difference": difference,
            "lookup_idxs_equal": a.lookup_idxs == b.lookup_idxs,
            "steps_equal": a.losses.len() == b.losses.len(),
        });
        json["device"] = json!(saved.device);
        notes.push(format!(
            "values: left_sim {left_sim:.7}, right_sim {right_sim:.7}, w_delta_sim {:.7}, norm ratio \
             {norm_ratio:.5}, losses within {difference:.0e}, lookup indices {}",
            left_sim * right_sim,
            if a.lookup_idxs == b.lookup_idxs { "the same" } else { "different" },
        ));
        notes.push(format!("kmeng01/rome on {}, torch {}", saved.device, saved.torch));
    }
    Report { json, tables: vec![rows], notes, faults: Vec::new() }
}

/// The number of positions that a step of v* runs: those from the lookup index on.
fn suffix_tokens(lookup_idxs: &[usize], task: &Task, case: &Case) -> Result<usize> {
    use rome_core::{Context, EditRows, ModelShape, Preservation, Request};
    let source = rome_models::Source::resolve(&task.model.display().to_string(), &mut |_| ())?;
    let tokenizer = rome_models::Tokenizer::load(&source)?;
    let contexts: Vec<Context> = task.contexts.iter().cloned().map(Context::Template).collect();
    let request = Request::text(&case.prompt, &case.subject, &case.target);
    // Only what bounds a row's length and its tokens matters here, and both programs have run.
    let shape = ModelShape {
        family: String::new(),
        n_layers: 1,
        d_model: task.d_model,
        d_ff: 0,
        n_heads: 1,
        vocab_size: usize::MAX,
        n_positions: usize::MAX,
    };
    let rows = EditRows::new(&request, &contexts, &[Preservation::essence()], &tokenizer, &shape)?;
    debug_assert_eq!(rows.lookups(), lookup_idxs);
    let of_rows: usize = rows.rows.iter().map(|row| row.tokens.len() - row.lookup).sum();
    Ok(of_rows + rows.preservations.len())
}

/// The rate of `[n_tokens, d] × [d, 4 d]`, in GF/s, by the backend that edits run on.
fn product_rate(n_tokens: usize, d_model: usize, n_threads: usize) -> Result<f64> {
    const SECONDS: f64 = 2.0;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build()?;
    let device = Device::flex();
    let random = |rows, columns| Tensor::<2>::random([rows, columns], Distribution::Default, &device);
    let (x, weight) = (random(n_tokens, d_model), random(d_model, 4 * d_model));
    let flops = (2 * n_tokens * d_model * 4 * d_model) as f64;
    Ok(pool.install(|| {
        let product = || std::hint::black_box(x.clone().matmul(weight.clone()));
        product();
        let (start, mut n_products) = (Instant::now(), 0);
        while start.elapsed().as_secs_f64() < SECONDS {
            product();
            n_products += 1;
        }
        f64::from(n_products) * flops / start.elapsed().as_secs_f64() / 1e9
    }))
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
    match path.extension().is_some_and(|extension| extension == "npz") {
        true => npz::read(File::open(path).with_context(place)?).with_context(place),
        false => Statistics::from_bytes(&fs::read(path).with_context(place)?).with_context(place),
    }
}

fn json_file<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot read {}", path.display()))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        _ => 0.5 * (values[middle - 1] + values[middle]),
    }
}

fn figure(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
