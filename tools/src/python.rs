//! Tests in Python, against programs that users have.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::target;

/// Runs the tests of `integrations/<name>` with the versions that its requirements pin, in a
/// virtual environment in the target folder. They find the program by `ROME`.
pub(crate) fn test(name: &str, rome: &Path) -> Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../integrations").join(name);
    let python = environment(name, &tests.join("requirements.txt"))?;
    let rome = rome.canonicalize().with_context(|| format!("{} is not there", rome.display()))?;
    // Nothing of Python's stays beside the tests.
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(&tests).env("ROME", rome);
    run(pytest.env("HF_HUB_OFFLINE", "1"))
}

/// Makes the environment, or brings it up to the requirements, and returns its Python.
fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let venv = target::folder()?.join("python").join(name);
    let python = venv.join("bin/python3");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.env("PYTHONDONTWRITEBYTECODE", "1").status();
    if status.with_context(|| format!("cannot start {command:?}"))?.success() {
        Ok(())
    } else {
        bail!("{command:?} failed")
    }
}
