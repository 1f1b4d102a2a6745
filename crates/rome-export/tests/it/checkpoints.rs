//! Whole folders: the edited weights, and nothing else, are other bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rome_core::ModelHash;
use rome_core::edit::EditFileError;
use rome_export::{ExportError, checkpoint};
use rome_files::FileError;
use rome_models::{CheckpointFiles, Pretrained, Source, StoredType};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use super::{edits, edits_of, source};

fn export(source: &Source, edits: &rome_core::EditFile, to: &Path) -> Result<(), ExportError> {
    checkpoint::write(source, edits, to, &mut ()).map(|_| ())
}

/// Every file that holds tensors, by name.
fn weight_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    files.filter(|(name, _)| name.ends_with(".safetensors")).collect()
}

/// A bundled model in `dtype`, over two files with an index.
fn sharded(name: &str, dtype: StoredType, folder: &Path) -> Source {
    let bundled = rome_assets::bundled(name).unwrap();
    let weights = bundled.files.iter().find(|(file, _)| *file == "model.safetensors").unwrap().1;
    let stored: Vec<(String, Vec<usize>, Vec<u8>)> = SafeTensors::deserialize(weights)
        .unwrap()
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let values = StoredType::F32.widen(view.data()).unwrap();
            (name, view.shape().to_vec(), dtype.narrow(&values).unwrap())
        })
        .collect();
    let format = match dtype {
        StoredType::F16 => Dtype::F16,
        StoredType::Bf16 => Dtype::BF16,
        _ => Dtype::F32,
    };
    let mut weight_map = BTreeMap::new();
    for (index, tensors) in stored.chunks(stored.len().div_ceil(2)).enumerate() {
        let file = format!("model-{:05}-of-00002.safetensors", index + 1);
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| (name, TensorView::new(format, shape.clone(), bytes).unwrap()));
        // Metadata as some tools leave it; the copy has it, too.
        let metadata =
            [("format".to_owned(), "pt".to_owned()), ("note".to_owned(), "kept".to_owned())].into();
        fs::write(folder.join(&file), safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
        weight_map.extend(tensors.iter().map(|(name, ..)| (name.clone(), file.clone())));
    }
    let index = json!({ "metadata": {}, "weight_map": weight_map });
    fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    for (file, bytes) in bundled.files.iter().filter(|(file, _)| *file != "model.safetensors") {
        fs::write(folder.join(file), bytes).unwrap();
    }
    Source::Folder(folder.to_owned())
}

fn hash(source: &Source) -> ModelHash {
    CheckpointFiles::open(source).unwrap().hash(&mut ()).unwrap()
}

#[test]
fn an_exported_model_has_the_weights_of_the_edited_one() {
    for name in ["facts-gpt2", "facts-gptj"] {
        let folder = tempfile::tempdir().unwrap();
        let edits = edits(name, &[1, 4, 1]);
        let place = folder.path().join("exported");
        export(&source(name), &edits, &place).unwrap();

        let device = fixtures::device();
        let exported = Pretrained::load(place.to_str().unwrap(), &device).unwrap();
        let original = fixtures::model_folder(name);
        let mut edited = Pretrained::load(original.to_str().unwrap(), &device).unwrap();
        edits.apply(edited.model.as_mut(), &edited.hash).unwrap();
        for layer in 0..edited.model.shape().n_layers {
            let weights = [&exported, &edited].map(|gpt| {
                gpt.model.block(layer).down_projection().weight().into_data().try_to_vec::<f32>().unwrap()
            });
            assert!(weights[0] == weights[1], "{name}, layer {layer}: not the same bits");
        }
    }
}

#[test]
fn all_but_the_edited_weights_are_the_same_bytes() {
    for (name, dtype) in
        [("facts-gpt2", StoredType::F32), ("facts-gpt2", StoredType::Bf16), ("facts-gptj", StoredType::F16)]
    {
        let folder = tempfile::tempdir().unwrap();
        let original = folder.path().join("original");
        fs::create_dir(&original).unwrap();
        let source = sharded(name, dtype, &original);
        let edits = edits_of(&source, &hash(&source), &[2]);
        let place = folder.path().join("exported");
        export(&source, &edits, &place).unwrap();

        let (before, after) = (weight_files(&original), weight_files(&place));
        assert!(before.keys().eq(after.keys()));
        let mut changed = Vec::new();
        for (file, before) in &before {
            let (tensors, edited) = (SafeTensors::deserialize(before).unwrap(), &after[file]);
            let header = 8 + u64::from_le_bytes(before[..8].try_into().unwrap()) as usize;
            assert_eq!(before[..header], edited[..header], "metadata and places");
            let edited = SafeTensors::deserialize(edited).unwrap();
            for (name, view) in tensors.tensors() {
                if view.data() != edited.tensor(&name).unwrap().data() {
                    changed.push(name);
                }
            }
        }
        let (entry, update) = edits.edits().next().unwrap();
        let update = update.rank_one().unwrap();
        assert_eq!(changed, std::slice::from_ref(&entry.weight));
        for file in ["config.json", "tokenizer.json", "model.safetensors.index.json"] {
            assert_eq!(fs::read(original.join(file)).unwrap(), fs::read(place.join(file)).unwrap(), "{file}");
        }

        // What was stored is the sum, rounded once more to the type of the file.
        let read =
            |source: &Source| CheckpointFiles::open(source).unwrap().read(&entry.weight).unwrap().unwrap();
        let (before, after) = (read(&source), read(&Source::Folder(place)));
        let shape = before.shape;
        let input_first = shape == [update.left.len(), update.right.len()];
        let columns = shape[1];
        for (index, (before, after)) in before.values.into_iter().zip(after.values).enumerate() {
            let (row, column) = (index / columns, index % columns);
            let (input, output) = if input_first { (row, column) } else { (column, row) };
            let sum = before + update.left[input] * update.right[output];
            assert_eq!(dtype.widen(&dtype.narrow(&[sum]).unwrap()).unwrap(), [after]);
        }
    }
}

