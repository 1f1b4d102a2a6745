//! `rome completions`

use std::io;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::ui;

pub(crate) fn run(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "rome", &mut script);
    let script = String::from_utf8(script).map_err(io::Error::other)?;
    ui::line(script.trim_end())
}
