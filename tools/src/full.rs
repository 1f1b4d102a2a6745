//! Runs the checks that are too heavy for every change: tests that take minutes, and all of them on other
//! devices.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{cargo, program, python};

/// Runs what `.ci/run` leaves out. Half an hour on two cores, most of it building. The cluster needs
/// Python, and Ray from PyPI, which is put into the target folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backend beside the processor that everything runs on, too
    #[arg(long, default_value = "wgpu", value_name = "BACKEND")]
    device: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let device = args.device.as_str();
    let backends = format!("ndarray,{device}");
    step("tests that take minutes", &["test", "--workspace", "--", "--ignored"], None)?;
    step("the layer that rome suggest finds", &["xtask", "suggest"], None)?;
    step("rome on every device", &["xtask", "devices", "--features", &backends], None)?;
    // In release and by itself, rome-cli shares its burn with what `devices` has built.
    let tests = ["test", "--release", "-p", "rome-cli", "--features", &backends, "--test", "it", "--"];
    let skipped = ["--skip", "command_line", "--skip", "collecting"];
    step("the tests of edits and statistics", &[&tests[..], &skipped].concat(), Some(device))?;
    for example in ["edit_simple", "edit_detailed"] {
        let run = ["run", "--release", "-p", "examples", "--features", device, "--example", example];
        step(example, &run, Some(device))?;
    }
    let rome = program::build(&[])?;
    eprintln!("\n== the archive of a release, in a bare root");
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/linux");
    if !Command::new(archive).arg(&rome).status()?.success() {
        bail!("the archive of a release does not run");
    }
    step(
        "every crate as others would get it",
        &["publish", "--workspace", "--dry-run", "--allow-dirty"],
        None,
    )?;
    eprintln!("\n== shards on a cluster, of which a part is killed");
    python::test("ray", &rome)
}

fn step(what: &str, args: &[&str], device: Option<&str>) -> Result<()> {
    eprintln!("\n== {what}{}", device.map(|device| format!(", on {device}")).unwrap_or_default());
    let mut cargo = cargo::command();
    cargo.args(args);
    if let Some(device) = device {
        cargo.env("ROME_DEVICE", device);
    }
    if cargo.status()?.success() { Ok(()) } else { bail!("{what}: cargo {} failed", args.join(" ")) }
}
