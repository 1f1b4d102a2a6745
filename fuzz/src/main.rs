//! Reads hostile inputs for as long as one likes: see `cargo xtask fuzz --help`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use fuzz::running::{EXIT_MEMORY, EXIT_TIME};
use fuzz::{Campaign, Files, Finding, Kind, Target, files, targets};
use serde::{Deserialize, Serialize};

/// Read hostile inputs, and keep those that do what must not happen under fuzz/findings
#[derive(Parser)]
struct Args {
    /// Minutes for all ways in together
    #[arg(long, default_value_t = 5.0, value_name = "N")]
    minutes: f64,
    /// One way in alone
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Seed that inputs are drawn by; from the clock if not given
    #[arg(long)]
    seed: Option<u64>,
    /// List the entry points, and nothing else
    #[arg(long)]
    list: bool,
    /// Read the files of a folder once, and let what happens happen
    #[arg(long, value_name = "FOLDER", requires = "target")]
    replay: Option<PathBuf>,
    /// Read inputs in this very process, and keep the one being read there
    #[arg(long, hide = true, requires = "target")]
    here: Option<PathBuf>,
}

/// The result of a target, as a process reports it to the one that started it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct TargetReport {
    n_inputs: u64,
    n_taken: u64,
    seconds: f64,
    /// Each with the place where its input is kept.
    findings: Vec<String>,
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
        println!("{}", serde_json::to_string(&here(target, seed, share, running)?)?);
        return Ok(0);
    }
    println!(
        "{:<20} {:>9} {:>9} {:>8} {:>9}  (drawn by {seed})",
        "", "inputs", "taken", "seconds", "findings"
    );
    let mut total = TargetReport::default();
    for target in &chosen {
        let told = apart(target, seed, share)?;
        total.n_inputs += told.n_inputs;
        total.seconds += told.seconds;
        total.findings.extend(told.findings);
    }
    let (TargetReport { n_inputs, seconds, findings, .. }, n_ways) = (&total, chosen.len());
    println!("\n{n_inputs} inputs into {n_ways} ways in, in {seconds:.0} s: {} findings", findings.len());
    Ok(findings.len())
}

/// Tries a target in this process.
fn here(target: &'static Target, seed: u64, time: Duration, running: &Path) -> Result<TargetReport> {
    let campaign =
        Campaign { seed, time: Some(time), running: Some(running.to_owned()), ..Campaign::default() };
    let report = campaign.run(target)?;
    let findings = report.findings.iter().map(|(finding, files, note)| {
        Ok(format!("{finding}\n  in {}", finding.keep(target.name, files, note)?.display()))
    });
    Ok(TargetReport {
        n_inputs: report.n_inputs,
        n_taken: report.n_taken,
        seconds: report.seconds,
        findings: findings.collect::<Result<_>>()?,
    })
}

/// Tries a target in another process, which it may bring down, and then again for the time that is left.
fn apart(target: &'static Target, seed: u64, time: Duration) -> Result<TargetReport> {
    let started = Instant::now();
    let running = files::scratch().join(format!("rome-fuzz-{}-{}", std::process::id(), target.name));
    let mut crashes = Vec::new();
    let mut told = TargetReport::default();
    for round in 0.. {
        let left = time.saturating_sub(started.elapsed());
        let mut child = Command::new(std::env::current_exe()?);
        child.args(["--target", target.name, "--seed", &seed.wrapping_add(round).to_string()]);
        child.args(["--minutes", &(left.as_secs_f64() / 60.0).to_string()]).arg("--here").arg(&running);
        let Output { status, stdout, .. } = child.stderr(Stdio::inherit()).output()?;
        let kind = match status.code() {
            Some(0) => {
                told = serde_json::from_slice(&stdout)?;
                break;
            }
            Some(2) => bail!("{} cannot be tried", target.name),
            _ if !running.exists() => bail!("{} ends before it reads anything: {status}", target.name),
            Some(EXIT_TIME) => Kind::Time,
            Some(EXIT_MEMORY) => Kind::Memory,
            _ => Kind::Crash,
        };
        let finding = Finding { kind, what: format!("the process ended: {status}") };
        let place =
            finding.keep(target.name, &Files::read(&running)?, &format!("seed {seed}, round {round}"))?;
        let _ = std::fs::remove_dir_all(&running);
        crashes.push(format!("{finding}\n  in {}", place.display()));
        // Seeds are read first, so a crash of one would be met again and again.
        if left.is_zero() || crashes.len() >= 5 {
            break;
        }
    }
    told.findings.extend(crashes);
    let TargetReport { n_inputs, n_taken, seconds, findings } = &told;
    println!("{:<20} {n_inputs:>9} {n_taken:>9} {seconds:>8.1} {:>9}", target.name, findings.len());
    findings.iter().for_each(|finding| println!("  {finding}"));
    Ok(told)
}
