//! What is too heavy for every change: tests that take minutes, and all of them on other devices.

use std::process::Command;

use anyhow::{Result, bail};

/// Runs what `.ci/run` leaves out. Half an hour on two cores, most of it building.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backend beside the processor that everything runs on, too
    #[arg(long, default_value = "wgpu", value_name = "BACKEND")]
    device: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let device = args.device.as_str();
    let (of_tests, of_examples) = (format!("rome-cli/{device}"), device.to_owned());
    step("tests that take minutes", &["test", "--workspace", "--", "--ignored"], None)?;
    step("rome on every device", &["xtask", "devices", "--features", &format!("ndarray,{device}")], None)?;
    let models = ["--test", "it", "--", "--skip", "command_line", "--skip", "outside", "--skip", "hub"];
    let tests = [&["test", "--workspace", "--features", &of_tests][..], &models].concat();
    step("the tests of models, edits and statistics", &tests, Some(device))?;
    for example in ["edit_simple", "edit_detailed"] {
        let run = ["run", "--release", "-p", "examples", "--features", &of_examples, "--example", example];
        step(example, &run, Some(device))?;
    }
    Ok(())
}

fn step(what: &str, args: &[&str], device: Option<&str>) -> Result<()> {
    eprintln!("\n== {what}{}", device.map(|device| format!(", on {device}")).unwrap_or_default());
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(args).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if let Some(device) = device {
        cargo.env("ROME_DEVICE", device);
    }
    crate::program::without_package(&mut cargo);
    match cargo.status()?.success() {
        true => Ok(()),
        false => bail!("{what}: cargo {} failed", args.join(" ")),
    }
}
