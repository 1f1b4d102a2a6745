//! What the product has been put through, as one page.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Reads hostile inputs, kills and fills disks, edits in turn, and runs commands at random, and prints
/// what came of it in Markdown: the tables of docs/reliability.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// So long hostile inputs are read
    #[arg(long, default_value_t = 10, value_name = "N")]
    fuzz_minutes: u32,

    /// So many kills
    #[arg(long, default_value_t = 400, value_name = "N")]
    kills: u32,

    /// So many edits in turn
    #[arg(long, default_value_t = 1000, value_name = "N")]
    edits: u32,

    /// So long commands are run at random
    #[arg(long, default_value_t = 30, value_name = "M")]
    soak_minutes: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let Args { fuzz_minutes, kills, edits, soak_minutes } = args;
    for (title, task) in [
        ("Hostile inputs", format!("fuzz --minutes {fuzz_minutes}")),
        ("Kills and other faults", format!("faults --markdown --kills {kills}")),
        ("Edits in turn", format!("sequence --markdown --edits {edits}")),
        ("Commands at random", format!("soak --markdown --minutes {soak_minutes}")),
    ] {
        eprintln!("{title}");
        let program = std::env::current_exe().context("this program has a path")?;
        let output = Command::new(program).args(task.split(' ')).stderr(Stdio::inherit()).output()?;
        println!("## {title}\n\n`cargo xtask {task}`\n\n{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            bail!("cargo xtask {task} found something");
        }
    }
    Ok(())
}
