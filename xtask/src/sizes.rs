//! Checks what the registry asks of a crate: that it is small, and that all its dependencies are there, too.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::metadata::{self, Metadata, Package};

/// The maximum size that crates.io accepts.
const MAX_BYTES: u64 = 10 << 20;

/// Packs every crate that is published, and prints how large it is. Nothing is compiled or sent.
pub(crate) fn check() -> Result<()> {
    let Metadata { packages, target_directory } = metadata::read()?;
    let (published, kept): (Vec<_>, Vec<_>) = packages.iter().partition(|package| package.is_published());
    let kept: BTreeSet<_> = kept.iter().map(|package| package.name.as_str()).collect();
    let mut faults = Vec::new();
    let mut complete = Vec::new();
    for package in published {
        match needs(package, &kept)[..] {
            [] => complete.push(package),
            ref needs => faults.push(format!("{} needs {}: not published", package.name, needs.join(", "))),
        }
    }
    pack(&complete)?;
    for Package { name, version, .. } in complete {
        let file = target_directory.join(format!("package/{name}-{version}.crate"));
        let bytes = file.metadata().with_context(|| format!("{} is not there", file.display()))?.len();
        println!("{name:<12} {bytes:>10} bytes");
        if bytes > MAX_BYTES {
            faults.push(format!("{name} has more than {MAX_BYTES} bytes"));
        }
    }
    if !faults.is_empty() {
        bail!("crates that the registry would not take:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// The dependencies of a crate that no registry has. Dependencies of its tests are left out when it is
/// packed.
fn needs<'a>(package: &'a Package, kept: &BTreeSet<&str>) -> Vec<&'a str> {
    let ordinary = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
    ordinary.map(|dependency| dependency.name.as_str()).filter(|name| kept.contains(name)).collect()
}

/// Packs crates into the target folder. Without the lock file, no crate of ours has to be in a registry.
fn pack(packages: &[&Package]) -> Result<()> {
    let mut cargo = cargo::command();
    cargo.args(["package", "--quiet", "--no-verify", "--allow-dirty", "--exclude-lockfile"]);
    cargo.args(packages.iter().flat_map(|package| ["--package", &package.name]));
    if !cargo.status()?.success() {
        bail!("cargo package failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(kind: Option<&str>) -> Package {
        let kind = kind.map(str::to_owned);
        let dependency =
            |name: &str, kind| Dependency { name: name.to_owned(), kind, path: None, features: vec![] };
        Package {
            name: "hall".to_owned(),
            version: "1.0.0".to_owned(),
            manifest_path: "crates/hall/Cargo.toml".into(),
            dependencies: vec![dependency("bytes", kind), dependency("serde", None)],
            targets: vec![],
            publish: None,
        }
    }

    #[test]
    fn a_crate_needs_what_its_library_depends_on() {
        let kept = BTreeSet::from(["bytes"]);
        assert_eq!(needs(&package(None), &kept), ["bytes"]);
        assert_eq!(needs(&package(Some("build")), &kept), ["bytes"]);
        assert!(needs(&package(Some("dev")), &kept).is_empty());
    }
}
