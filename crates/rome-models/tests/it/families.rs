//! Every family against transformers and a script of ROME in torch: logits, states, keys, values, gradients and
//! whole edits of tiny random models.

use std::path::Path;

use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::{log_softmax, softmax};
use fixtures::Tensors;
use fixtures::families::{EditReference, FamilyFixture, Twin, assemble, refused};
use rome_core::forward::{BlockPass, ForwardPass, embed, head, logits};
use rome_core::method::rome::LayerProblem;
use rome_core::request::Row;
use rome_core::{
    Batch, CacheMode, CausalLm, CholeskyFactor, HookPoint, KvCache, Part, Precision, Recorded, RomeConfig,
    SecondMoment, TokenizedRequest, Variant,
};
use rome_models::config::Config;
use rome_models::decoder::parts::Tie;
use rome_models::{Checkpoint, Decoder, ModelError, Source};

use crate::{device, host};

fn load(folder: &Path) -> Result<Decoder, ModelError> {
    let source = Source::Folder(folder.to_owned());
    let config = Config::load(&source)?;
    let mut observer = ();
    let mut checkpoint = Checkpoint::open(&source, &device(), Precision::F32, &mut observer)?;
    let model = Decoder::load(&mut checkpoint, &config.parts, &config.names)?;
    checkpoint.finish()?;
    Ok(model)
}

/// Loads the weights of a folder by another configuration.
fn load_by(weights: &Path, config: &Path) -> Result<Decoder, ModelError> {
    let folder = tempfile::tempdir().unwrap();
    assemble(weights, config, folder.path());
    load(folder.path())
}

/// The greatest difference of two lists of numbers, relative to the greatest of the second.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let greatest = expected.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / greatest
}

/// The smallest mistake that was tried moves logits by 2e-4 of the greatest; another order of sums by 1e-6.
const LOGITS: f32 = 2e-5;

/// States are sums of many more numbers than they are large.
const STATES: f32 = 1e-4;

fn assert_logits(model: &Decoder, prompts: &[Vec<u32>], expected: &Tensors, what: &str) {
    for (index, prompt) in prompts.iter().enumerate() {
        let found = host(logits(model, prompt));
        let worst = difference(&found, &expected[&format!("logits_{}", index + 1)].1);
        assert!(worst < LOGITS, "{what}, prompt {}: logits differ by {worst}", index + 1);
    }
}

#[test]
fn every_family_has_the_logits_of_transformers() {
    let fixtures = FamilyFixture::all();
    assert_eq!(fixtures.len(), 47);
    for fixture in fixtures {
        let mut parts = Vec::new();
        for config in fixture.configs() {
            let what = format!("{} by {config}", fixture.name);
            let path = fixture.folder().join(config);
            let model = load_by(&fixture.folder(), &path).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_logits(&model, &fixture.reference.prompts, &fixture.tensors, &what);
            parts.push((what, Config::parse(&std::fs::read(path).unwrap()).unwrap().parts));
        }
        for (what, of_other) in &parts[1..] {
            let mut expected = parts[0].1.clone();
            if what == "mistral3 by config.v4.json" {
                // It does not say whether the head is tied, and a head is stored.
                expected.head.tie = Tie::UnlessStored;
            }
            assert_eq!(*of_other, expected, "{what}");
        }
    }
}

#[test]
fn every_twin_is_the_same_model() {
    for twin in Twin::all() {
        let model = load_by(&twin.weights(), &twin.folder().join("config.json"));
        let model = model.unwrap_or_else(|error| panic!("{}: {error}", twin.name));
        let prompts = FamilyFixture::load(&twin.of).reference.prompts;
        assert_logits(&model, &prompts, &twin.logits(), &twin.name);
    }
}

