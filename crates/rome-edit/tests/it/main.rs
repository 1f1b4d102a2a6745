//! Everything one does with a model, as a user of the library does it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod audit;
mod collect;
mod demo;
mod edit_many;
mod encoding;
mod evaluation;
mod export;
#[path = "../../../../fixtures/outside/edit-only/src/nudge.rs"]
mod nudge;
mod suggestion;
mod trace;

use rome_edit::{Context, DeviceName, Model, Precision, Request, Session};
use serde_json::Value;

/// The bundled GPT-2 on the processor.
fn model() -> Model {
    let device = DeviceName::Cpu.find().unwrap().device;
    Model::load("facts-gpt2", &device, Precision::F32, &mut ()).unwrap()
}

/// Requests about facts that the bundled models know.
fn requests(n: usize) -> Vec<Request> {
    let facts: Value = serde_json::from_slice(rome_assets::FACTS).unwrap();
    let request = |fact: &Value| {
        let prompt = &facts["templates"][fact["relation_id"].as_str().unwrap()][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Request::text(text(prompt), text(&fact["subject"]), text(&fact["target_new"]))
    };
    facts["facts"].as_array().unwrap().iter().take(n).map(request).collect()
}

/// A session over few rows, which is quick.
fn session() -> Session {
    Session::builder("facts-gpt2").contexts(vec![Context::clean()]).kl_prompts(Vec::new()).open().unwrap()
}
