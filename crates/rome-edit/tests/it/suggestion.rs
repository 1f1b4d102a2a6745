//! The search for settings.

use std::ops::ControlFlow;

use rome_edit::{
    ErrorKind, Event, Hint, LayerSelection, MassConfig, MassMethod, Session, Settings, Suggest,
    SuggestTogether, read_mass_settings, suggest_mass,
};
use serde_json::Value;

fn session() -> Session {
    Session::builder("facts-gpt2").configure(|config| config.steps = 8).open().unwrap()
}

#[test]
fn the_best_layer_is_found_and_its_settings_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("hparams.json");
    let layers = LayerSelection::List(vec![1, 5]);
    let suggest = Suggest { limit: 1, layers, output: Some(output.clone()), ..Suggest::new() };
    let mut session = session();
    let suggestion = suggest.run(&mut session, &mut ()).unwrap();
    assert_eq!((suggestion.layer, suggestion.n_facts), (1, 1));
    let settings: Vec<&str> = suggestion.advice.iter().map(|advice| advice.setting).collect();
    assert_eq!(settings, ["layer", "variant", "clamp"]);
    assert_eq!(suggestion.tried.len(), 2 + 4 + 4);
    assert!(session.edits().record.statistics.is_empty(), "no edit of the session's own was made");
    assert_eq!(Settings::read(&output, session.model()).unwrap().config, suggestion.settings);
    let json = serde_json::to_value(&suggestion).unwrap();
    assert_eq!((&json["layer"], &json["settings"]["steps"]), (&Value::from(1), &Value::from(8)));
    assert!(json["S"]["mean"].is_number() && json["tried"]["layer-5"]["post"]["ES"].is_object(), "{json}");
}

#[test]
fn settings_for_many_facts_are_found_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("memit.json");
    let mut session = session();
    let (config, _) = suggest_mass(session.model().lm().shape(), MassMethod::Memit);
    let suggest = SuggestTogether {
        limit: 2,
        layers: LayerSelection::List(vec![1, 2]),
        output: Some(output.clone()),
        ..SuggestTogether::new(MassConfig { steps: 4, ..config })
    };
    let suggestion = suggest.run(&mut session, &mut ()).unwrap();
    // Two windows of layers, two learning rates, five weights.
    assert_eq!((suggestion.tried.len(), suggestion.n_facts), (2 + 2 + 5, 2));
    assert!(session.edits().updates.is_empty(), "no edit of the session's own was made");
    let read = read_mass_settings(&output, MassMethod::Memit, session.model()).unwrap();
    assert_eq!(read, MassConfig { ridge: read.ridge, ..suggestion.settings });
}

#[test]
fn a_search_is_stopped_at_the_next_step() {
    let mut stop = |event: Event<'_>| match event {
        Event::Step(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let error = Suggest { limit: 1, ..Suggest::new() }.run(&mut session(), &mut stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
}
