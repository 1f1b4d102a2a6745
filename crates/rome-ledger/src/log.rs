//! The log of a ledger.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rome_core::{EditEntry, EditFile, FactEntry, ModelHash};
use serde::{Deserialize, Serialize};

/// The version of the format that this crate writes.
pub const FORMAT_VERSION: u32 = 1;

/// The history of a model, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// The version of the format.
    pub format_version: u32,
    /// The hash of the model; none before the first edit.
    pub model_hash: Option<ModelHash>,
    /// The entries, numbered from 1.
    pub entries: Vec<Entry>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// Who and why, if it was said.
    #[serde(flatten)]
    pub remark: Remark,
    /// The change.
    #[serde(flatten)]
    pub action: Action,
}

/// Who did something, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Who; may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why; may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A change of the active edits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Edits were applied.
    Apply {
        /// The hash of their file.
        file: String,
        /// Their requests, outcomes and measures.
        edits: Vec<EditEntry>,
        /// The facts of edits that are of many together.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        facts: Vec<FactEntry>,
    },
    /// The edits of an entry were taken back.
    Undo(usize),
    /// All was put as it was after an entry; 0 for the base model.
    Checkout(usize),
}

impl Action {
    /// Describes putting edits on.
    pub(crate) fn apply(file: String, edits: &EditFile) -> Self {
        // The losses of each step are in the file of edits; a log is read.
        let entry = |entry: &EditEntry| EditEntry {
            losses: entry.losses.last().copied().into_iter().collect(),
            lookup_idxs: Vec::new(),
            ..entry.clone()
        };
        let fact = |fact: &FactEntry| FactEntry { lookup_idxs: Vec::new(), ..fact.clone() };
        let facts = edits.parts.iter().flat_map(|part| &part.record.facts).map(fact).collect();
        Action::Apply { file, edits: edits.edits().map(|(edit, _)| entry(edit)).collect(), facts }
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { format_version: FORMAT_VERSION, model_hash: None, entries: Vec::new() }
    }

    /// An entry by its number.
    pub fn entry(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number.checked_sub(1)?)
    }

    /// The numbers of the entries whose edits were on after the first `n_entries`, in the order
    /// that they are applied.
    pub fn on_after(&self, n_entries: usize) -> Vec<usize> {
        // Backwards, for then nothing has to be kept of what is gone back to.
        let (mut on, mut taken_back) = (Vec::new(), BTreeSet::new());
        let mut at = n_entries.min(self.entries.len());
        while let Some(entry) = self.entry(at) {
            let before = at - 1;
            at = match entry.action {
                Action::Apply { .. } => {
                    if !taken_back.contains(&at) {
                        on.push(at);
                    }
                    before
                }
                Action::Undo(of) => {
                    taken_back.insert(of);
                    before
                }
                // A log that was read speaks of earlier entries only.
                Action::Checkout(to) => to.min(before),
            };
        }
        on.reverse();
        on
    }

    /// The fault of the log, if it has one.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.format_version != FORMAT_VERSION {
            let version = self.format_version;
            return Some(format!("it has format version {version}, and this program reads {FORMAT_VERSION}"));
        }
        (1..).zip(&self.entries).find_map(|(number, entry)| {
            let before = match entry.action {
                Action::Apply { ref file, .. } => {
                    let is_hash = file.len() == 64 && file.bytes().all(|byte| byte.is_ascii_hexdigit());
                    return (!is_hash)
                        .then(|| format!("entry {number} names the file {file:?}, which is no hash"));
                }
                Action::Undo(of) => of,
                Action::Checkout(to) => to,
            };
            (before >= number)
                .then(|| format!("entry {number} speaks of entry {before}, which is not before it"))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn log(actions: &[Action]) -> Log {
        let entry = |action: &Action| Entry {
            time: Timestamp::UNIX_EPOCH,
            remark: Remark::default(),
            action: action.clone(),
        };
        Log { entries: actions.iter().map(entry).collect(), ..Log::new() }
    }

    fn apply() -> Action {
        Action::Apply { file: "0".repeat(64), edits: Vec::new(), facts: Vec::new() }
    }

    #[test]
    fn a_log_says_what_is_on() {
        use Action::{Checkout, Undo};
        let log = log(&[apply(), apply(), Undo(1), apply(), Checkout(2), Checkout(0), Checkout(4)]);
        let after: Vec<Vec<usize>> = (0..=7).map(|n| log.on_after(n)).collect();
        let expected: [&[usize]; 8] = [&[], &[1], &[1, 2], &[2], &[2, 4], &[1, 2], &[], &[2, 4]];
        assert_eq!(after, expected);
        let json = serde_json::to_string(&log).unwrap();
        assert_eq!(serde_json::from_str::<Log>(&json).unwrap(), log);
    }

    #[test]
    fn what_makes_no_sense_is_a_fault() {
        for action in [Action::Undo(1), Action::Checkout(1)] {
            assert!(log(&[action]).fault().is_some(), "an entry speaks of those before it");
        }
        // A name leads into the ledger's folder and nowhere else.
        let outside =
            Action::Apply { file: format!("../{}", "0".repeat(61)), edits: Vec::new(), facts: Vec::new() };
        assert!(log(&[outside]).fault().is_some());
        assert!(log(&[apply(), Action::Undo(1), Action::Checkout(0)]).fault().is_none());
    }

    /// A state for each of them would be gigabytes.
    #[test]
    fn a_log_that_goes_back_a_million_times_is_read_at_once() {
        const N: usize = 1 << 20;
        let actions =
            (1..=N).map(|number| if number <= N / 2 { apply() } else { Action::Checkout(number - N / 2) });
        let log = log(&actions.collect::<Vec<_>>());
        assert_eq!(log.on_after(N).len(), N / 2);
        assert_eq!(log.on_after(N - 1).len(), N / 2 - 1);
    }

    proptest! {
        /// The obvious way: the state after each entry, all of them kept.
        #[test]
        fn going_back_gives_what_was_on_then(steps in prop::collection::vec((0..3, 0..20usize), 0..40)) {
            let mut actions = Vec::new();
            let mut states: Vec<Vec<usize>> = vec![Vec::new()];
            for (kind, of) in steps {
                let number = actions.len() + 1;
                let mut on = states[number - 1].clone();
                let of = of % number;
                actions.push(match kind {
                    0 => { on.push(number); apply() }
                    1 if of > 0 => { on.retain(|&n| n != of); Action::Undo(of) }
                    _ => { on = states[of].clone(); Action::Checkout(of) }
                });
                states.push(on);
            }
            let log = log(&actions);
            for (n_entries, on) in states.iter().enumerate() {
                prop_assert_eq!(&log.on_after(n_entries), on);
            }
        }
    }
}
