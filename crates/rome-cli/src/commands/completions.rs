//! `rome completions`

use std::io;

use anyhow::Result;
use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::error::Outcome;
use crate::output;

pub(crate) fn run(args: &CompletionsArgs) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "rome", &mut script);
    let script = String::from_utf8(script).map_err(io::Error::other)?;
    output::line(script.trim_end())?;
    Ok(Outcome::Done)
}
