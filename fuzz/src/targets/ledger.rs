//! Folders of ledgers.

use anyhow::Result;
use rome_ledger::{Ledger, Remark};
use rome_models::Source;
use serde_json::{Value, json};

use super::{edits, model};
use crate::{Bound, Files, Outcome, Seed, Target};

/// A log whose every other entry goes back to another one: what was on then is not to be kept for each.
fn many_returns(file: &str) -> Value {
    const N: usize = 12_000;
    let entry = |number: usize| {
        if number <= N / 2 {
            json!({ "time": "2026-01-01T00:00:00Z", "apply": { "file": file, "edits": [] } })
        } else {
            json!({ "time": "2026-01-01T00:00:00Z", "checkout": number - N / 2 })
        }
    };
    json!({ "format_version": 1, "model_hash": null, "entries": (1..=N).map(entry).collect::<Vec<_>>() })
}

fn seeds() -> Result<Vec<Seed>> {
    let folder = tempfile::tempdir_in(crate::files::scratch())?;
    {
        let mut ledger = Ledger::lock(folder.path())?;
        let remark = Remark { author: Some("A".to_owned()), message: Some("because".to_owned()) };
        let first = ledger.apply(vec![edits::edits(&[1])], &remark)?;
        ledger.apply(vec![edits::edits(&[0])], &Remark::default())?;
        ledger.undo(first[0], remark)?;
        ledger.checkout(2, Remark::default())?;
    }
    let mut files = Files::read(folder.path())?;
    files.0.retain(|(name, _)| name != "lock");
    // Not when, for inputs are to be the same each time.
    let mut log: Value = serde_json::from_slice(files.get("ledger.json"))?;
    for entry in log["entries"].as_array_mut().into_iter().flatten() {
        entry["time"] = "2026-01-01T00:00:00Z".into();
    }
    let files = files.with("ledger.json", log.to_string());
    let returns = many_returns(&"0".repeat(64)).to_string();
    Ok(vec![
        Seed::new("two", files.clone()),
        Seed { is_attack: true, ..Seed::new("many-returns", files.with("ledger.json", returns)) },
    ])
}

pub(super) static LEDGER: Target = Target {
    name: "ledger",
    about: "folders of ledgers, by Ledger::open, edits and verify",
    bound: Bound::PARSED,
    n_cases: 800,
    seeds,
    read: |files| {
        model::in_folder(files, |source| {
            let Source::Folder(folder) = source else { return Outcome::Refused };
            let ledger = match Ledger::open(folder) {
                Ok(ledger) => ledger,
                Err(error) => return Outcome::refused(&error),
            };
            let n_entries = ledger.log().entries.len();
            if ledger.on().iter().any(|number| *number == 0 || *number > n_entries) {
                return Outcome::Broken("an entry that is not there is on".to_owned());
            }
            match ledger.edits().and_then(|_| ledger.verify()) {
                Ok(_) => Outcome::Taken,
                Err(error) => Outcome::refused(&error),
            }
        })
    },
};
