//! Files of edits: what goes in comes out, and nothing else gets in.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rome_core::edit::EditFileError;
use rome_core::edit::{FORMAT_VERSION, Outcome, StatisticsRecord};
use rome_core::method::MethodSettings;
use rome_core::{
    Context, EditEntry, EditFile, EditPart, EditRecord, FactEntry, KlPrompt, ModelHash, Precision,
    RankOneUpdate, Request, RomeConfig, WeightUpdate,
};

fn file(n_edits: usize) -> EditFile {
    let weight = "transformer.h.1.mlp.c_proj.weight".to_owned();
    let entry = EditEntry {
        request: Some(Request::text("{} is", "x", "y")),
        weight: weight.clone(),
        layer: 1,
        lookup_idxs: vec![3, 1],
        losses: vec![[2.0, 1.5, 0.25, 0.25]],
        division_factor: Some(1.5),
        weight_hash: None,
        cosine: Some(0.9),
        rank: None,
        route: None,
        relative_norm: 0.1,
        scale: 1.0,
        outcome: Some(Outcome {
            p_target_before: 0.1,
            p_target_after: 0.9,
            succeeded: true,
            first_token: Some(true),
        }),
    };
    let record = EditRecord {
        format_version: FORMAT_VERSION,
        made_by: "test".to_owned(),
        model_hash: ModelHash::new("abc"),
        hub: Some("me/model@abc".to_owned()),
        imported_from: None,
        on_top_of: vec!["def".to_owned()],
        method: "rome".to_owned(),
        settings: Some(MethodSettings::Rome(RomeConfig::new(1))),
        contexts: vec![Context::clean(), Context::Tokens(vec![1, 2])],
        kl_prompts: vec![KlPrompt::essence()],
        seed: Some(7),
        precision: Precision::Bf16,
        environment: None,
        statistics: BTreeMap::from([(
            1,
            StatisticsRecord { source: "10 tokens".to_owned(), condition: 2.0, ridge: None },
        )]),
        edits: vec![entry; n_edits],
        facts: Vec::new(),
        keeps_values: false,
        batches: Vec::new(),
        context_groups: Vec::new(),
    };
    let update = |i| RankOneUpdate { left: vec![i as f32, 2.0, -0.5], right: vec![0.25, 1e-9] }.into();
    EditPart { record, updates: (0..n_edits).map(update).collect(), values: Vec::new() }.into()
}

#[test]
fn a_file_comes_back_as_it_was_and_is_the_same_bytes_each_time() {
    for n_edits in [1, 3] {
        let bytes = file(n_edits).to_bytes().unwrap();
        assert_eq!(EditFile::from_bytes(&bytes).unwrap(), file(n_edits));
        assert_eq!(file(n_edits).to_bytes().unwrap(), bytes);
    }
}

proptest! {
    /// The hash of a file is that of its bytes, however often it was read and written.
    #[test]
    fn a_file_that_is_read_and_written_again_is_the_same_bytes(losses in prop::array::uniform4(-1e3..1e3), norm in 0.0..1.0) {
        let mut first = file(1);
        first.parts[0].record.edits[0].losses = vec![losses];
        first.parts[0].record.edits[0].relative_norm = norm;
        let bytes = first.to_bytes().unwrap();
        prop_assert_eq!(EditFile::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
    }
}

#[test]
fn one_edit_is_a_vector_and_several_are_rows() {
    let shape = |n_edits| {
        let bytes = file(n_edits).to_bytes().unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        tensors.tensor("transformer.h.1.mlp.c_proj.weight.left").unwrap().shape().to_vec()
    };
    assert_eq!((shape(1), shape(2)), (vec![3], vec![2, 3]));
}

#[test]
fn truncated_and_changed_files_never_panic() {
    let bytes = file(2).to_bytes().unwrap();
    for len in 0..bytes.len() {
        assert!(EditFile::from_bytes(&bytes[..len]).is_err(), "{len} bytes");
    }
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 0x15;
        let _ = EditFile::from_bytes(&changed);
    }
}

