//! Hostile inputs, for as long as one likes.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{cargo, target};

/// The tests read some hostile inputs, the same each time. This draws others, and keeps what does harm under
/// fuzz/findings.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Minutes for all ways in together
    #[arg(long, default_value_t = 5.0, value_name = "N")]
    minutes: f64,
    /// One way in alone; target/debug/fuzz --list names them
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Seed that inputs are drawn by; from the clock if not given
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut build = cargo::command();
    // As the tests do: all of it, so that burn is not compiled again for other features, and with checks for
    // overflow, which releases have not.
    build.args(["build", "--quiet", "--workspace", "--all-targets"]);
    if !build.status()?.success() {
        bail!("fuzz does not build");
    }
    let mut fuzz = Command::new(target::folder()?.join("debug/fuzz"));
    fuzz.args(["--minutes", &args.minutes.to_string()]);
    if let Some(target) = &args.target {
        fuzz.args(["--target", target]);
    }
    if let Some(seed) = args.seed {
        fuzz.args(["--seed", &seed.to_string()]);
    }
    if fuzz.status()?.success() { Ok(()) } else { bail!("there are findings, under fuzz/findings") }
}
