//! One edit, one text, one statistic on every device there is, against the processor's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use fixtures::{MODELS, Reference, cosine};
use rome_stats::Statistics;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::report::{self, Format, Report};
use crate::{process, program};

/// The device that others are held against.
const REFERENCE: &str = "flex";

/// The largest difference of a logit.
const LOGITS: f64 = 1e-3;
/// The smallest cosine of ΔW.
const EDIT: f64 = 0.999;
/// The largest relative Frobenius difference of C.
const STATISTICS: f64 = 1e-4;

const PROMPTS: [&str; 3] = ["The mother tongue of Barack Obama is", "Honda Accord is created by", "The"];
const LAYER: usize = 1;
/// Documents that C is taken over.
const N_DOCUMENTS: usize = 40;

/// Builds `rome` with more backends and runs it on each device that `rome doctor` finds, on both
/// bundled models.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backends beside flex, with commas: ndarray, wgpu, vulkan, metal, cuda
    #[arg(long, value_delimiter = ',', default_value = "ndarray,wgpu", value_name = "BACKENDS")]
    features: Vec<String>,

    /// Only these devices, by the names that `rome doctor` has for them
    #[arg(long = "device", value_name = "NAME")]
    devices: Vec<String>,

    #[command(flatten)]
    format: Format,
}

/// What `rome doctor --json` prints.
#[derive(Debug, Deserialize)]
struct Doctor {
    devices: Vec<Device>,
}

#[derive(Debug, Deserialize)]
struct Device {
    name: String,
    model: String,
}

/// What `rome` came to on one device and model.
struct Outcome {
    texts: Vec<Vec<u32>>,
    logits: Vec<f32>,
    left: Vec<f32>,
    right: Vec<f32>,
    sums: Vec<f64>,
    /// The whole process of an edit: when the device's programs are compiled and tuned, and after.
    seconds: [f64; 2],
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let rome = program::build(&args.features)?;
    let doctor: Doctor = serde_json::from_slice(&rome_run(&rome, &["doctor", "--json"])?.stdout)?;
    let wanted = |device: &&Device| args.devices.is_empty() || args.devices.contains(&device.name);
    let devices: Vec<&Device> =
        doctor.devices.iter().filter(|device| device.name != REFERENCE).filter(wanted).collect();
    let missing = args.devices.iter().find(|name| devices.iter().all(|device| device.name != **name));
    if let Some(name) = missing {
        bail!("there is no device {name} beside {REFERENCE}: see rome doctor");
    }