#[test]
fn states_keys_and_values_are_those_of_transformers() {
    for fixture in FamilyFixture::all() {
        let model = load(&fixture.folder()).unwrap();
        for (index, prompt) in fixture.reference.prompts.iter().enumerate() {
            let batch = Batch::new(&[prompt.len()], &device());
            let embedded = embed(&model, prompt, &batch);
            let mut states = vec![embedded.clone()];
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            let mut hook = |point: HookPoint, state: Tensor<2>| {
                match point.part {
                    Part::Key => keys.push(state.clone()),
                    Part::Mlp => values.push(state.clone()),
                    Part::Block => states.push(state.clone()),
                    Part::Attention => {}
                }
                state
            };
            let pass = ForwardPass { model: &model, batch: &batch, cache: CacheMode::None, hook: &mut hook };
            pass.run(embedded, 0..model.shape().n_layers);
            let same = |found: Vec<f32>, name: &str| {
                let worst = difference(&found, &fixture.tensors[name].1);
                assert!(worst < STATES, "{}: {name} differs by {worst}", fixture.name);
            };
            same(states.into_iter().flat_map(host).collect(), &format!("hidden_{}", index + 1));
            if index == 0 {
                for &layer in &fixture.reference.layers {
                    same(host(keys[layer].clone()), &format!("key_{layer}"));
                    same(host(values[layer].clone()), &format!("value_{layer}"));
                }
            }
        }
    }
}

#[test]
fn a_prompt_in_pieces_is_the_prompt() {
    for fixture in FamilyFixture::all() {
        let model = load(&fixture.folder()).unwrap();
        let n_layers = model.shape().n_layers;
        let prompt = &fixture.reference.prompts[0];
        let mut cache = KvCache::new(n_layers, 1);
        let mut found = Vec::new();
        // The last piece begins beyond the windows of all fixtures.
        for piece in [&prompt[..5], &prompt[5..6], &prompt[6..]] {
            let batch = Batch::continuing(cache.slots(), &[piece.len()], &device());
            let hidden = embed(&model, piece, &batch);
            let cache = CacheMode::Extend(&mut cache);
            let pass = ForwardPass { model: &model, batch: &batch, cache, hook: &mut () };
            found.extend(host(head(&model, pass.run(hidden, 0..n_layers))));
        }
        let worst = difference(&found, &fixture.tensors["logits_1"].1);
        assert!(worst < LOGITS, "{}: logits differ by {worst}", fixture.name);
    }
}

/// The loss of a given change of a value, and its gradient.
fn loss_of_delta(model: &Decoder, fixture: &FamilyFixture, layer: usize) -> (f64, Vec<f32>) {
    let reference = &fixture.reference.delta;
    let (row, n_layers) = (&reference.row, model.shape().n_layers);
    let batch = Batch::new(&[row.len()], &device());
    let (shape, delta) = &fixture.tensors["delta"];
    let delta: Tensor<2> = Tensor::from_data(TensorData::new(delta.clone(), [1, shape[0]]), &device());
    let at = Tensor::<1, Int>::from_data([reference.position as i64], &device());
    let add = burn::tensor::IndexingUpdateOp::Add;

    let mut value = None;
    let mut hook = |point: HookPoint, state: Tensor<2>| {
        if point == (HookPoint { layer, part: Part::Mlp }) {
            value = Some(state.clone().select(0, at.clone()));
        }
        state
    };
    let pass = ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut hook };
    let hidden = pass.run(embed(model, row, &batch), 0..layer + 1);
    let value = value.unwrap();
    let block = model.block(layer);
    let without = block.contribution(value.clone().into()).into_value().neg();
    let (added, contribution) = block.contribution(Recorded::start(value + delta)).split();
    let mut hidden = hidden.select_assign(0, at.clone(), without + added, add);
    let mut backs = Vec::new();
    for layer in layer + 1..n_layers {
        let pass = BlockPass { model, layer, batch: &batch, recorded: true, frozen: None };
        let (output, back) = pass.run(hidden, &mut CacheMode::None, &mut ());
        hidden = output;
        backs.push(back);
    }
    let (logits, head) = model.head(Recorded::start(hidden)).split();
    let worst = difference(&host(logits.clone()), &fixture.tensors[&format!("delta_logits_{layer}")].1);
    assert!(worst < LOGITS, "{} at layer {layer}: logits with δ differ by {worst}", fixture.name);

    let n_target = reference.target.len();
    let [_, vocab_size] = logits.dims();
    let mut one_hot = vec![0.0f32; row.len() * vocab_size];
    let mut reads = vec![0.0f32; row.len()];
    for (index, &token) in reference.target.iter().enumerate() {
        let position = row.len() - n_target + index;
        one_hot[position * vocab_size + token as usize] = 1.0;
        reads[position] = 1.0;
    }
    let one_hot: Tensor<2> = Tensor::from_data(TensorData::new(one_hot, [row.len(), vocab_size]), &device());
    let reads: Tensor<2> = Tensor::from_data(TensorData::new(reads, [row.len(), 1]), &device());
    let share = 1.0 / n_target as f64;
    let nll =
        -host(log_softmax(logits.clone(), 1) * one_hot.clone()).iter().map(|&x| f64::from(x)).sum::<f64>();
    let grad = (softmax(logits, 1) * reads - one_hot) * share;
    let grad = backs.into_iter().rev().fold(head.backward(grad), |grad, back| back.backward(grad));
    (nll * share, host(contribution.backward(grad.select(0, at))))
}

