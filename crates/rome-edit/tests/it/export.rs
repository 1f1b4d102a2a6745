//! Edits in the forms of other tools.

use std::fs;
use std::path::Path;

use rome_edit::edits::OtherModel;
use rome_edit::{
    DeviceName, EditFile, Error, ErrorKind, Export, ExportFormat, Hint, Model, ModelHash, Precision,
};

use crate::{requests, session};

fn edits() -> EditFile {
    let mut session = session();
    session.edit(&requests(1)[0]).unwrap();
    session.edits().clone().into()
}

fn export(edits: &EditFile, format: ExportFormat, output: &Path) -> Export {
    let (edits, output) = (edits.clone(), output.to_owned());
    let (model, other_model) = ("facts-gpt2".to_owned(), OtherModel::Refuse);
    Export { model, edits, format, output, max_rank: 256, other_model }
}

/// The logits of some tokens.
fn logits(model: &Model) -> Vec<f32> {
    rome_core::forward::logits(model.lm(), &[1, 2, 3]).into_data().try_to_vec().unwrap()
}

#[test]
fn an_exported_checkpoint_is_the_edited_model() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("edited");
    let edits = edits();
    let report = export(&edits, ExportFormat::Hf, &place).run(&mut ()).unwrap();
    assert_eq!((report.place.as_path(), report.n_edits, report.n_bytes), (place.as_path(), 1, None));

    let device = DeviceName::Cpu.find().unwrap().device;
    let exported = Model::load(place.to_str().unwrap(), &device, Precision::F32, &mut ()).unwrap();
    let mut session = session();
    let untouched = logits(session.model());
    session.apply(&edits).unwrap();
    assert!(logits(&exported) == logits(session.model()) && logits(&exported) != untouched);

    let error = export(&edits, ExportFormat::Hf, &place).run(&mut ()).unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
}

#[test]
fn arrays_go_into_the_file_that_is_named_or_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let edits = edits();
    for (format, extension, name) in [
        (ExportFormat::Npz, "npz", "edit.npz"),
        (ExportFormat::Safetensors, "safetensors", "delta.safetensors"),
    ] {
        let [file, place] =
            [format!("file.{extension}"), extension.to_owned()].map(|at| folder.path().join(at));
        let in_file = export(&edits, format, &file).run(&mut ()).unwrap();
        let in_folder = export(&edits, format, &place).run(&mut ()).unwrap();
        assert_eq!((&in_file.place, &in_folder.place), (&file, &place.join(name)));
        assert!(fs::read(&file).unwrap() == fs::read(place.join(name)).unwrap());
        assert_eq!(in_file.n_bytes, Some(fs::read(&file).unwrap().len()));
    }
    let lora = folder.path().join("lora");
    export(&edits, ExportFormat::Lora, &lora).run(&mut ()).unwrap();
    assert!(lora.join("adapter_config.json").is_file() && lora.join("adapter_model.safetensors").is_file());
}

#[test]
fn edits_of_another_model_are_exported_only_if_that_is_forced() {
    let folder = tempfile::tempdir().unwrap();
    let mut edits = edits();
    edits.parts[0].record.model_hash = ModelHash::new("another");
    for format in [ExportFormat::Hf, ExportFormat::Lora, ExportFormat::Npz, ExportFormat::Safetensors] {
        let place = folder.path().join(format!("{format:?}"));
        let mut export = export(&edits, format, &place);
        let error = export.run(&mut ()).unwrap_err();
        assert!(error.kind() == ErrorKind::OtherModel && !place.exists(), "{format:?}: {error}");
        export.other_model = OtherModel::Warn;
        export.run(&mut ()).unwrap();
        assert!(place.exists());
    }
    let nothing = EditFile { parts: Vec::new() };
    let error = export(&nothing, ExportFormat::Lora, &folder.path().join("no")).run(&mut ()).unwrap_err();
    assert!(matches!(error, Error::Export(_)) && error.to_string().contains("no edits"), "{error}");
}
