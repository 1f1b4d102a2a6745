//! `rome doctor --test` with more backends, as a table.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use crate::report::{self, Format, Report};
use crate::{process, program};

/// Builds `rome` with more backends and holds each device against the processor: text, logits, an
/// edit and statistics of the bundled models.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Try this program rather than build it
    #[arg(long, value_name = "FILE", conflicts_with = "features")]
    rome: Option<PathBuf>,

    /// The backends beside flex, with commas: ndarray, wgpu, vulkan, metal, cuda
    #[arg(long, value_delimiter = ',', default_value = "ndarray,wgpu", value_name = "BACKENDS")]
    features: Vec<String>,

    /// Only these devices, by the names that `rome doctor` has for them; missing ones are an error
    #[arg(long = "device", value_name = "NAME")]
    devices: Vec<String>,

    #[command(flatten)]
    format: Format,
}

/// The output of `rome doctor --json`.
#[derive(Debug, Deserialize)]
struct Doctor {
    devices: Vec<Device>,
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Device {
    name: String,
    model: String,
    types: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Test {
    device: String,
    model: String,
    logits: f64,
    texts: bool,
    edit: f64,
    statistics: f64,
    seconds: [f64; 2],
    seconds_on_the_processor: [f64; 2],
    uploads_per_step: u64,
    downloads_per_step: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let program = args.rome.clone().map_or_else(|| program::build(&args.features), Ok)?;
    let mut doctor = Command::new(program);
    doctor.args(["doctor", "--test", "--json"]);
    doctor.args(args.devices.iter().flat_map(|device| ["--device", device]));
    // It fails, with a message, if a device is missing or does not compute what the processor does.
    let json: Value = serde_json::from_slice(&process::run(&mut doctor)?.stdout)?;
    let doctor: Doctor = serde_json::from_value(json.clone())?;

    let header = [
        "device",
        "model",
        "logits",
        "texts",
        "ΔW",
        "C",
        "first edit",
        "an edit",
        "on the processor",
        "a step",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for test in &doctor.tests {
        let [first, again] = test.seconds;
        rows.push(vec![
            test.device.clone(),
            test.model.clone(),
            format!("{:.0e}", test.logits),
            if test.texts { "equal" } else { "different" }.to_owned(),
            format!("{:.7}", test.edit),
            format!("{:.0e}", test.statistics),
            format!("{first:.2} s"),
            format!("{again:.2} s"),
            format!("{:.2} s", test.seconds_on_the_processor[1]),
            format!("{} in, {} out", test.uploads_per_step, test.downloads_per_step),
        ]);
    }
    let of_device =
        |device: &Device| format!("{}: {}; {}", device.name, device.model, device.types.join(", "));
    let notes = doctor.devices.iter().map(of_device).collect();
    report::print(&Report { json, tables: vec![rows], notes, faults: Vec::new() }, args.format.form())
}
