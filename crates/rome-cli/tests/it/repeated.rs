//! Requests after one another: what the first has run is not run again, and changes nothing.

use fixtures::{MODELS, cosine, norm};
use rome_core::method::rome::LayerProblem;
use rome_core::{Capture, Edit, Editor, Request, RomeConfig};

use crate::{contexts, factor, load, rows};

const LAYER: usize = 3;

fn requests() -> Vec<Request> {
    [("iPhone 5", "Nokia"), ("Honda Accord", "Ferrari"), ("iPhone 5", "Honda")]
        .map(|(subject, target)| Request::text("{} is produced by", subject, target))
        .to_vec()
}

fn config() -> RomeConfig {
    RomeConfig { weight_decay: 0.05, steps: 6, ..RomeConfig::new(LAYER) }
}

/// The same sums cut differently, through six steps of Adam.
fn assert_same(a: &Edit, b: &Edit, what: &str) {
    let [x, y] = [a, b].map(|edit| edit.update.rank_one().unwrap());
    for (a, b) in [(&x.left, &y.left), (&x.right, &y.right)] {
        assert!(cosine(a, b) > 0.999_99, "{what}: cosine {}", cosine(a, b));
        assert!((norm(a) / norm(b) - 1.0).abs() < 1e-3, "{what}: norms {} {}", norm(a), norm(b));
    }
    assert!((a.losses[0].total - b.losses[0].total).abs() < 1e-4, "{what}");
}

#[test]
fn a_capture_reuses_rows_in_common_with_an_earlier_one() {
    for name in MODELS {
        let gpt = load(name);
        let (model, contexts) = (gpt.model.as_ref(), contexts(name));
        let requests = requests();
        let first = rows(model, &gpt.tokenizer, &contexts, &requests[0]);
        let second = rows(model, &gpt.tokenizer, &contexts, &requests[1]);
        let prefixes = Capture::new(model, &first, LAYER).into_prefixes();
        for prefixes in [&prefixes, &prefixes.below()] {
            let after = Capture::after(model, &second, LAYER, Some(prefixes));
            let alone = Capture::new(model, &second, LAYER);
            assert_eq!(alone.n_taken_over, 0);
            // 20 prefixes of 5 or 10 tokens, whose first one is sampled from.
            assert!(after.n_taken_over > 100, "{}", after.n_taken_over);
            let [after, alone] = [&after.requests[0], &alone.requests[0]];
            for (a, b) in after.keys.iter().zip(&alone.keys).chain(after.values.iter().zip(&alone.values)) {
                assert!(cosine(a, b) > 0.999_999, "{name}: {}", cosine(a, b));
            }
        }
    }
}

#[test]
fn edits_in_turn_are_those_of_models_edited_so_far() {
    MODELS.iter().for_each(|name| each_edit_is_one_by_itself(name, Between::Keep));
}

/// The list of requests was another one afterwards elsewhere (rome#19).
#[test]
fn requests_are_what_they_were_after_they_were_edited() {
    let requests = requests();
    let mut gpt = load("facts-gpt2");
    let tokens = gpt.tokenizer.clone();
    let mut editor = Editor::new(gpt.model.as_mut(), &tokens, RomeConfig { steps: 2, ..config() })
        .unwrap()
        .contexts(contexts("facts-gpt2"))
        .statistics(LAYER, factor("facts-gpt2", LAYER));
    let given: Vec<String> = requests.iter().map(|request| serde_json::to_string(request).unwrap()).collect();
    for request in &requests {
        editor.edit(request, &mut ()).unwrap();
    }
    let left: Vec<String> = requests.iter().map(|request| serde_json::to_string(request).unwrap()).collect();
    assert_eq!(left, given);
}

/// An edit saw what an earlier one had left elsewhere (EasyEdit#613).
#[test]
fn independent_edits_do_not_see_each_other() {
    MODELS.iter().for_each(|name| each_edit_is_one_by_itself(name, Between::Undo));
}

/// Things that happen between one edit and the next.
#[derive(Clone, Copy, PartialEq)]
enum Between {
    Keep,
    Undo,
}

fn each_edit_is_one_by_itself(name: &str, between: Between) {
    let (mut gpt, mut alone) = (load(name), load(name));
    let contexts = contexts(name);
    let mut editor = Editor::new(gpt.model.as_mut(), &gpt.tokenizer, config())
        .unwrap()
        .contexts(contexts.clone())
        .statistics(LAYER, factor(name, LAYER));
    let factor = factor(name, LAYER);
    for (index, request) in requests().iter().enumerate() {
        let ours = editor.edit(request, &mut ()).unwrap();
        let model = alone.model.as_ref();
        let rows = rows(model, &alone.tokenizer, &contexts, request);
        let theirs = LayerProblem { model, request: &rows, layer: LAYER, config: &config(), factor: &factor }
            .solve(&mut ())
            .unwrap();
        assert_same(&ours[0], &theirs.into(), &format!("{name}, request {index}"));
        match between {
            Between::Undo => editor.undo(),
            // The very same update, so that differences cannot add up.
            Between::Keep => {
                ours[0].update.apply(alone.model.down_projection_mut(LAYER)).unwrap();
            }
        }
    }
}
