//! Arrays out and in again, and arrays of others.

use rome_core::ModelHash;
use rome_export::arrays::{self, Array};
use rome_export::{ExportError, Import};
use rome_models::{CheckpointFiles, Source};

use super::{config, edits, source};

fn import(source: &Source) -> Import<'_> {
    Import { source, from: "theirs", made_by: "test", tolerance: None, transposed: false }
}

#[test]
fn vectors_come_back_from_npz_and_safetensors_as_they_were() {
    let (source, edits) = (source("facts-gptj"), edits("facts-gptj", &[1, 4, 1]));
    let npz = arrays::read_npz(&arrays::npz(&edits, &config("facts-gptj")).unwrap()).unwrap();
    let own = arrays::read_safetensors(&edits.to_bytes().unwrap()).unwrap();
    for arrays in [npz, own] {
        let imported = import(&source).run(arrays, &mut ()).unwrap();
        assert_eq!(imported.file.updates(), edits.updates());
        imported.file.check_model(&ModelHash::new(rome_assets::FACTS_GPTJ.hash)).unwrap();
        let part = &imported.file.parts[0];
        assert_eq!(part.record.imported_from.as_deref(), Some("theirs"));
        assert!(part.record.edits.iter().all(|entry| entry.request.is_none() && entry.relative_norm > 0.0));
    }
}

#[test]
fn a_difference_is_taken_apart_into_the_rank_that_it_has() {
    for name in ["facts-gpt2", "facts-gptj"] {
        let (source, edits) = (source(name), edits(name, &[1, 4, 1]));
        let dense = arrays::dense(&edits, &config(name)).unwrap();
        let imported = import(&source).run(arrays::read_safetensors(&dense).unwrap(), &mut ()).unwrap();
        let ranks: Vec<usize> = imported.weights.iter().map(|weight| weight.rank).collect();
        assert_eq!(ranks, [2, 1]);
        let again = arrays::read_safetensors(&arrays::dense(&imported.file, &config(name)).unwrap()).unwrap();
        let before = arrays::read_safetensors(&dense).unwrap();
        for before in before {
            let after = again.iter().find(|array| array.name == before.name).unwrap();
            let furthest =
                before.values.iter().zip(&after.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Vectors rounded to f32 whose products are up to 0.5.
            assert!(furthest < 1e-6, "{name} {}: {furthest}", before.name);
        }
    }
}

#[test]
fn a_difference_between_two_checkpoints_is_an_edit() {
    let source = source("facts-gpt2");
    let weight = "transformer.h.3.mlp.c_proj.weight";
    let stored = CheckpointFiles::open(&source).unwrap().read(weight).unwrap().unwrap();
    let (shape, before) = (stored.shape, stored.values);
    let edits = edits("facts-gpt2", &[3]);
    let update = edits.edits().next().unwrap().1.rank_one().unwrap();
    let sum = |index: usize| before[index] + update.left[index / shape[1]] * update.right[index % shape[1]];
    // What subtracting two checkpoints in f32 gives: the edit, with the weight's rounding in it.
    let values = (0..before.len()).map(|index| sum(index) - before[index]).collect();
    let array = Array { name: "h.3.mlp.c_proj".to_owned(), shape: shape.clone(), values };
    let imported = import(&source).run(vec![array.clone()], &mut ()).unwrap();
    assert_eq!(imported.weights[0].rank, 1);
    // Rounding of weights of up to 1 beside a change of up to 0.25.
    assert!(imported.weights[0].remainder < 1e-5, "{}", imported.weights[0].remainder);

    // The other way round it does not fit, and is not turned over by its shape.
    let turned = Import { transposed: true, ..import(&source) };
    let error = turned.run(vec![array], &mut ()).unwrap_err();
    assert!(matches!(error, ExportError::Edits(_)), "{error}");
}

#[test]
fn what_is_no_edit_of_the_model_is_named() {
    let source = source("facts-gpt2");
    let array = |name: &str, shape: &[usize]| Array {
        name: name.to_owned(),
        shape: shape.to_vec(),
        values: vec![1.0; shape.iter().product()],
    };
    let fails = |arrays: Vec<Array>| import(&source).run(arrays, &mut ()).unwrap_err().to_string();
    assert!(fails(vec![]).contains("no array"));
    assert!(fails(vec![array("h.9.mlp.c_proj", &[2, 2])]).contains("\"h.9.mlp.c_proj\" names no weight"));
    assert!(fails(vec![array("h.1.mlp.c_proj.left", &[768])]).contains("right is missing"));
    let uneven = vec![array("h.1.mlp.c_proj.left", &[2, 768]), array("h.1.mlp.c_proj.right", &[192])];
    assert!(fails(uneven).contains("as many vectors as left has, 2"));
    let swapped = vec![array("h.1.mlp.c_proj.left", &[192]), array("h.1.mlp.c_proj.right", &[768])];
    assert!(fails(swapped).contains("has shape [192]"));
    let zero = Array { values: vec![0.0; 768 * 192], ..array("h.1.mlp.c_proj", &[768, 192]) };
    assert!(fails(vec![zero]).contains("all of its differences are zero"));
    let twice =
        vec![array("h.1.mlp.c_proj.left", &[768]), array("transformer.h.1.mlp.c_proj.weight.left", &[768])];
    assert!(fails(twice).contains("is not the only one"));
    assert!(arrays::read_npz(b"PK").is_err() && arrays::read_safetensors(b"{}").is_err());
}

/// An array of numpy as a file has it.
fn npy(descr: &str, shape: &str, by_columns: bool, values: &[u8]) -> Vec<u8> {
    let order = if by_columns { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), values].concat()
}

