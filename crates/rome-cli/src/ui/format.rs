//! Numbers and names as a person reads them.

use rome_core::Outcome;
pub(crate) use rome_core::model::short_hash as short;

/// The size of a file.
pub(crate) fn size(n_bytes: u64) -> String {
    indicatif::HumanBytes(n_bytes).to_string()
}

/// A probability or a share.
pub(crate) fn percent(probability: f64) -> String {
    match 100.0 * probability {
        value if value < 0.05 => "0 %".to_owned(),
        value => format!("{value:.1} %"),
    }
}

/// A probability or a share before and after: "0.1 % → 97.3 %"
pub(crate) fn change(before: f64, after: f64) -> String {
    format!("{} → {}", percent(before), percent(after))
}

/// The size of a change of a weight.
pub(crate) fn relative_norm(relative_norm: f64) -> String {
    format!("‖ΔW‖ is {:.1} % of ‖W‖", 100.0 * relative_norm)
}

/// The verdict on an edit when it was made, in a word or two.
pub(crate) fn verdict(outcome: &Outcome) -> &'static str {
    match (outcome.succeeded, outcome.first_token) {
        (true, Some(_)) => "succeeded",
        (true, None) => "succeeded, by its first token",
        (false, Some(true)) => "did not succeed: only the first token of the target is written",
        (false, _) => "did not succeed",
    }
}

/// "1 edit", "2 edits", "2 entries"
pub(crate) fn count(n: usize, what: &str) -> String {
    match (n, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        (_, None) => format!("{n} {what}s"),
    }
}

/// The beginning of a text that is longer than `len` characters.
pub(crate) fn shortened(text: &str, len: usize) -> String {
    if text.chars().count() > len {
        text.chars().take(len - 1).chain(['…']).collect()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_take_their_plural() {
        assert_eq!(count(1, "entry"), "1 entry");
        assert_eq!(count(0, "entry"), "0 entries");
        assert_eq!(count(2, "edit"), "2 edits");
    }
}