#[test]
fn the_gradient_of_a_value_is_that_of_torch() {
    for fixture in FamilyFixture::all() {
        let model = load(&fixture.folder()).unwrap();
        for (layer, expected) in &fixture.reference.delta.layers {
            let layer: usize = layer.parse().unwrap();
            let (nll, gradient) = loss_of_delta(&model, &fixture, layer);
            let what = format!("{} at layer {layer}", fixture.name);
            assert!((nll - expected.nll).abs() < 1e-4, "{what}: {nll} is not {}", expected.nll);
            let expected = &fixture.tensors[&format!("delta_grad_{layer}")].1;
            let apart: Vec<f32> = gradient.iter().zip(expected).map(|(a, b)| a - b).collect();
            let relative = fixtures::norm(&apart) / fixtures::norm(expected);
            // Where a gradient is small, torch's own central differences differ by as much.
            assert!(relative < 5e-3, "{what}: the gradient differs by {relative}");
        }
    }
}

fn request(edit: &EditReference) -> TokenizedRequest {
    let row = |prompt: &Vec<u32>, lookup: usize| {
        let tokens = [&prompt[..], &edit.target[..edit.target.len() - 1]].concat();
        Row { tokens, lookup }
    };
    TokenizedRequest {
        clean: Row { tokens: edit.prompt.clone(), lookup: edit.subject[1] - 1 },
        rows: edit.contexts.iter().zip(&edit.lookups).map(|(row_of, &lookup)| row(row_of, lookup)).collect(),
        kl_rows: vec![Row { tokens: edit.preserve.clone(), lookup: edit.preserve_lookup }],
        target: edit.target.clone(),
    }
}