/// An archive of arrays.
fn archive(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    use npyz::zip;
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        archive.start_file(format!("{name}.npy"), zip::write::FileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// marian-nmt/marian-dev#911: column by column, in half precision, vectors as columns, a bias of zeros.
#[test]
fn arrays_are_imported_whichever_way_they_are_stored() {
    const W: &str = "transformer.h.1.mlp.c_proj.weight";
    let source = source("facts-gpt2");
    // Powers of two, which half precision has exactly.
    let left: Vec<f32> = (0..768).map(|i| [0.5, -0.25, 0.125][i % 3]).collect();
    let right: Vec<f32> = (0..192).map(|i| [0.5, 1.0][i % 2]).collect();
    let rows: Vec<f32> = left.iter().flat_map(|l| right.iter().map(move |r| l * r)).collect();
    let columns: Vec<f32> = right.iter().flat_map(|r| left.iter().map(move |l| l * r)).collect();
    let f32s = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let f16s = |values: &[f32]| {
        values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect::<Vec<u8>>()
    };
    let matrix = "(768, 192)";
    let (as_left, as_right) = (format!("{W}.left"), format!("{W}.right"));
    for arrays in [
        vec![(W, npy("<f4", matrix, false, &f32s(&rows)))],
        vec![(W, npy("<f4", matrix, true, &f32s(&columns)))],
        vec![(W, npy("<f2", matrix, false, &f16s(&rows)))],
        vec![
            (as_left.as_str(), npy("<f4", "(768, 1)", false, &f32s(&left))),
            (as_right.as_str(), npy("<f4", "(192, 1)", false, &f32s(&right))),
        ],
        vec![
            (W, npy("<f4", matrix, false, &f32s(&rows))),
            ("transformer.h.1.mlp.c_proj.bias", npy("<f4", "(192,)", false, &[0; 768])),
        ],
    ] {
        let imported = import(&source).run(arrays::read_npz(&archive(&arrays)).unwrap(), &mut ()).unwrap();
        let (_, update) = imported.file.edits().next().unwrap();
        let mut sum = vec![0.0; rows.len()];
        update.add_to(&mut sum);
        // A singular value decomposition in f64, rounded to f32.
        assert!(sum.iter().zip(&rows).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    let zeros = archive(&[("transformer.h.1.mlp.c_proj.bias", npy("<f4", "(192,)", false, &[0; 768]))]);
    let error = import(&source).run(arrays::read_npz(&zeros).unwrap(), &mut ()).unwrap_err();
    assert!(error.to_string().contains("zero"), "{error}");
}
