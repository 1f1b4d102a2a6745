//! Files of edits: what goes in comes out, and nothing else gets in.

use std::collections::BTreeMap;

use rome_core::edit_file::{EditEntry, EditFileError, FORMAT_VERSION, StatisticsRecord};
use rome_core::{Context, EditConfig, EditFile, EditRecord, Precision, Preservation, RankOneUpdate, Request};

fn file(n_edits: usize) -> EditFile {
    let weight = "transformer.h.1.mlp.c_proj.weight".to_owned();
    let entry = EditEntry {
        request: Request::text("{} is", "x", "y"),
        weight: weight.clone(),
        layer: 1,
        lookup_idxs: vec![3, 1],
        losses: vec![[2.0, 1.5, 0.25, 0.25]],
        division_factor: 1.5,
        alignment: 0.9,
        relative_norm: 0.1,
    };
    let record = EditRecord {
        format_version: FORMAT_VERSION,
        made_by: "test".to_owned(),
        model_hash: "abc".to_owned(),
        on_top_of: vec!["def".to_owned()],
        settings: EditConfig::new(1),
        contexts: vec![Context::clean(), Context::Tokens(vec![1, 2])],
        preservations: vec![Preservation::essence()],
        seed: Some(7),
        precision: Precision::Bf16,
        statistics: BTreeMap::from([(
            1,
            StatisticsRecord { source: "10 tokens".to_owned(), condition: 2.0, ridge: None },
        )]),
        edits: vec![entry; n_edits],
    };
    let update = |i| RankOneUpdate { left: vec![i as f32, 2.0, -0.5], right: vec![0.25, 1e-9] };
    EditFile { record, updates: BTreeMap::from([(weight, (0..n_edits).map(update).collect())]) }
}

#[test]
fn a_file_comes_back_as_it_was_and_is_the_same_bytes_each_time() {
    for n_edits in [1, 3] {
        let bytes = file(n_edits).to_bytes().unwrap();
        assert_eq!(EditFile::from_bytes(&bytes).unwrap(), file(n_edits));
        assert_eq!(file(n_edits).to_bytes().unwrap(), bytes);
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
fn truncated_and_changed_files_are_refused_or_read_but_never_panic() {
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
    infinite.record.edits[0].relative_norm = f64::INFINITY;
    assert!(infinite.to_bytes().unwrap_err().to_string().contains("not finite"));
}

#[test]
fn later_versions_and_other_files_are_told_apart() {
    let mut later = file(1);
    later.record.format_version = 2;
    let error = EditFile::from_bytes(&later.to_bytes().unwrap()).unwrap_err();
    assert_eq!(error, EditFileError::Version { version: 2 });

    let mut torn = file(1);
    torn.record.edits.clear();
    let error = EditFile::from_bytes(&torn.to_bytes().unwrap()).unwrap_err();
    assert!(error.to_string().contains("0 edits in the record"), "{error}");
}