#[test]
fn a_number_that_json_cannot_hold_is_refused_when_written() {
    let mut infinite = file(1);
    infinite.parts[0].record.edits[0].relative_norm = f64::INFINITY;
    assert!(infinite.to_bytes().unwrap_err().to_string().contains("not finite"));

    let mut nothing = file(1);
    nothing.parts[0].record.edits[0].outcome.as_mut().unwrap().p_target_after = f64::NAN;
    assert!(nothing.to_bytes().unwrap_err().to_string().contains("not finite"));

    let mut strong = file(1);
    strong.scale(1e300);
    assert!(strong.to_bytes().unwrap_err().to_string().contains("not finite"));
}

#[test]
fn later_versions_and_other_files_are_told_apart() {
    let mut later = file(1);
    later.parts[0].record.format_version = FORMAT_VERSION + 1;
    let error = EditFile::from_bytes(&later.to_bytes().unwrap()).unwrap_err();
    assert_eq!(error, EditFileError::Version { version: FORMAT_VERSION + 1 });

    // The record names another weight than the vectors do.
    let mut torn = file(1).to_bytes().unwrap();
    let (named, other) = (br#""weight\":\"transformer.h.1"#, br#""weight\":\"transformer.h.2"#);
    let at = torn.windows(named.len()).position(|window| window == named).unwrap();
    torn[at..at + other.len()].copy_from_slice(other);
    let error = EditFile::from_bytes(&torn).unwrap_err();
    assert!(error.to_string().contains("0 edits in the record"), "{error}");

    let mut empty = file(1);
    empty.drop_edit(0).unwrap();
    assert!(empty.to_bytes().unwrap_err().to_string().contains("no edits"));
}

#[test]
fn combined_files_keep_their_order_and_come_back() {
    let mut other_layer = file(1);
    other_layer.parts[0].record.edits[0].weight = "transformer.h.0.mlp.c_proj.weight".to_owned();
    let combined = EditFile::combine([file(2), other_layer.clone(), file(1)]);
    let bytes = combined.to_bytes().unwrap();
    assert_eq!(EditFile::from_bytes(&bytes).unwrap(), combined);
    assert_eq!(combined.parts[1], other_layer.parts[0]);
    let ranks: Vec<usize> = combined.updates().values().map(Vec::len).collect();
    assert_eq!(ranks, [1, 3], "rank n at one layer, side by side at two");
}

#[test]
fn an_edit_is_scaled_with_its_record() {
    let mut scaled = file(1);
    scaled.scale(-0.5);
    let (entry, update) = scaled.edits().next().unwrap();
    assert_eq!((entry.scale, entry.relative_norm, entry.outcome), (-0.5, 0.05, None));
    assert_eq!(update.rank_one().unwrap().right, [-0.125, -0.5e-9]);
    assert_eq!(EditFile::from_bytes(&scaled.to_bytes().unwrap()).unwrap(), scaled);
}

#[test]
fn any_edit_of_a_combined_file_can_be_dropped_and_no_other() {
    let combined = EditFile::combine([file(2), file(1)]);
    let lefts =
        |file: &EditFile| file.edits().map(|(_, update)| update.terms()[0].left[0]).collect::<Vec<_>>();
    assert_eq!(lefts(&combined), [0.0, 1.0, 0.0]);
    for (index, expected) in [(0, [1.0, 0.0]), (1, [0.0, 0.0]), (2, [0.0, 1.0])] {
        let mut dropped = combined.clone();
        dropped.drop_edit(index).unwrap();
        assert_eq!(lefts(&dropped), expected, "{index}");
        EditFile::from_bytes(&dropped.to_bytes().unwrap()).unwrap();
    }
    let mut untouched = combined.clone();
    let error = untouched.drop_edit(3).unwrap_err();
    assert_eq!(error, EditFileError::NoSuchEdit { index: 3, n_edits: 3 });
    assert_eq!(untouched, combined);
}

#[test]
fn every_part_of_a_combined_file_must_be_of_the_model() {
    let mut other = file(1);
    other.parts[0].record.model_hash = ModelHash::new("xyz");
    let combined = EditFile::combine([file(1), other]);
    let error = combined.check_model(&ModelHash::new("abc")).unwrap_err();
    assert_eq!(
        error,
        EditFileError::OtherModel { made_for: ModelHash::new("xyz"), model: ModelHash::new("abc") }
    );
}

#[test]
fn a_file_that_could_not_have_been_written_is_not_read() {
    let bytes = file(1).to_bytes().unwrap();
    let value = 0.25_f32.to_le_bytes();
    let at = bytes.windows(4).position(|window| window == value).unwrap();
    for bad in [f32::NAN, f32::INFINITY] {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&bad.to_le_bytes());
        let error = EditFile::from_bytes(&bytes).unwrap_err().to_string();
        assert!(error.contains("not finite"), "{error}");
    }
    let record = serde_json::to_string(&EditRecord::imported("test", ModelHash::new("abc"), "test")).unwrap();
    let header = serde_json::json!({ "__metadata__": { "rome": record } }).to_string();
    let empty = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let error = EditFile::from_bytes(&empty).unwrap_err().to_string();
    assert!(error.contains("no edits"), "{error}");
}

