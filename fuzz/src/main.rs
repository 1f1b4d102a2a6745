//! Reads hostile inputs for as long as one likes: see `cargo xtask fuzz --help`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use fuzz::running::{EXIT_MEMORY, EXIT_TIME};
use fuzz::{Campaign, Files, Finding, Kind, Target, files, targets};

/// Read hostile inputs, and keep those that do what must not happen under fuzz/findings
#[derive(Parser)]
struct Args {
    /// How long, over all ways in
    #[arg(long, default_value_t = 5.0, value_name = "N")]
    minutes: f64,
    /// One way in alone
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// What inputs are drawn by; from the clock if not given
    #[arg(long)]
    seed: Option<u64>,
    /// Say what there is, and nothing else
    #[arg(long)]
    list: bool,
    /// Read the files of a folder once, and let what happens happen
    #[arg(long, value_name = "FOLDER", requires = "target")]
    replay: Option<PathBuf>,
    /// Read inputs in this very process, and keep the one being read there
    #[arg(long, hide = true, requires = "target")]
    here: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns the number of findings.
fn run(args: &Args) -> Result<usize> {
    let chosen: Vec<&'static Target> = match &args.target {
        None => targets::ALL.to_vec(),
        Some(name) => vec![targets::find(name).with_context(|| format!("there is no {name:?}: see --list"))?],
    };
    if args.list {
        for target in chosen {
            let (base, more) = (target.bound.memory >> 20, target.bound.memory_per_byte);
            println!("{:<20} {}; {base} MiB + {more} n", target.name, target.about);
        }
        return Ok(0);
    }
    let seed = args.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| now.as_nanos() as u64)
    });
    if let (Some(folder), [target]) = (&args.replay, chosen.as_slice()) {
        println!("{:?}", (target.read)(&Files::read(folder)?));
        return Ok(0);
    }
    let share = Duration::from_secs_f64(args.minutes * 60.0 / chosen.len() as f64);
    if let (Some(running), [target]) = (&args.here, chosen.as_slice()) {
        return here(target, seed, share, running);
    }
    println!(
        "{:<20} {:>9} {:>9} {:>8} {:>9}  (drawn by {seed})",
        "", "inputs", "taken", "seconds", "findings"
    );
    let mut n_findings = 0;
    for target in chosen {
        n_findings += apart(target, seed, share)?;
    }
    Ok(n_findings)
}

/// Tries a target in this process.
fn here(target: &'static Target, seed: u64, time: Duration, running: &std::path::Path) -> Result<usize> {
    let campaign =
        Campaign { seed, time: Some(time), running: Some(running.to_owned()), ..Campaign::default() };
    let report = campaign.run(target)?;
    let (inputs, taken, seconds) = (report.n_inputs, report.n_taken, report.seconds);
    println!("{:<20} {inputs:>9} {taken:>9} {seconds:>8.1} {:>9}", target.name, report.findings.len());
    for (finding, files, note) in &report.findings {
        println!("  {finding}\n  in {}", finding.keep(target.name, files, note)?.display());
    }
    Ok(report.findings.len())
}

/// Tries a target in another process, which it may bring down, and then anew for the time that is left.
fn apart(target: &'static Target, seed: u64, time: Duration) -> Result<usize> {
    let started = Instant::now();
    let running = files::scratch().join(format!("rome-fuzz-{}-{}", std::process::id(), target.name));
    let mut crashes: Vec<Finding> = Vec::new();
    for round in 0.. {
        let left = time.saturating_sub(started.elapsed());
        let mut child = Command::new(std::env::current_exe()?);
        child.args(["--target", target.name, "--seed", &seed.wrapping_add(round).to_string()]);
        child.args(["--minutes", &(left.as_secs_f64() / 60.0).to_string()]).arg("--here").arg(&running);
        let status = child.status()?;
        let kind = match status.code() {
            Some(0) => return Ok(crashes.len()),
            Some(1) => return Ok(crashes.len() + 1),
            Some(2) => bail!("{} cannot be tried", target.name),
            Some(EXIT_TIME) => Kind::Time,
            Some(EXIT_MEMORY) => Kind::Memory,
            _ => Kind::Crash,
        };
        let finding = Finding { kind, what: format!("the process ended: {status}") };
        let place =
            finding.keep(target.name, &Files::read(&running)?, &format!("seed {seed}, round {round}"))?;
        println!("{:<20} {finding}\n  in {}", target.name, place.display());
        let _ = std::fs::remove_dir_all(&running);
        crashes.push(finding);
        // Seeds are read first, so a crash of one would be met again and again.
        if left.is_zero() || crashes.len() >= 5 {
            break;
        }
    }
    Ok(crashes.len())
}
