//! The demo and the tests of a machine.

use rome_edit::{
    Demo, DemoPrompt, DeviceInfo, DeviceName, DeviceTest, Error, InputError, Machine, Precision, SelfTest,
};

fn demo(model: &str) -> Demo {
    let device = DeviceName::Cpu.find().unwrap().device;
    Demo { model: model.to_owned(), device, precision: Precision::F32, output: None }
}

#[test]
fn the_demo_edits_a_fact_and_undoes_the_edit_to_the_bit() {
    for model in ["facts-gpt2", "facts-gptj"] {
        let report = demo(model).run(&mut ()).unwrap();
        assert!(report.succeeded && report.undone, "{model}");
        let DemoPrompt { before, after, .. } = &report.rewrite;
        assert!(before.old > 0.5 && after.new > 0.5, "{model}: {before:?} {after:?}");
        assert_eq!((report.paraphrases.len(), report.neighbours.len()), (4, 6));
        assert_eq!(report.n_values, 768 + 192);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (&json["took"], &json["model"], &json["new"]),
            (&true.into(), &model.into(), &"French".into())
        );
    }
}

#[test]
fn the_demo_is_of_bundled_models_only() {
    let error = demo("fixtures").run(&mut ()).unwrap_err();
    assert!(matches!(error, Error::Input(InputError::NotBundled { .. })), "{error}");
}

#[test]
fn the_demo_draws_its_answers_and_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.svg");
    Demo { output: Some(path.clone()), ..demo("facts-gpt2") }.run(&mut ()).unwrap();
    let svg = std::fs::read_to_string(path).unwrap();
    assert!(svg.starts_with("<svg") && !svg.contains("<text"), "the texts are outlines");

    let path = folder.path().join("demo.pdf");
    let error = Demo { output: Some(path.clone()), ..demo("facts-gpt2") }.run(&mut ()).unwrap_err();
    assert!(matches!(error, Error::Input(InputError::NoPicture { .. })), "{error}");
    assert!(!path.exists());
}

#[test]
fn the_processor_passes_and_is_not_held_against_itself() {
    assert!(SelfTest.run(&mut ()).unwrap().passed());
    assert!(Machine::this().threads > 0);
    let devices: Vec<DeviceInfo> = vec![DeviceName::Cpu.find().unwrap()];
    assert!(DeviceTest { devices }.run(&mut ()).unwrap().is_empty());
}
