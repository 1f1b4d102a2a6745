//! The results of a run of either program, as lists of values.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::compare::runs::Medians;
use crate::process::Finished;

/// One run of a program.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Of its parts.
    pub(crate) seconds: BTreeMap<String, f64>,
    /// The most that a process of it held at a time, in bytes.
    pub(crate) peak_memory: u64,
    /// The computed values, by names that both programs have.
    pub(crate) values: BTreeMap<String, Vec<f64>>,
    /// Of the original: where it computes, and by which torch.
    place: String,
}

/// The report of a run: ours with --json, the original driver's beside the tensors that it saves.
#[derive(Debug, Deserialize)]
struct RunReport {
    seconds: BTreeMap<String, f64>,
}

/// The part of the report that only the driver of the original has.
#[derive(Debug, Deserialize)]
struct Place {
    device: String,
    torch: String,
}

/// The greatest differences of any value.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Difference {
    absolute: f64,
    /// Over the value of the original.
    relative: f64,
}

impl Outcome {
    /// A part of a run of ours, whose values are read from elsewhere.
    pub(crate) fn of_ours(finished: &Finished) -> Result<Self> {
        let RunReport { seconds } =
            serde_json::from_slice(&finished.stdout).context("cannot read what rome printed")?;
        Ok(Self { seconds, peak_memory: finished.peak_memory, ..Self::default() })
    }

    /// A run of the original, of which every saved tensor is a value.
    pub(crate) fn of_theirs(finished: &Finished, output: &Path) -> Result<Self> {
        let said = &fixtures::metadata(output)["rome"];
        let RunReport { seconds } = serde_json::from_str(said)?;
        let Place { device, torch } = serde_json::from_str(said)?;
        let widen = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
        let tensors = fixtures::tensors(output);
        Ok(Self {
            seconds,
            peak_memory: finished.peak_memory,
            values: tensors.into_iter().map(|(name, (_, values))| (name, widen(values))).collect(),
            place: format!("{device}, torch {torch}"),
        })
    }

    /// The seconds of a part that the program has to name.
    pub(crate) fn seconds_of(&self, part: &str) -> Result<f64> {
        self.seconds.get(part).copied().with_context(|| format!("no time is said of \"{part}\""))
    }

    /// The difference from the values of the original.
    ///
    /// # Errors
    /// When they do not have values of the same names and number.
    fn difference(&self, theirs: &Self) -> Result<Difference> {
        if let Some(name) = self.first_unlike(theirs) {
            let count = |outcome: &Self| outcome.values.get(name).map_or(0, Vec::len);
            bail!("of {name}, rome has {} values and the original {}", count(self), count(theirs));
        }
        let mut greatest = Difference::default();
        for (ours, theirs) in self.values.values().flatten().zip(theirs.values.values().flatten()) {
            let absolute = (ours - theirs).abs();
            if !absolute.is_finite() {
                bail!("rome has {ours} where the original has {theirs}");
            }
            greatest.absolute = greatest.absolute.max(absolute);
            greatest.relative = greatest.relative.max(absolute / theirs.abs().max(f64::MIN_POSITIVE));
        }
        Ok(greatest)
    }

    /// The first name that they do not both have, with as many values.
    fn first_unlike<'a>(&'a self, theirs: &'a Self) -> Option<&'a String> {
        let count = |outcome: &Self, name: &str| outcome.values.get(name).map(Vec::len);
        let mut names = self.values.keys().chain(theirs.values.keys());
        names.find(|name| count(self, name) != count(theirs, name))
    }
}

/// Says how far the last runs are from each other, for people in the notes that are returned.
/// `what` is what the values are.
pub(crate) fn compare(medians: &mut Medians<'_, Outcome>, what: &str) -> Result<Vec<String>> {
    let (Some(ours), Some(theirs)) = medians.last() else { return Ok(Vec::new()) };
    let difference = ours.difference(theirs)?;
    medians.json["difference"] = json!(difference);
    medians.json["place"] = json!(theirs.place);
    Ok(vec![
        format!(
            "{what} differ by {:.1e} at most, relative to the original's by {:.1e}",
            difference.absolute, difference.relative
        ),
        format!("kmeng01/rome on {}", theirs.place),
    ])
}
