//! One setting after the other: pictures and advice.

use std::collections::BTreeMap;

use anyhow::Result;
use rome_eval::{Estimate, Results};
use rome_plot::{Axis, Figure, Line, Palette, Panel, Scale};

use super::setups::{Setup, Sweep};

/// Draws the scores against the values of a setting; nothing for a setting that is no number.
pub(crate) fn draw<'a>(
    sweep: &Sweep,
    results: &BTreeMap<String, Results>,
) -> Result<Option<(&'a str, String)>> {
    let points: Option<Vec<(f64, BTreeMap<String, Estimate>)>> = sweep
        .setups
        .iter()
        .map(|(value, setup)| Some((value.as_ref().copied()?, results[&setup.name].summary().post)))
        .collect();
    let Some(points) = points.filter(|points| points.len() > 1) else { return Ok(None) };
    let line = |name: &str| {
        let at = |(value, summary): &(f64, BTreeMap<String, Estimate>)| {
            let Estimate { mean, ci95 } = *summary.get(name)?;
            Some(((*value, mean), (mean - ci95, (mean + ci95).min(100.0))))
        };
        let (line, band) = points.iter().filter_map(at).unzip();
        Line { name: name.to_owned(), points: line, band }
    };
    let names = ["S", "ES", "PS", "NS", "score", "efficacy", "paraphrase", "specificity"];
    let lines = names.into_iter().map(line).filter(|line| !line.points.is_empty()).collect();
    let panel = Panel {
        title: format!("Edits by {}", sweep.setting),
        x: Axis { name: sweep.setting.to_owned(), scale: Scale::Linear, format: |value| format!("{value}") },
        y: Axis {
            name: "score, with 95 % intervals".to_owned(),
            scale: Scale::Linear,
            format: |value| format!("{value:.0}"),
        },
        lines,
    };
    let svg = Figure { panels: vec![panel] }.to_svg_with(Palette::Categorical)?;
    Ok(Some((sweep.setting, svg)))
}

/// The value with the highest score, of equals the one that moves probabilities furthest.
pub(crate) fn best<'a>(
    sweep: &'a Sweep,
    results: &BTreeMap<String, Results>,
) -> Option<(&'a Setup, Estimate)> {
    let score = |setup: &Setup| {
        let summary = results.get(&setup.name)?.summary();
        let of = |name: &str| summary.post(name);
        let score = of("S").or_else(|| of("score"))?;
        let moved: f64 = ["EM", "PM", "NM"].into_iter().filter_map(of).map(|estimate| estimate.mean).sum();
        Some((score, moved))
    };
    let scored = sweep.setups.iter().filter_map(|(_, setup)| Some((setup, score(setup)?)));
    let best = scored.max_by(|(_, a), (_, b)| a.0.mean.total_cmp(&b.0.mean).then(a.1.total_cmp(&b.1)));
    best.map(|(setup, (score, _))| (setup, score))
}

/// What a sweep says about its setting.
pub(crate) fn advice(sweep: &Sweep, results: &BTreeMap<String, Results>) -> Option<String> {
    let (best, score) = best(sweep, results)?;
    let value = |setup: &Setup| setup.name.trim_start_matches(&format!("{}-", sweep.setting)).to_owned();
    let near: Vec<String> = sweep
        .setups
        .iter()
        .filter(|(_, setup)| setup.name != best.name)
        .filter_map(|(_, setup)| {
            let summary = results.get(&setup.name)?.summary();
            let other = summary.post("S").or_else(|| summary.post("score"))?;
            (other.mean + other.ci95 >= score.mean).then(|| value(setup))
        })
        .collect();
    let n_others = sweep.setups.len() - 1;
    let beside = match (n_others, near.is_empty()) {
        (0, _) => "nothing else was tried".to_owned(),
        (_, true) => "the others are worse by more than their 95 % intervals".to_owned(),
        (_, false) => format!("not distinguishable from it: {}", near.join(", ")),
    };
    let (value, Estimate { mean, ci95 }) = (value(best), score);
    Some(format!("best {}: {value}, score {mean:.1} ±{ci95:.1}; {beside}", sweep.setting))
}
