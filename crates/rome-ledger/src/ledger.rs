//! The ledger.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::Path;

use jiff::Timestamp;
use rome_core::EditFile;
use rome_files::Claim;

use crate::LedgerError;
use crate::log::{Action, Entry, Log, Remark};
use crate::store::Store;

/// The history of a model's edits, as it is in a folder.
#[derive(Debug)]
pub struct Ledger {
    store: Store,
    log: Log,
}

/// A ledger that no other process changes meanwhile.
#[derive(Debug)]
pub struct LockedLedger {
    ledger: Ledger,
    /// Given up with the value, or with the process.
    _claim: Claim,
}

impl Ledger {
    /// True if a folder is a ledger's.
    pub fn is_at(folder: &Path) -> bool {
        folder.join("ledger.json").is_file()
    }

    /// Reads a ledger.
    ///
    /// # Errors
    /// [`LedgerError`] when there is none, or its log cannot be read.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let store = Store::new(folder);
        let log = store.read_log()?.ok_or_else(|| LedgerError::NotFound(folder.to_owned()))?;
        Ok(Self { store, log })
    }

    /// Takes a ledger for changes, and makes it if there is none. Waits for another process that has
    /// it.
    ///
    /// # Errors
    /// [`LedgerError`] when the folder cannot be made or its log cannot be read.
    pub fn lock(folder: &Path) -> Result<LockedLedger, LedgerError> {
        let store = Store::new(folder);
        let claim = store.lock()?;
        let log = store.read_log()?.unwrap_or_else(Log::new);
        Ok(LockedLedger { ledger: Self { store, log }, _claim: claim })
    }

    /// Takes a ledger that is there for changes: one that takes something back leaves no new ledger behind.
    ///
    /// # Errors
    /// As [`lock`](Self::lock), and [`LedgerError::NotFound`] when there is none.
    pub fn lock_existing(folder: &Path) -> Result<LockedLedger, LedgerError> {
        if Self::is_at(folder) { Self::lock(folder) } else { Err(LedgerError::NotFound(folder.to_owned())) }
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The numbers of the entries whose edits are on, in the order that they are applied.
    pub fn on(&self) -> Vec<usize> {
        self.log.on_after(self.log.entries.len())
    }

    /// The active edits, in order.
    ///
    /// # Errors
    /// [`LedgerError`] when a file is missing or has changed.
    pub fn edits(&self) -> Result<EditFile, LedgerError> {
        let on = self.on();
        let files = on.into_iter().filter_map(|number| match &self.log.entry(number)?.action {
            Action::Apply { file, .. } => Some(self.store.read_edits(file)),
            _ => None,
        });
        Ok(EditFile::combine(files.collect::<Result<Vec<_>, _>>()?))
    }

    /// Checks every file against the log, active or not, and returns the faults, and the
    /// hashes of files that no entry names: a process that is killed may leave one, and it does no
    /// harm.
    ///
    /// # Errors
    /// [`LedgerError`] when the folder cannot be read at all.
    pub fn verify(&self) -> Result<(Vec<LedgerError>, Vec<String>), LedgerError> {
        let mut faults = Vec::new();
        let mut named = BTreeSet::new();
        for entry in &self.log.entries {
            let Action::Apply { file, .. } = &entry.action else { continue };
            if !named.insert(file.clone()) {
                continue;
            }
            match self.store.read_edits(file).and_then(|edits| self.check_model(&edits)) {
                Ok(()) => {}
                Err(fault) => faults.push(fault),
            }
        }
        let unnamed = self.store.edit_hashes()?.into_iter().filter(|hash| !named.contains(hash)).collect();
        Ok((faults, unnamed))
    }

    /// Checks that edits are of this ledger's model.
    fn check_model(&self, edits: &EditFile) -> Result<(), LedgerError> {
        let Some(ledger) = &self.log.model_hash else { return Ok(()) };
        match edits.parts.iter().find(|part| part.record.model_hash != *ledger) {
            Some(part) => Err(LedgerError::OtherModel {
                made_for: part.record.model_hash.clone(),
                ledger: ledger.clone(),
            }),
            None => Ok(()),
        }
    }
}

impl Deref for LockedLedger {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

impl LockedLedger {
    /// Applies edit files on top of the active ones, an entry each, and returns the entries'
    /// numbers. All of them are put on, or none.
    ///
    /// # Errors
    /// [`LedgerError`] when they are of another model or already active, or cannot be written; nothing has
    /// changed then.
    pub fn apply(&mut self, files: Vec<EditFile>, remark: &Remark) -> Result<Vec<usize>, LedgerError> {
        let Ledger { store, log } = &mut self.ledger;
        let mut changed = Ledger { store: store.clone(), log: log.clone() };
        let mut numbers = Vec::new();
        for edits in files {
            if changed.log.model_hash.is_none() {
                changed.log.model_hash = edits.parts.first().map(|part| part.record.model_hash.clone());
            }
            changed.check_model(&edits)?;
            let file = store.write_edits(&edits)?;
            let is_on = |&number: &usize| match changed.log.entry(number).map(|entry| &entry.action) {
                Some(Action::Apply { file: on, .. }) => *on == file,
                _ => false,
            };
            if let Some(number) = changed.on().into_iter().find(is_on) {
                return Err(LedgerError::AlreadyOn { number });
            }
            let action = Action::apply(file, &edits);
            changed.log.entries.push(Entry { time: Timestamp::now(), remark: remark.clone(), action });
            numbers.push(changed.log.entries.len());
        }
        store.write_log(&changed.log)?;
        *log = changed.log;
        Ok(numbers)
    }

    /// Takes back the edits of an entry, whatever was applied since. Returns the entry's own number.
    ///
    /// # Errors
    /// [`LedgerError`] when the entry has none that are on.
    pub fn undo(&mut self, number: usize, remark: Remark) -> Result<usize, LedgerError> {
        let state = match self.log().entry(number).map(|entry| &entry.action) {
            None => {
                let n_entries = self.log().entries.len();
                return Err(LedgerError::NoSuchEntry { number, n_entries });
            }
            Some(Action::Apply { .. }) if self.on().contains(&number) => None,
            Some(Action::Apply { .. }) => Some("they were taken back"),
            Some(_) => Some("it put none on"),
        };
        match state {
            Some(state) => Err(LedgerError::NotOn { number, state }),
            None => self.append(Action::Undo(number), remark),
        }
    }

    /// Puts all as it was after an entry; 0 for the base model. Returns the entry's own number.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchEntry`]
    pub fn checkout(&mut self, number: usize, remark: Remark) -> Result<usize, LedgerError> {
        let n_entries = self.log().entries.len();
        if number <= n_entries {
            self.append(Action::Checkout(number), remark)
        } else {
            Err(LedgerError::NoSuchEntry { number, n_entries })
        }
    }

    fn append(&mut self, action: Action, remark: Remark) -> Result<usize, LedgerError> {
        let Ledger { store, log } = &mut self.ledger;
        let mut changed = log.clone();
        changed.entries.push(Entry { time: Timestamp::now(), remark, action });
        store.write_log(&changed)?;
        *log = changed;
        Ok(log.entries.len())
    }
}
