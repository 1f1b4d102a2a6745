//! Tasks of the crate `tools`, which has burn to compile: they are built when they are asked for.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cargo;

/// A line for each: its name and what it does.
const TASKS: &str = include_str!("../../tools/tasks.txt");

/// The list of them, for people.
pub(crate) fn help() -> String {
    let lines: Vec<_> = TASKS.lines().map(|line| format!("  {line}")).collect();
    format!("Built in release mode when first run, each with a --help of its own:\n{}", lines.join("\n"))
}

/// Runs one, with its arguments as they are; its exit code is that of `cargo xtask`.
pub(crate) fn run(args: &[OsString]) -> Result<ExitCode> {
    let name = args.first().context("a task has a name")?.to_string_lossy();
    if !names().any(|known| known == name) {
        bail!("there is no task '{name}': see cargo xtask --help");
    }
    let mut tools = cargo::command();
    // Paths among the arguments are seen from here.
    tools.current_dir(std::env::current_dir()?);
    tools.args(["run", "--quiet", "--release", "--package", "tools", "--"]).args(args);
    end_as(tools)
}

fn names() -> impl Iterator<Item = &'static str> {
    TASKS.lines().filter_map(|line| line.split_whitespace().next())
}

/// Puts the program in this one's place, so that signals reach it.
#[cfg(unix)]
fn end_as(mut program: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    Err(program.exec()).context("cannot start cargo")
}

#[cfg(not(unix))]
fn end_as(mut program: Command) -> Result<ExitCode> {
    let code = program.status().context("cannot start cargo")?.code();
    std::process::exit(code.unwrap_or(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_known_by_the_first_word_of_its_line() {
        assert!(names().any(|name| name == "compare"));
        assert!(names().all(|name| name.chars().all(|c| c.is_ascii_lowercase())));
    }

    #[test]
    fn a_name_that_is_not_known_starts_nothing() {
        let error = run(&["layer".into()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no task 'layer': see cargo xtask --help");
    }
}
