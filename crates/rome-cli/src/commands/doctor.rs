//! `rome doctor`

use std::time::Instant;

use anyhow::Result;
use rome_core::Precision;
use rome_device::{Backend, DeviceName, Found};
use serde::Serialize;
use serde_json::json;

use crate::args::DoctorArgs;
use crate::commands::demo::Demo;
use crate::error::{CliError, Outcome};
use crate::machine::{Folder, Machine};
use crate::model;
use crate::output::{self, Progress};
use crate::selftest::{self, Comparison};

#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip)]
    backend: Backend,
    name: String,
    model: String,
    memory: Option<u64>,
    /// What models can be held in there.
    types: Vec<&'static str>,
    is_gpu: bool,
}

impl Row {
    fn new(found: &Found) -> Self {
        let types = [Precision::F32, Precision::F16, Precision::Bf16];
        let types = types.into_iter().filter(|precision| precision.is_supported_by(&found.device));
        Self {
            backend: found.backend,
            name: found.name.clone(),
            model: found.model(),
            memory: found.memory(),
            types: types.map(Precision::name).collect(),
            is_gpu: found.is_gpu(),
        }
    }

    fn remark(&self, auto: &str) -> &'static str {
        if self.name == auto {
            "taken by --device auto"
        } else if !self.backend.is_cpu() && !self.is_gpu {
            "a processor that passes for a GPU"
        } else {
            ""
        }
    }
}

pub(crate) fn run(args: DoctorArgs) -> Result<Outcome> {
    let found = match args.devices.as_slice() {
        [] => Found::all(),
        names => {
            names.iter().map(|name| Ok(name.parse::<DeviceName>()?.find()?)).collect::<Result<Vec<_>>>()?
        }
    };
    let devices: Vec<Row> = found.iter().map(Row::new).collect();
    let auto = DeviceName::Auto.find()?.name;
    let machine = Machine::this();
    let absent: Vec<&str> =
        Backend::ALL.into_iter().filter(|backend| !backend.is_compiled_in()).map(Backend::name).collect();
    if !args.json {
        show(&machine)?;
        list(&devices, &auto, &absent)?;
    }
    let small_test = small_test()?;
    if !args.json {
        output::line(output::bold("\nSelf-test"))?;
        let SmallTest { seconds, p_target, .. } = small_test;
        let outcome = if small_test.holds() { "passed" } else { "failed" };
        let target = output::percent(p_target);
        let undone = if small_test.undone { "undone to the bit" } else { "not undone" };
        output::line(format!(
            "  {outcome}: an edit of the bundled model in {seconds:.2} s, target {target}, {undone}"
        ))?;
    }
    let tests = if args.test { test(&found)? } else { Vec::new() };
    if args.json {
        output::json(&json!({
            "machine": machine, "devices": devices, "auto": auto, "not_compiled_in": absent,
            "self_test": small_test, "tests": tests,
        }))?;
    } else if args.test {
        report(&tests)?;
    }
    if !small_test.holds() {
        return Err(CliError::with_hint(
            "the self-test failed",
            "please report this, with rome doctor --json",
        ));
    }
    match tests.iter().find(|test| !test.holds()) {
        None => Ok(Outcome::Done),
        Some(test) => Err(CliError::with_hint(
            format!("{} does not compute what the processor does, on {}", test.device, test.model),
            "update its driver, or use another device",
        )),
    }
}

fn show(machine: &Machine) -> Result<()> {
    let folder = |folder: &Option<Folder>| match folder {
        None => "none: set ROME_CACHE or HF_HOME".to_owned(),
        Some(Folder { path, exists: false, .. }) => format!("{}, not there yet", path.display()),
        Some(Folder { path, n_bytes, .. }) => format!("{}, {}", path.display(), output::size(*n_bytes)),
    };
    output::line(output::bold(&format!("rome {}", machine.version)))?;
    for (what, value) in [
        ("system", machine.system.clone()),
        ("threads", format!("{} (RAYON_NUM_THREADS changes it)", machine.threads)),
        ("instructions", machine.instructions.to_owned()),
        ("statistics", folder(&machine.cache)),
        ("hub models", folder(&machine.hub)),
    ] {
        output::line(format!("  {what:<12}  {value}"))?;
    }
    output::line("")
}

/// One edit of the bundled model on the processor.
#[derive(Debug, Serialize)]
struct SmallTest {
    seconds: f64,
    p_target: f64,
    undone: bool,
}

impl SmallTest {
    fn holds(&self) -> bool {
        self.undone && self.p_target > 0.5
    }
}

fn small_test() -> Result<SmallTest> {
    let start = Instant::now();
    let device = DeviceName::Cpu.find()?.device;
    let demo = Demo::of(model::load_on(rome_assets::FACTS_GPT2.name, &device, Precision::F32)?)?;
    Ok(SmallTest { seconds: start.elapsed().as_secs_f64(), p_target: demo.p_target(), undone: demo.undone })
}

fn list(devices: &[Row], auto: &str, absent: &[&str]) -> Result<()> {
    output::line(output::bold("Devices"))?;
    let wide = |text: fn(&Row) -> usize| devices.iter().map(text).max().unwrap_or(0);
    let (names, models) = (wide(|row| row.name.len()), wide(|row| row.model.len()));
    for row in devices {
        let memory = row.memory.map_or_else(|| "not known".to_owned(), output::size);
        let (name, model, types) = (&row.name, &row.model, row.types.join(" "));
        let text =
            format!("  {name:<names$}  {model:<models$}  {memory:>9}  {types:<12}  {}", row.remark(auto));
        output::line(text.trim_end())?;
    }
    if !absent.is_empty() {
        output::line(format!("Not in this build, added by --features: {}", absent.join(", ")))?;
    }
    Ok(())
}

/// Runs both bundled models on the processor and on each other device.
fn test(devices: &[Found]) -> Result<Vec<Comparison>> {
    let processor = DeviceName::Cpu.find()?;
    let others: Vec<&Found> = devices.iter().filter(|found| found.name != processor.name).collect();
    let n_runs = rome_assets::ALL.len() * (1 + others.len());
    let mut progress = Progress::new(n_runs as u64, "{bar:30} {pos} of {len} · {msg}");
    let mut n_done = 0;
    let mut next = |device: &str, model: &str| {
        progress.set(n_done, format!("{model} on {device}"));
        n_done += 1;
    };
    let mut tests = Vec::new();
    for bundled in rome_assets::ALL {
        next(&processor.name, bundled.name);
        let reference = selftest::Outcome::of(bundled, &processor.device, None)?;
        for found in &others {
            next(&found.name, bundled.name);
            let outcome = selftest::Outcome::of(bundled, &found.device, Some(&reference))?;
            tests.push(outcome.compare(&reference, &found.name, bundled.name));
        }
    }
    Ok(tests)
}

fn report(tests: &[Comparison]) -> Result<()> {
    if tests.is_empty() {
        return output::line("There is nothing to hold the processor against.");
    }
    output::line(output::bold("\nAgainst the processor"))?;
    for test in tests {
        output::line(format!(
            "  {} {} on {}: logits within {:.0e}, texts {}, cosine of ΔW {:.7}, C within {:.0e}",
            if test.holds() { "passed" } else { "failed" },
            test.model,
            test.device,
            test.logits,
            if test.texts { "equal" } else { "different" },
            test.edit,
            test.statistics
        ))?;
        let [first, again] = test.seconds;
        output::line(format!(
            "         an edit {again:.2} s, the first {first:.2} s; on the processor {:.2} s",
            test.seconds_on_the_processor[1]
        ))?;
    }
    Ok(())
}
