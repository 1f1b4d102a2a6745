//! Writes the reliability report as one page.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Reads hostile inputs, kills processes, fills disks, makes consecutive edits, runs random commands, and
/// prints what came of it in Markdown: all that docs/reliability.md tells of, and its table of it at the end.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// So long hostile inputs are read
    #[arg(long, default_value_t = 10, value_name = "M")]
    fuzz_minutes: u32,

    /// So many kills
    #[arg(long, default_value_t = 400, value_name = "N")]
    kills: u32,

    /// Number of consecutive edits
    #[arg(long, default_value_t = 1000, value_name = "N")]
    edits: u32,

    /// So long commands are run at random
    #[arg(long, default_value_t = 30, value_name = "M")]
    soak_minutes: u32,

    /// The seed of all that is left to chance
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let Args { fuzz_minutes, kills, edits, soak_minutes, seed } = args;
    let mut summary = vec!["| what | command | came to |\n| --- | --- | --- |".to_owned()];
    let mut failed = Vec::new();
    for (title, task) in [
        ("hostile inputs", format!("fuzz --minutes {fuzz_minutes} --seed {seed}")),
        ("kills, full disks, others at work", format!("faults --markdown --kills {kills} --seed {seed}")),
        ("consecutive edits", format!("sequence --markdown --edits {edits}")),
        ("commands at random", format!("soak --markdown --minutes {soak_minutes} --seed {seed}")),
    ] {
        eprintln!("{title}: cargo xtask {task}");
        let program = std::env::current_exe().context("this program has a path")?;
        let output = Command::new(program).args(task.split(' ')).stderr(Stdio::inherit()).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        println!("## {title}\n\n{}\n", said.trim_end());
        // The last line of each says what it came to.
        let last = said.lines().next_back().unwrap_or_default();
        summary.push(format!("| {title} | `cargo xtask {task}` | {last} |"));
        if !output.status.success() {
            failed.push(task);
        }
    }
    println!("## all of it\n\n{}", summary.join("\n"));
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("these found something: cargo xtask {}", failed.join(", cargo xtask "))
    }
}