/// Two facts together at a layer, and at another one as a difference.
fn together() -> EditFile {
    let mut part = EditPart::new(EditRecord::new("test", ModelHash::new("abc")));
    let fact = |subject: &str| FactEntry {
        request: Request::text("{} is", subject, "y"),
        lookup_idxs: vec![1],
        steps: 3,
        loss: [1.0, 0.5, 0.25, 0.25],
        relative_change: 0.5,
        shares: vec![0.9, 0.8],
        outcome: None,
    };
    part.record.facts = vec![fact("a"), fact("b")];
    let term = |value: f32| RankOneUpdate { left: vec![value, 2.0, -0.5], right: vec![0.25, 1e-9] };
    part.push(EditEntry::imported("w.0", 0, 0.1), WeightUpdate::LowRank(vec![term(1.0), term(3.0)]));
    let values = vec![0.5, 1.0, 1.5, 2.0, 2.5, 3.0];
    part.push(EditEntry::imported("w.1", 1, 0.1), WeightUpdate::Dense { sizes: [3, 2], values });
    part.set_values(vec![vec![1.0, 2.0], vec![3.0, 4.0]]);
    part.into()
}

#[test]
fn facts_together_come_back_with_their_values() {
    let set = together();
    for file in [set.clone(), EditFile::combine([file(1), set.clone(), set.clone()])] {
        let bytes = file.to_bytes().unwrap();
        assert_eq!(EditFile::from_bytes(&bytes).unwrap(), file);
    }
    let bytes = set.to_bytes().unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let shape = |name: &str| tensors.tensor(name).unwrap().shape().to_vec();
    assert_eq!((shape("w.0.left"), shape("w.0.right")), (vec![2, 3], vec![2, 2]));
    assert_eq!((shape("w.1.delta"), shape("values")), (vec![3, 2], vec![2, 2]));
    assert_eq!((set.n_edits(), set.requests().count(), set.parts[0].record.format_version), (2, 2, 2));

    let mut dropped = set.clone();
    assert_eq!(dropped.drop_edit(0).unwrap_err(), EditFileError::Together { n_facts: 2 });
    assert_eq!(dropped, set);
    // What is scaled has other values than its facts do.
    let mut scaled = set;
    scaled.scale(0.5);
    assert!(scaled.parts[0].values.is_empty() && !scaled.parts[0].record.keeps_values);
    assert_eq!(EditFile::from_bytes(&scaled.to_bytes().unwrap()).unwrap(), scaled);
}

#[test]
fn values_and_ranks_that_nothing_has_are_refused() {
    let refused = |change: fn(&mut EditPart)| {
        let mut file = together();
        change(&mut file.parts[0]);
        EditFile::from_bytes(&file.to_bytes().unwrap()).unwrap_err().to_string()
    };
    assert!(refused(|part| part.record.keeps_values = false).contains("does not name"));
    assert!(refused(|part| part.values.truncate(1)).contains("1 values for 2 facts"));
    assert!(refused(|part| part.record.edits[0].rank = Some(3)).contains("for 3 edits in the record"));
    assert!(refused(|part| part.record.edits[0].rank = Some(usize::MAX)).contains("in the record"));
}
