//! Files of edits.

use anyhow::Result;
use rome_core::{
    EditEntry, EditFile, EditPart, EditRecord, FactEntry, ModelHash, RankOneUpdate, Request, WeightUpdate,
};

use crate::{Bound, Files, Outcome, Seed, Target};

/// The edits of layers, one after the other.
pub(super) fn edits(layers: &[usize]) -> EditFile {
    let mut part =
        EditPart::new(EditRecord::imported("fuzz", ModelHash::new("0123456789abcdef".repeat(4)), "fuzz"));
    for &layer in layers {
        let weight = format!("transformer.h.{layer}.mlp.c_proj.weight");
        let mut entry = EditEntry::imported(&weight, layer, 0.1);
        entry.request = Some(Request::text("{} is in", "the tower", "Rome"));
        entry.losses = vec![[1.0, 0.5, 0.25, 0.25]];
        let update = RankOneUpdate { left: vec![0.5; 16], right: vec![0.25; 4] };
        part.push(entry, update);
    }
    part.into()
}

/// Two facts together, at two layers: as terms, and as a difference.
fn together() -> EditFile {
    let mut part =
        EditPart::new(EditRecord::imported("fuzz", ModelHash::new("0123456789abcdef".repeat(4)), "fuzz"));
    let fact = |subject: &str| FactEntry {
        request: Request::text("{} is in", subject, "Rome"),
        lookup_idxs: vec![1, 2],
        steps: 2,
        loss: [1.0, 0.5, 0.25, 0.25],
        relative_change: 0.5,
        shares: vec![0.5, 0.25],
        outcome: None,
    };
    part.record.facts = vec![fact("the tower"), fact("the bridge")];
    let term = RankOneUpdate { left: vec![0.5; 16], right: vec![0.25; 4] };
    let updates = [
        WeightUpdate::LowRank(vec![term; 2]),
        WeightUpdate::Dense { sizes: [16, 4], values: vec![0.125; 64] },
    ];
    for (layer, update) in updates.into_iter().enumerate() {
        let weight = format!("transformer.h.{layer}.mlp.c_proj.weight");
        part.push(EditEntry::imported(&weight, layer, 0.1), update);
    }
    part.set_values(vec![vec![0.5; 4]; 2]);
    part.into()
}

fn seeds() -> Result<Vec<Seed>> {
    let combined = EditFile::combine([edits(&[1]), edits(&[0, 1])]);
    let seed = |(name, edits): (&str, EditFile)| {
        Ok(Seed::new(name, Files::one("edit.safetensors", edits.to_bytes()?)))
    };
    [
        ("one", edits(&[1])),
        ("two-of-a-weight", edits(&[1, 1])),
        ("combined", combined),
        ("together", together()),
    ]
    .into_iter()
    .map(seed)
    .collect()
}

pub(super) static EDITS: Target = Target {
    name: "edits",
    about: "files of edits, by EditFile::from_bytes; what is read can be written again",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds,
    read: |files| {
        let mut edits = match EditFile::from_bytes(files.bytes()) {
            Ok(edits) => edits,
            Err(error) => return Outcome::refused(&error),
        };
        let again = edits.to_bytes().and_then(|bytes| EditFile::from_bytes(&bytes));
        if again.as_ref() != Ok(&edits) {
            return Outcome::Broken("what was read cannot be written and read again".to_owned());
        }
        edits.scale(0.5);
        while edits.edits().next().is_some() {
            edits.edits().for_each(|(_, update)| assert!(update.norm().is_finite()));
            if edits.parts.iter().any(|part| part.is_together()) {
                break;
            }
            if edits.drop_edit(0).is_err() {
                return Outcome::Broken("an edit cannot be dropped".to_owned());
            }
        }
        match edits.check_model(&ModelHash::new("another")) {
            Ok(()) => Outcome::Taken,
            Err(error) => Outcome::refused(&error),
        }
    },
};
