//! The edges that are allowed between crates, checked against the manifests.

use anyhow::{Result, bail};

use crate::metadata;

/// The crates that each crate of a user's program may depend on, and those of others that it must not:
/// libraries name no backend, and core knows no files, no model and no terminal.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("rome-assets", &[]),
    ("rome-device", &[]),
    ("rome-files", &[]),
    ("rome-plot", &[]),
    ("rome-core", &[]),
    ("rome-models", &["rome-core", "rome-files"]),
    ("rome-stats", &["rome-core", "rome-files"]),
    ("rome-eval", &["rome-core", "rome-files", "rome-plot"]),
    ("rome-export", &["rome-core", "rome-files", "rome-models"]),
    ("rome-ledger", &["rome-core", "rome-files"]),
    (
        "rome-edit",
        &[
            "rome-assets",
            "rome-core",
            "rome-device",
            "rome-eval",
            "rome-export",
            "rome-files",
            "rome-ledger",
            "rome-models",
            "rome-plot",
            "rome-stats",
        ],
    ),
    ("rome-cli", &["rome-core", "rome-edit"]),
];

/// Features of burn that name a backend, which libraries leave to the program.
const BACKENDS: [&str; 9] = ["flex", "ndarray", "wgpu", "vulkan", "metal", "cuda", "rocm", "cpu", "tch"];

/// Crates that core must do without.
const NOT_IN_CORE: [&str; 6] = ["clap", "indicatif", "anyhow", "tokenizers", "hf-hub", "tempfile"];

/// Checks every crate in the table; a crate of `crates/` that is not in it is an error.
pub(crate) fn check() -> Result<()> {
    let mut faults = Vec::new();
    for package in metadata::read()?.packages {
        let name = package.name.as_str();
        let row = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name);
        let Some((_, allowed)) = row else {
            if package.is_ours() {
                faults.push(format!("{name} is not in the table of xtask/src/layers.rs"));
            }
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev")) {
            let on = dependency.name.as_str();
            if dependency.path.is_some() && !allowed.contains(&on) {
                faults.push(format!("{name} may not depend on {on}"));
            }
            if name == "rome-core" && NOT_IN_CORE.contains(&on) {
                faults.push(format!("rome-core may not depend on {on}"));
            }
            let backend = dependency.features.iter().find(|feature| BACKENDS.contains(&feature.as_str()));
            if let (Some(backend), true) = (backend, on == "burn") {
                faults.push(format!("{name} may not name the backend {backend}: the program chooses one"));
            }
        }
    }
    if !faults.is_empty() {
        bail!("crates depend on each other in ways that are not allowed:\n  {}", faults.join("\n  "));
    }
    println!("layers: {} crates depend on each other as they may", ALLOWED.len());
    Ok(())
}