#[test]
fn a_whole_edit_is_that_of_the_script_in_torch() {
    for fixture in FamilyFixture::all() {
        let model = load(&fixture.folder()).unwrap();
        let (edit, name) = (&fixture.reference.edit, &fixture.name);
        let c = &fixture.tensors["edit_c"].1;
        let d_ff = model.shape().d_ff;
        let moment = SecondMoment::from_sum(d_ff, 1, c.iter().map(|&x| f64::from(x)).collect()).unwrap();
        let factor = CholeskyFactor::new(&moment).unwrap();
        let settings = &edit.hparams;
        let config = RomeConfig {
            layers: vec![edit.layer],
            variant: Variant::Reference,
            steps: settings.steps,
            learning_rate: settings.lr,
            weight_decay: settings.decay,
            clamp_norm_factor: settings.clamp,
            kl_factor: settings.kl_factor,
            stop_loss: settings.stop,
        };
        let request = request(edit);
        let problem = LayerProblem {
            model: &model,
            request: &request,
            layer: edit.layer,
            config: &config,
            factor: &factor,
        };
        let found = problem.solve(&mut ()).unwrap();

        assert_eq!(found.losses.len(), edit.losses.len(), "{name}: steps");
        for (step, (found, [total, nll, kl, decay])) in found.losses.iter().zip(&edit.losses).enumerate() {
            let terms = [(found.total, total), (found.nll, nll), (found.kl, kl), (found.decay, decay)];
            for (found, expected) in terms {
                assert!((found - expected).abs() < 1e-3, "{name}, step {step}: {found} is not {expected}");
            }
        }
        let [left, right] = ["edit_left", "edit_right"].map(|name| &fixture.tensors[name].1);
        let cosine = |found: &[f32], expected: &[f32]| fixtures::cosine(found, expected);
        let of_update = cosine(&found.update.left, left) * cosine(&found.update.right, right);
        assert!(of_update.abs() > 0.9999, "{name}: cosine of ΔW {of_update}");
        let ratio = found.update.norm() / (fixtures::norm(left) * fixtures::norm(right));
        assert!((ratio - 1.0).abs() < 1e-3, "{name}: ‖ΔW‖ is {ratio} of the expected");
        let delta = &fixture.tensors["edit_delta"].1;
        assert!(cosine(&found.delta, delta) > 0.9999, "{name}: δ");

        // The whole matrix, in the order of the file.
        let layout = &fixture.reference.down.layout;
        let (shape, update) = &fixture.tensors["edit_update"];
        let (l, r) = (&found.update.left, &found.update.right);
        let whole: Vec<f32> = match layout.as_str() {
            "in_out" => l.iter().flat_map(|l| r.iter().map(move |r| l * r)).collect(),
            _ => r.iter().flat_map(|r| l.iter().map(move |l| l * r)).collect(),
        };
        assert_eq!(shape.iter().product::<usize>(), whole.len(), "{name}");
        assert!(cosine(&whole, update) > 0.9999, "{name}: ΔW");
    }
}

#[test]
fn what_cannot_be_followed_is_refused_by_name() {
    let all = refused();
    assert_eq!(all.len(), 47);
    let mut unnamed = Vec::new();
    for (names, folder) in all {
        let error = match load(&folder) {
            Ok(_) => panic!("{} loads", folder.display()),
            Err(error) => error.to_string(),
        };
        // The field, or the type, is the first word.
        let named = names.split([':', ',', ' ']).find(|word| word.len() > 2).unwrap();
        let named = named.trim_matches(['"', '…', '.']);
        if !error.contains(named) {
            unnamed.push(format!("{}: {error:?} does not name {named:?}", folder.display()));
        }
    }
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}

/// PEFT finds modules by their path in memory, settings of others name them by either, and files by the stored name.
#[test]
fn edited_weights_have_their_names_on_disk_and_in_memory() {
    for fixture in FamilyFixture::all() {
        let config = Config::parse(&std::fs::read(fixture.folder().join("config.json")).unwrap()).unwrap();
        let (names, down) = (config.names, &fixture.reference.down);
        for layer in 0..config.shape().n_layers {
            let at = |template: &str| template.replacen("{}", &layer.to_string(), 1);
            let module = names.of_block(layer, names.down);
            assert_eq!(names.in_memory(&module), at(&down.module), "{}", fixture.name);
            assert_eq!(names.canonical(&at(&down.stored)), names.edited_weight(layer), "{}", fixture.name);
            let in_memory = names.canonical(&at(&down.module)) + ".weight";
            assert_eq!(in_memory, names.edited_weight(layer), "{}", fixture.name);
        }
    }
}

#[test]
fn every_family_stands_in_the_document() {
    let document = std::fs::read_to_string(fixtures::path("../docs/families.md")).unwrap();
    for name in rome_models::families::names() {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}
