//! Files that reach each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::circles::edge::Edge;

/// The edges within each set of files of which each one reaches all the others.
pub(super) fn circles(edges: &[Edge]) -> Vec<Vec<&Edge>> {
    let reached: BTreeMap<&Path, BTreeSet<&Path>> =
        edges.iter().map(|edge| (edge.from.as_path(), reached_from(&edge.from, edges))).collect();
    let reaches = |from: &Path, to: &Path| reached.get(from).is_some_and(|files| files.contains(to));
    let mut circles: BTreeMap<&Path, Vec<&Edge>> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| reaches(&edge.to, &edge.from)) {
        // The first of the files stands for all of them.
        let mut files = reached.keys().filter(|file| reaches(file, &edge.from) && reaches(&edge.from, file));
        circles.entry(files.next().copied().unwrap_or(&edge.from)).or_default().push(edge);
    }
    circles.into_values().collect()
}

/// All files that one uses, by way of others too.
fn reached_from<'a>(file: &Path, edges: &'a [Edge]) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut next = vec![file];
    while let Some(file) = next.pop() {
        for edge in edges.iter().filter(|edge| edge.from == file) {
            if reached.insert(edge.to.as_path()) {
                next.push(&edge.to);
            }
        }
    }
    reached
}
