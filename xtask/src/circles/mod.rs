//! Circles: files of a crate of which each, by way of the others, uses itself.

mod component;
mod edge;
mod import;
mod module;
#[cfg(test)]
mod tests;
mod token;
mod tree;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::circles::edge::Edge;
use crate::circles::tree::Tree;
use crate::metadata::{self, Package};

/// Looks at every library and program under `crates/`, and prints each circle with what makes it one.
pub(crate) fn check() -> Result<()> {
    let packages = metadata::read()?.packages;
    let (mut crates, mut n_circles) = (0, 0);
    for package in packages.iter().filter(|package| package.is_ours()) {
        crates += 1;
        for root in roots(package) {
            let tree = Tree::read(root, &|file| std::fs::read_to_string(file).ok())?;
            let folder = package.manifest_path.parent().context("a manifest is in a folder")?;
            for circle in component::circles(&edge::between_files(&tree)) {
                n_circles += 1;
                println!("{}:", package.name);
                for edge in circle {
                    println!("  {}", line(edge, folder));
                }
            }
        }
    }
    if n_circles > 0 {
        bail!("there are {n_circles} circles of files that use each other");
    }
    println!("circles: none between the files of {crates} crates");
    Ok(())
}

/// The files that its libraries and programs begin with.
fn roots(package: &Package) -> impl Iterator<Item = &Path> {
    let is_product = |kind: &String| ["lib", "bin"].contains(&kind.as_str());
    let products = package.targets.iter().filter(move |target| target.kind.iter().any(is_product));
    products.map(|target| target.src_path.as_path())
}

fn line(edge: &Edge, folder: &Path) -> String {
    let [from, to] = [&edge.from, &edge.to].map(|file| file.strip_prefix(folder).unwrap_or(file).display());
    format!("{from}:{} uses {} of {to}", edge.line, edge.name)
}
