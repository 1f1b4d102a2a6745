//! Checks that links between documents lead somewhere.

use std::path::{Path, PathBuf};

use anyhow::Result;

/// The relative links of documents to files, and to headings of documents, that do not exist.
pub(super) fn faults(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for document in super::texts(files, "md") {
        let (file, text) = document?;
        let folder = super::root().join(file.parent().unwrap_or(Path::new("")));
        for link in links(&text).filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { super::root().join(file) } else { folder.join(path) };
            let leads_somewhere = target.exists()
                && (heading.is_empty()
                    || std::fs::read_to_string(&target)
                        .is_ok_and(|text| anchors(&text).any(|a| a == heading)));
            if !leads_somewhere {
                faults.push(format!("{}: the link {link} leads nowhere", file.display()));
            }
        }
    }
    Ok(faults)
}

/// The targets of `[text](target)`, outside of blocks of code.
fn links(document: &str) -> impl Iterator<Item = &str> {
    let prose = lines_outside_code(document);
    prose.flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()))
}

/// The anchors that GitHub gives to headings: lower case, blanks as hyphens, punctuation left out.
fn anchors(document: &str) -> impl Iterator<Item = String> {
    lines_outside_code(document).filter(|line| line.starts_with('#')).map(|line| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let letters = heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
        letters.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

fn lines_outside_code(document: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    document.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_prose_alone() {
        let text = "See [a](a.md) and [b](b.md#c).\n```sh\n[x](y)\n```\n[d](#e)\n";
        assert_eq!(links(text).collect::<Vec<_>>(), ["a.md", "b.md#c", "#e"]);
    }

    #[test]
    fn anchors_are_those_of_github() {
        let text = "# The way, in brief\n## `rome` & you\n";
        assert_eq!(anchors(text).collect::<Vec<_>>(), ["the-way-in-brief", "rome--you"]);
    }
}
