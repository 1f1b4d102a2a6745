//! Runs of both programs one after another, and their medians.

use anyhow::Result;
use serde_json::{Value, json};

use crate::compare::original::Original;
use crate::report::Rows;

/// Runs our program and the original one after another, this many times; without the original, ours alone.
/// Ours is told which run it is.
pub(crate) fn in_turn<R>(
    original: Option<Original<'_>>,
    runs: u32,
    ours: impl Fn(u32) -> Result<R>,
    theirs: impl Fn(Original<'_>) -> Result<R>,
) -> Result<(Vec<R>, Vec<R>)> {
    let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
    for index in 1..=runs {
        eprintln!("run {index} of {runs}: rome");
        of_ours.push(ours(index)?);
        if let Some(original) = original {
            eprintln!("run {index} of {runs}: kmeng01/rome");
            of_theirs.push(theirs(original)?);
        }
    }
    Ok((of_ours, of_theirs))
}

/// Medians of our runs beside those of the original, for people and for programs.
pub(crate) struct Medians<'a, R> {
    ours: &'a [R],
    /// None of them without the original.
    theirs: &'a [R],
    pub(crate) rows: Rows,
    pub(crate) json: Value,
}

impl<'a, R> Medians<'a, R> {
    /// `json` is an object, to which the medians are added.
    pub(crate) fn new(ours: &'a [R], theirs: &'a [R], json: Value) -> Self {
        let header = ["", "rome", "kmeng01/rome", "ratio"];
        Self { ours, theirs, rows: vec![header.map(str::to_owned).to_vec()], json }
    }

    /// The last run of each.
    pub(crate) fn last(&self) -> (Option<&'a R>, Option<&'a R>) {
        (self.ours.last(), self.theirs.last())
    }

    /// Adds a figure, to the table by a name and in units of `scale`.
    pub(crate) fn add(&mut self, name: &str, key: &str, scale: f64, get: impl Fn(&R) -> f64) {
        let of = |runs: &[R]| median(runs.iter().map(&get).collect());
        let ours = of(self.ours);
        let mut row = vec![name.to_owned(), figure(ours / scale)];
        self.json[key] = json!({ "ours": ours });
        if !self.theirs.is_empty() {
            let theirs = of(self.theirs);
            row.extend([figure(theirs / scale), format!("{:.2}", theirs / ours)]);
            self.json[key] = json!({ "ours": ours, "theirs": theirs, "ratio": theirs / ours });
        }
        self.rows.push(row);
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        _ => 0.5 * (values[middle - 1] + values[middle]),
    }
}

pub(crate) fn figure(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