#[test]
fn a_pickled_checkpoint_becomes_the_same_model_in_safetensors() {
    for name in ["tiny-gpt2", "tiny-gptj", "tiny-gptj-f16"] {
        let original = fixtures::path("pytorch").join(name);
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("exported");
        let none = rome_core::EditFile { parts: Vec::new() };
        export(&Source::Folder(original.clone()), &none, &place).unwrap();
        assert!(!weight_files(&place).is_empty());
        assert_eq!(hash(&Source::Folder(place)), hash(&Source::Folder(original)), "{name}");
    }
}

#[test]
fn what_cannot_be_exported_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("exported");
    let source = source("facts-gpt2");

    let error = export(&source, &edits("facts-gptj", &[1]), &place).unwrap_err();
    assert!(matches!(error, ExportError::Edits(EditFileError::UnknownWeight { .. })), "{error}");
    let other_model = edits_of(&source, &ModelHash::new("another"), &[1]);
    let error = export(&source, &other_model, &place).unwrap_err();
    assert!(matches!(error, ExportError::Edits(EditFileError::OtherModel { .. })), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no folder, no temporary one");

    // Unchecked, it is written all the same.
    checkpoint::write_unchecked(&source, &other_model, &place, &mut ()).unwrap();
    let error = export(&source, &edits("facts-gpt2", &[1]), &place).unwrap_err();
    assert!(matches!(error, ExportError::File(FileError::Occupied(_))), "{error}");
}

#[test]
fn a_sum_that_its_type_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = sharded("facts-gpt2", StoredType::F16, folder.path());
    let mut edits = edits_of(&source, &hash(&source), &[0]);
    edits.scale(1e6);
    let error = export(&source, &edits, &folder.path().join("exported")).unwrap_err();
    assert!(matches!(error, ExportError::Overflow { dtype: "F16", .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_outside_is_not_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original");
    fs::create_dir(&original).unwrap();
    let source = sharded("facts-gpt2", StoredType::F32, &original);
    let none = rome_core::EditFile { parts: Vec::new() };
    std::os::unix::fs::symlink(original.join("config.json"), original.join("config-2.json")).unwrap();
    export(&source, &none, &folder.path().join("inside")).unwrap();
    fs::write(folder.path().join("secret"), "{}").unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret"), original.join("notes.json")).unwrap();
    let error = export(&source, &none, &folder.path().join("outside")).unwrap_err();
    assert!(matches!(error, ExportError::Outside { .. }), "{error}");
}

/// A folder of the hub's cache links to the blobs beside it, and these are all that it may link to.
#[cfg(unix)]
#[test]
fn links_to_the_hubs_blobs_are_followed_but_not_beyond() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let none = rome_core::EditFile { parts: Vec::new() };
    fs::create_dir_all(path("hub/snapshots/revision")).unwrap();
    let source = sharded("facts-gpt2", StoredType::F32, &path("hub/snapshots/revision"));
    fs::create_dir(path("hub/blobs")).unwrap();
    fs::write(path("hub/blobs/abc"), "{}").unwrap();
    symlink("../../blobs/abc", path("hub/snapshots/revision/notes.json")).unwrap();
    export(&source, &none, &path("exported")).unwrap();

    let is_refused = |place: &str| {
        let error = export(&source, &none, &path(place)).unwrap_err();
        assert!(matches!(error, ExportError::Outside { .. }), "{error}");
    };
    fs::create_dir(path("home")).unwrap();
    fs::write(path("home/secret"), "{}").unwrap();
    // A blob that leads elsewhere, blobs that do, and blobs beside a folder that is no snapshot.
    symlink(path("home/secret"), path("hub/blobs/secret")).unwrap();
    symlink("../../blobs/secret", path("hub/snapshots/revision/secret.json")).unwrap();
    is_refused("of a blob");
    fs::remove_file(path("hub/blobs/secret")).unwrap();
    fs::rename(path("hub/blobs"), path("blobs")).unwrap();
    symlink("../home", path("hub/blobs")).unwrap();
    is_refused("of blobs");
    fs::remove_file(path("hub/blobs")).unwrap();
    fs::rename(path("blobs"), path("hub/blobs")).unwrap();
    fs::rename(path("home/secret"), path("hub/blobs/secret")).unwrap();
    export(&source, &none, &path("again")).unwrap();
    fs::rename(path("hub/snapshots"), path("hub/others")).unwrap();
    let moved = sharded("facts-gpt2", StoredType::F32, &path("hub/others/revision"));
    let error = export(&moved, &none, &path("of no snapshot")).unwrap_err();
    assert!(matches!(error, ExportError::Outside { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn weights_and_indices_that_link_outside_are_not_shipped() {
    let none = rome_core::EditFile { parts: Vec::new() };
    for linked in ["model.safetensors.index.json", "model-00002-of-00002.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let original = folder.path().join("original");
        fs::create_dir(&original).unwrap();
        let source = sharded("facts-gpt2", StoredType::F32, &original);
        let (inside, outside) = (original.join(linked), folder.path().join(linked));
        fs::rename(&inside, &outside).unwrap();
        std::os::unix::fs::symlink(&outside, &inside).unwrap();
        let place = folder.path().join("exported");
        let error = export(&source, &none, &place).unwrap_err();
        assert!(matches!(error, ExportError::Outside { .. }), "{error}");
        assert!(!place.exists());
    }
}
