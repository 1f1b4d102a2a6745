//! Checks how doc comments begin, and how long the names of functions are.

use std::path::PathBuf;

use anyhow::Result;

/// A doc comment begins with what the item is or does. A relative clause says neither: rustdoc shows the
/// first sentence alone, in lists, where "What is left" is read without the item it belongs to.
const NO_BEGINNINGS: [&str; 8] = ["What", "Whether", "How", "Where", "Which", "Those", "That", "As"];

/// Names of tests are printed in one line with their module; longer ones are cut off.
const MAX_NAME: usize = 59;

/// The lines that break a rule, by file and number.
pub(super) fn faults(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for source in super::texts(files, "rs") {
        let (file, text) = source?;
        let place = |(line, fault): (usize, String)| format!("{}:{line}: {fault}", file.display());
        faults.extend(faults_of(&text).into_iter().map(place));
    }
    Ok(faults)
}

/// The faults of one source file, by the numbers of their lines.
fn faults_of(source: &str) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    let mut is_inside = false;
    for (number, line) in (1..).zip(source.lines().map(str::trim_start)) {
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let first = doc.and_then(|doc| doc.split_whitespace().next());
        let first = first.map(|word| word.trim_end_matches(['.', ',', ':']));
        if let Some(word) = first.filter(|word| !is_inside && NO_BEGINNINGS.contains(word)) {
            faults.push((
                number,
                format!("a doc comment begins with \"{word}\"; say what the item is or does"),
            ));
        }
        is_inside = doc.is_some();
        let name = line.trim_start_matches("pub(crate) ").strip_prefix("fn ");
        let name = name.and_then(|rest| rest.split(['(', '<']).next()).unwrap_or_default();
        if name.len() > MAX_NAME {
            let length = name.len();
            faults.push((number, format!("the name {name} has {length} letters, more than {MAX_NAME}")));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str) -> Vec<usize> {
        faults_of(source).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_doc_comment_begins_with_the_item() {
        assert_eq!(
            lines("/// What is left.\nfn a() {}\n    /// The rest.\n    /// What follows is free.\n"),
            [1]
        );
        assert_eq!(lines("//! How.\n\n//! Whatever.\n// What a plain comment says.\n"), [1]);
    }

    #[test]
    fn a_name_of_a_function_has_less_than_sixty_letters() {
        let long = "a".repeat(60);
        assert_eq!(lines(&format!("fn {}() {{}}\n    fn {long}() {{}}\n", &long[1..])), [2]);
    }
}
