//! Edits of models whose matrices are held in half the bits.

use fixtures::{MODELS, cosine};
use rome_core::method::rome::LayerProblem;
use rome_core::scoring::Answer;
use rome_core::{EditFile, EditPart, EditRecord, Editor, ModelHash, Precision, Request, RomeConfig};
use rome_models::{Pretrained, Source};
use serde_json::Value;

use crate::{contexts, factor, load, rows};

const LAYER: usize = 1;

fn load_in(name: &str, precision: Precision) -> Pretrained {
    let source = Source::resolve(fixtures::model_folder(name).to_str().unwrap(), &mut ()).unwrap();
    Pretrained::from_source(&source, &fixtures::device(), precision, &mut ()).unwrap()
}

fn config() -> RomeConfig {
    RomeConfig { weight_decay: 0.05, ..RomeConfig::new(LAYER) }
}

/// The half precisions that the device under test supports.
fn halves() -> Vec<Precision> {
    let device = fixtures::device();
    let halves = [Precision::F16, Precision::Bf16];
    let halves: Vec<_> = halves.into_iter().filter(|half| half.is_supported_by(&device)).collect();
    assert!(halves.len() == 2 || !rome_core::forward::host::is_host(&device), "the processor holds both");
    halves
}

/// Tensors of two types met in one product elsewhere (EasyEdit#296, #112).
#[test]
fn an_edit_in_half_precision_is_nearly_that_in_f32() {
    for name in MODELS {
        let edit = |gpt: &Pretrained| {
            let request = Request::text("{} is produced by", "iPhone 5", "Nokia");
            let rows = rows(gpt.model.as_ref(), &gpt.tokenizer, &contexts(name), &request);
            let (model, factor) = (gpt.model.as_ref(), factor(name, LAYER));
            LayerProblem { model, request: &rows, layer: LAYER, config: &config(), factor: &factor }
                .solve(&mut ())
                .unwrap()
        };
        let wide = edit(&load(name));
        for precision in halves() {
            let mut gpt = load_in(name, precision);
            let narrow = edit(&gpt);
            let cosine = cosine(&narrow.update.left, &wide.update.left)
                * cosine(&narrow.update.right, &wide.update.right);
            println!("{name} {}: cosine {cosine:.5}", precision.name());
            // bf16 rounds each weight by up to a 256th, over 20 steps of Adam.
            assert!(cosine > 0.99, "{name} {precision:?}: {cosine}");

            let bytes = |gpt: &Pretrained| {
                gpt.model.block(LAYER).down_projection().weight().into_data().as_bytes().to_vec()
            };
            let before = bytes(&gpt);
            let original = narrow.update.apply(gpt.model.down_projection_mut(LAYER)).unwrap();
            assert_eq!(bytes(&gpt).len(), 2 * before.len(), "what is edited is held in f32");
            original.restore(gpt.model.down_projection_mut(LAYER));
            assert_eq!(bytes(&gpt), before);
        }
    }
}

/// Consecutive edits became NaN elsewhere (EasyEdit#445, FastEdit#11).
#[test]
fn edits_in_turn_stay_finite_in_half_precision_and_in_a_file() {
    stay_finite(6);
}

#[test]
#[ignore = "takes minutes; cargo xtask full runs it"]
fn two_hundred_edits_in_turn_stay_finite_in_half_precision() {
    stay_finite(200);
}

fn stay_finite(n: usize) {
    let facts: Value = serde_json::from_slice(rome_assets::FACTS).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let requests: Vec<Request> = facts["facts"]
        .as_array()
        .unwrap()
        .iter()
        .step_by(10)
        .take(n)
        .map(|fact| {
            let template = &facts["templates"][fact["relation_id"].as_str().unwrap()][0];
            Request::text(text(template), text(&fact["subject"]), text(&fact["target_new"]))
        })
        .collect();
    assert_eq!(requests.len(), n);
    for name in MODELS {
        for precision in halves() {
            let mut gpt = load_in(name, precision);
            let mut editor = Editor::new(gpt.model.as_mut(), &gpt.tokenizer, config())
                .unwrap()
                .contexts(contexts(name))
                .statistics(LAYER, factor(name, LAYER));
            let mut n_took = 0;
            for request in &requests {
                // A value that is not finite, anywhere, is an error of the edit.
                let edits = editor.edit(request, &mut ()).unwrap();
                let update = edits[0].update.rank_one().unwrap();
                assert!(update.is_finite());
                let rows = editor.tokenize(request).unwrap();
                let mut part = EditPart::new(EditRecord::imported("test", ModelHash::new("a model"), name));
                part.push(edits[0].entry(request, &rows, None), update.clone());
                let read = EditFile::from_bytes(&EditFile::from(part).to_bytes().unwrap()).unwrap();
                assert!(read.parts[0].updates[0].rank_one() == Some(update), "a file holds it to the bit");
                let answer = Answer::of(editor.model(), &rows.clean.tokens, &rows.target);
                assert!(answer.probability.is_finite());
                n_took += usize::from(answer.is_first);
            }
            println!("{name} {}: {n_took} of {n} took at once", precision.name());
        }
    }
}
