//! `rome verify`: edits made again from their own record, and held against what the file has.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use rome_core::{EditEntry, EditFile, EditPart, Environment, RankOneUpdate, Request};
use rome_session::session::{make, part_hash};
use rome_session::{Inputs, Model, Session, Settings};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::edits::Edits;
use crate::error::{CliError, Outcome};
use crate::output::{self, note};
use crate::{model, statistics};

/// A cosine above this is the same edit, rounded otherwise.
const SAME: f64 = 0.9999;
/// And so is a length within this of the other.
const AS_LONG: f64 = 1e-3;

/// How near an edit is to itself made again.
#[derive(Debug, Serialize)]
struct Verified {
    weight: String,
    request: String,
    /// Whether left and right vectors have the same bytes.
    equal: bool,
    cosine: f64,
    /// How much longer one is than the other.
    difference_of_norms: f64,
    /// Whether it is the same edit but for rounding.
    same: bool,
}

pub(crate) fn run(args: &VerifyArgs) -> Result<Outcome> {
    let others = Edits::read(&args.edits, false)?.file;
    // Read after the others, so that what was made on top of them is seen to be.
    let mut given = Edits::read(&[&args.edits[..], std::slice::from_ref(&args.file)].concat(), false)?.file;
    given.parts.drain(..others.parts.len());
    let mut model = model::load(&args.model)?;
    given.check_model(&model.pretrained.hash)?;
    let mut known: BTreeMap<String, EditPart> = BTreeMap::new();
    for part in others.parts {
        known.insert(part_hash(&part)?, part);
    }
    let mut verified = Vec::new();
    let mut differences = Vec::new();
    for part in &given.parts {
        let (same_model, again, environment) = again(part, &known, model, args)?;
        model = same_model;
        for (index, entry) in part.record.edits.iter().enumerate() {
            verified.push(Verified::new(entry, &part.updates[index], &again[index]));
        }
        if let Some(there) = &part.record.environment {
            differences.extend(there.differences(&environment));
        }
        known.insert(part_hash(part)?, part.clone());
    }
    differences.sort();
    differences.dedup();

    let all_same = verified.iter().all(|edit| edit.same);
    if args.json {
        let equal = verified.iter().all(|edit| edit.equal);
        output::json(&serde_json::json!({
            "equal": equal, "same": all_same, "edits": verified, "environment": differences,
        }))?;
    } else {
        verified.iter().try_for_each(show)?;
        if !differences.is_empty() && !verified.iter().all(|edit| edit.equal) {
            output::line(format!("computed elsewhere: {}", differences.join("; ")))?;
        }
    }
    Ok(if all_same { Outcome::Done } else { Outcome::NotTaken })
}

/// Makes the edits of a part again, on what they were made on, and says what computed them.
fn again(
    part: &EditPart,
    known: &BTreeMap<String, EditPart>,
    model: Model,
    args: &VerifyArgs,
) -> Result<(Model, Vec<RankOneUpdate>, Environment)> {
    let record = &part.record;
    let Some(config) = record.settings.clone() else {
        return Err(CliError::with_hint(
            "these edits were taken from elsewhere, and nothing says how they were made",
            "verify what rome edit has made",
        ));
    };
    let parts = record.on_top_of.iter().map(|hash| {
        known.get(hash).cloned().ok_or_else(|| {
            let short = output::short(hash);
            CliError::with_hint(
                format!("it was made on top of edits that are not here: {short}…"),
                "give them with --edit",
            )
        })
    });
    let below = EditFile { parts: parts.collect::<Result<_>>()? };
    let requests = requests(part, config.layers.len(), &args.file)?;

    let use_statistics = record.statistics.values().any(|used| used.source != "identity");
    let settings = Settings { config, use_statistics, ..Settings::of(&model)? };
    let inputs = Inputs {
        contexts: Some(record.contexts.clone()),
        preservations: record.preservations.clone(),
        statistics: statistics::given(args.stats.as_deref()),
        ..Inputs::default()
    };
    if model.precision != record.precision {
        let held = serde_json::json!(record.precision);
        let held = held.as_str().unwrap_or_default();
        return Err(CliError::with_hint(
            format!("these edits were made on the model held in {held}"),
            format!("give --dtype {held}"),
        ));
    }
    let mut session = Session::new(model, settings, inputs)?;
    session.apply(&below, true)?;
    session.find_statistics()?;
    for (layer, used) in &record.statistics {
        let found = session.made().record.statistics.get(layer);
        if found.is_some_and(|found| found.source != used.source) {
            note(format!("C of layer {layer} is another one than it was made with: {}", used.source));
        }
    }
    let environment = Environment::of(&session.model().causal_lm().device());
    let rows = requests.iter().map(|request| session.rows(request)).collect::<Result<Vec<_>, _>>()?;
    // In turn on one editor, as they were made: later ones take over what earlier ones have run.
    let mut editor = session.editor()?;
    let mut updates = Vec::new();
    for (request, rows) in requests.iter().zip(&rows) {
        let made = make(&mut editor, request, rows, &mut |_| ())?;
        updates.extend(made.edits.into_iter().map(|(edit, _)| edit.update));
    }
    editor.undo();
    Ok((session.into_model(), updates, environment))
}

/// The requests of a part, each of which has edited all layers.
fn requests(part: &EditPart, n_layers: usize, file: &Path) -> Result<Vec<Request>> {
    let of_one = |edits: &[EditEntry]| {
        let request = edits.first()?.request.clone()?;
        let is_whole =
            edits.len() == n_layers && edits.iter().all(|edit| edit.request.as_ref() == Some(&request));
        is_whole.then_some(request)
    };
    let requests: Option<Vec<Request>> = part.record.edits.chunks(n_layers).map(of_one).collect();
    requests.ok_or_else(|| {
        CliError::with_hint(
            format!("{} has only some of the edits that were made together", file.display()),
            "verify the file as it was made, before edits were dropped from it",
        )
    })
}

impl Verified {
    /// Compares an edit with itself made again, on which the file's scale is put.
    fn new(entry: &EditEntry, there: &RankOneUpdate, again: &RankOneUpdate) -> Self {
        let scaled = |value: &f32| (f64::from(*value) * entry.scale) as f32;
        let again = match entry.scale == 1.0 {
            true => again.clone(),
            false => RankOneUpdate { right: again.right.iter().map(scaled).collect(), ..again.clone() },
        };
        let equal = *there == again;
        let (cosine, difference_of_norms) = match equal {
            true => (1.0, 0.0),
            false => (there.cosine(&again), again.norm() / there.norm() - 1.0),
        };
        let request = entry.request.as_ref().map(Request::to_string).unwrap_or_default();
        let same = equal || cosine > SAME && difference_of_norms.abs() < AS_LONG;
        Self { weight: entry.weight.clone(), request, equal, cosine, difference_of_norms, same }
    }
}

fn show(edit: &Verified) -> Result<()> {
    let Verified { weight, request, equal, cosine, difference_of_norms, same } = edit;
    let how = match (equal, same) {
        (true, _) => "equal, to the byte".to_owned(),
        (false, true) => format!(
            "the same but for rounding: cosine {cosine:.7}, norms within {:.0e}",
            difference_of_norms.abs()
        ),
        (false, false) => {
            format!("ANOTHER ONE: cosine {cosine:.4}, norm {:+.1} %", 100.0 * difference_of_norms)
        }
    };
    output::line(format!("{request}, {weight}: {how}"))
}