    let header = ["device", "model", "logits", "texts", "ΔW", "C", "first edit, s", "again, s"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let (mut json, mut faults) = (Vec::new(), Vec::new());
    for model in MODELS {
        eprintln!("{model} on {REFERENCE}");
        let reference = Outcome::of(&rome, REFERENCE, model, None)?;
        rows.push(row(REFERENCE, model, ["", "", "", ""].map(str::to_owned), reference.seconds));
        for device in &devices {
            eprintln!("{model} on {} ({})", device.name, device.model);
            let outcome = Outcome::of(&rome, &device.name, model, Some(&reference))?;
            let logits = largest_difference(&outcome.logits, &reference.logits);
            let texts = outcome.texts == reference.texts;
            let edit = cosine(&outcome.left, &reference.left) * cosine(&outcome.right, &reference.right);
            let statistics = relative_difference(&outcome.sums, &reference.sums);
            let cells = [
                format!("{logits:.0e}"),
                if texts { "equal" } else { "differ" }.to_owned(),
                format!("{edit:.7}"),
                format!("{statistics:.0e}"),
            ];
            rows.push(row(&device.name, model, cells, outcome.seconds));
            json.push(json!({
                "device": device.name, "is": device.model, "model": model, "logits": logits,
                "texts_equal": texts, "w_delta_sim": edit, "statistics": statistics,
                "seconds": outcome.seconds, "seconds_on_the_processor": reference.seconds,
            }));
            for (holds, what) in [
                (logits <= LOGITS, "logits"),
                (texts, "texts"),
                (edit >= EDIT, "the edit"),
                (statistics <= STATISTICS, "the statistics"),
            ] {
                if !holds {
                    faults.push(format!("{model} on {}: {what} differ", device.name));
                }
            }
        }
    }
    let mut notes: Vec<String> =
        doctor.devices.iter().map(|device| format!("{}: {}", device.name, device.model)).collect();
    notes.push(format!(
        "logits: largest difference (at most {LOGITS:.0e}); texts: greedy, of {} prompts; ΔW: cosine \
         (at least {EDIT}); C: relative Frobenius difference (at most {STATISTICS:.0e}); all from {REFERENCE}",
        PROMPTS.len()
    ));
    report::print(&Report { json: Value::Array(json), tables: vec![rows], notes, faults }, args.format.form())
}

fn row(device: &str, model: &str, cells: [String; 4], seconds: [f64; 2]) -> Vec<String> {
    let seconds = seconds.map(|seconds| format!("{seconds:.2}"));
    [device, model].map(str::to_owned).into_iter().chain(cells).chain(seconds).collect()
}

impl Outcome {
    /// Logits are taken over the texts of `reference`, so that they can be compared even where a
    /// text differs.
    fn of(rome: &Path, device: &str, model: &str, reference: Option<&Self>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str| folder.path().join(name);
        let on = |command: &[&str], rest: &[&str]| {
            let place = ["--model", model, "--device", device];
            rome_run(rome, &[command, &place, rest].concat())
        };

        let mut texts = Vec::new();
        for prompt in PROMPTS {
            let printed: Value =
                serde_json::from_slice(&on(&["generate"], &["--greedy", "--json", prompt])?.stdout)?;
            texts.push(serde_json::from_value(printed["tokens"].clone())?);
        }

        let mut logits = Vec::new();
        for tokens in reference.map_or(&texts, |reference| &reference.texts) {
            let tokens: Vec<String> = tokens.iter().map(u32::to_string).collect();
            let output = file("logits.safetensors");
            on(&["logits"], &["--tokens", &tokens.join(","), "--output", text(&output)?])?;
            logits.extend(fixtures::tensors(&output).remove("logits").context("no logits were written")?.1);
        }

        let contexts = file("contexts.json");
        std::fs::write(&contexts, serde_json::to_vec(&Reference::load(model).context_templates)?)?;
        let output = file("edit.safetensors");
        let request = ["--prompt", "{} is produced by", "--subject", "iPhone 5", "--target", "Nokia"];
        let files = ["--contexts", text(&contexts)?, "--output", text(&output)?];
        let edit = || Ok::<_, anyhow::Error>(on(&["edit"], &[&request[..], &files].concat())?.seconds);
        let seconds = [edit()?, edit()?];
        let tensors = fixtures::tensors(&output);
        let vector = |suffix: &str| {
            let found = tensors.iter().find(|(name, _)| name.ends_with(suffix));
            found.map(|(_, (_, values))| values.clone()).context("the edit has no vectors")
        };

        let documents = std::fs::read_to_string(fixtures::path("goldens/documents.txt"))?;
        let documents: Vec<&str> = documents.lines().take(N_DOCUMENTS).collect();
        let corpus = file("documents.txt");
        std::fs::write(&corpus, documents.join("\n"))?;
        let (layer, statistics) = (LAYER.to_string(), file("statistics"));
        let rest = ["--layers", &layer, "--text", text(&corpus)?, "--output", text(&statistics)?];
        on(&["stats", "collect"], &rest)?;
        let bytes = std::fs::read(statistics.join(format!("layer-{LAYER}.safetensors")))?;
        let sums = Statistics::from_bytes(&bytes)?.moment.sum().to_vec();

        Ok(Self { texts, logits, left: vector("left")?, right: vector("right")?, sums, seconds })
    }
}

fn rome_run(rome: &Path, args: &[&str]) -> Result<process::Finished> {
    process::run(Command::new(rome).args(args))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", PathBuf::from(path).display()))
}

fn largest_difference(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

fn relative_difference(a: &[f64], b: &[f64]) -> f64 {
    let difference: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (difference / b.iter().map(|b| b.powi(2)).sum::<f64>()).sqrt()
}
