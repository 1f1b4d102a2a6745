//! Causal traces against those of kmeng01/rome.

use std::ops::ControlFlow;

use fixtures::{MODELS, Reference};
use rome_core::{Event, Tokenizer, Unit};
use rome_eval::EvalError;
use rome_eval::trace::{CutNoise, Noise, PathCut, TraceConfig, TraceKind, TracePrompt, Tracer};
use safetensors::tensor::{Dtype, TensorView};

use crate::load;

/// Probabilities in f32, through six blocks; 2e-6 is seen.
const TOLERANCE: f64 = 1e-4;

fn config(kind: TraceKind, window: usize) -> TraceConfig {
    TraceConfig { window, ..TraceConfig::new(kind) }
}

/// Restores a state, with the path through some modules cut.
fn cut(kind: TraceKind, noise: CutNoise) -> TraceConfig {
    TraceConfig { cut: Some(PathCut { kind, noise }), ..config(TraceKind::State, 1) }
}

fn noise_file(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes).unwrap();
    safetensors::serialize([("noise", view)], None).unwrap()
}

#[test]
fn scores_of_all_kinds_are_those_of_the_reference() {
    for name in MODELS {
        let pretrained = load(name);
        let (model, tokenizer) = (pretrained.model.as_ref(), &pretrained.tokenizer);
        let reference = Reference::load(name);
        for golden in &reference.traces {
            let prompt = TracePrompt::new(&golden.prompt, &golden.subject, tokenizer, model.shape()).unwrap();
            assert_eq!([prompt.subject.start, prompt.subject.end], golden.subject_range);
            let (shape, values) = &reference.tensors[&format!("{}.noise", golden.name)];
            let shape: [usize; 3] = shape[..].try_into().unwrap();
            let given = Noise::from_bytes(&noise_file(&shape, values), shape).unwrap();
            // Drawn here, it is the same.
            let drawn = Noise::normal(golden.noise, shape).unwrap();
            let worst =
                given.values().iter().zip(drawn.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{worst}");
            for kind in TraceKind::ALL {
                let config = config(kind, golden.window);
                let tracer = Tracer { model, tokenizer, prompt: &prompt, noise: &given, config };
                let trace = tracer.run(&mut ()).unwrap();
                assert_eq!(trace.answer, golden.answer);
                assert!((trace.high_score - golden.high_score).abs() < TOLERANCE);
                assert!((trace.low_score - golden.low_score).abs() < TOLERANCE);
                let (_, expected) = &reference.tensors[&format!("{}.scores_{}", golden.name, kind.name())];
                for (found, expected) in trace.scores.iter().flatten().zip(expected) {
                    let difference = (found - f64::from(*expected)).abs();
                    assert!(difference < TOLERANCE, "{name}, {}, {kind:?}: {difference}", golden.name);
                }
            }
        }
    }
}

/// The probability of the answer in one cell, by a run of the whole model for each sample: slow and
/// obvious. States are restored under the noise `second`.
fn by_hand(tracer: &Tracer<'_>, second: &Noise, cell: (usize, usize), answer: u32) -> f64 {
    use burn::prelude::*;
    use rome_core::forward::{self, transfer};
    use rome_core::{Batch, CacheMode, HookPoint, Part, math};
    let Tracer { model, prompt, noise, config, .. } = *tracer;
    let (device, n_layers, d_model) = (model.device(), model.shape().n_layers, model.shape().d_model);
    let n_tokens = prompt.tokens.len();
    let batch = Batch::new(&[n_tokens], &device);
    let embedded = |noise: &[f32]| {
        let mut added = vec![0.0; n_tokens * d_model];
        added[prompt.subject.start * d_model..][..noise.len()].copy_from_slice(noise);
        forward::embed(model, &prompt.tokens, &batch) + transfer::upload(added, [n_tokens, d_model], &device)
    };
    type States = std::collections::HashMap<HookPoint, Tensor<2>>;
    let run = |hidden: Tensor<2>, put: &dyn Fn(HookPoint) -> Option<Tensor<2>>| -> (Tensor<2>, States) {
        let mut states = States::new();
        let mut hook = |site: HookPoint, state: Tensor<2>| {
            let state = match put(site) {
                Some(row) => state.slice_assign([cell.0..cell.0 + 1, 0..d_model], row),
                None => state,
            };
            if site.part != Part::Key {
                states.insert(site, state.clone());
            }
            state
        };
        let hidden = forward::ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut hook }
            .run(hidden, 0..n_layers);
        (hidden, states)
    };
    let part = |kind| match kind {
        TraceKind::State => Part::Block,
        TraceKind::Mlp => Part::Mlp,
        TraceKind::Attn => Part::Attention,
    };
    let row = |states: &States, site: HookPoint| states[&site].clone().narrow(0, cell.0, 1);
    let (_, clean) = run(embedded(&[]), &|_| None);
    let n_samples = noise.n_samples();
    let n_values = prompt.subject.len() * d_model;
    let sample = |noise: &Noise, sample: usize| noise.values()[sample * n_values..][..n_values].to_vec();
    let layer = cell.1;
    let mut sum = 0.0;
    for index in 0..n_samples {
        let (_, first) = run(embedded(&sample(noise, index)), &|_| None);
        let put = |site: HookPoint| {
            if let Some(cut) = config.cut
                && site.part == part(cut.kind)
            {
                return Some(row(&first, site));
            }
            let layers = match config.kind {
                TraceKind::State => layer..layer + 1,
                _ => layer.saturating_sub(config.window / 2)..layer + config.window.div_ceil(2),
            };
            (site.part == part(config.kind) && layers.contains(&site.layer)).then(|| row(&clean, site))
        };
        let (hidden, _) = run(embedded(&sample(second, index)), &put);
        let logits = transfer::download(forward::head(model, hidden.narrow(0, n_tokens - 1, 1)));
        sum += math::probability(&logits, answer);
    }
    sum / n_samples as f64
}

#[test]
fn severed_paths_and_windows_are_as_runs_of_the_whole_model() {
    for name in MODELS {
        let pretrained = load(name);
        let (model, tokenizer) = (pretrained.model.as_ref(), &pretrained.tokenizer);
        let prompt =
            TracePrompt::new("In truth {} is produced by", "iPhone 5", tokenizer, model.shape()).unwrap();
        let shape = [3, prompt.subject.len(), model.shape().d_model];
        let noise = Noise::normal(0.2, shape).unwrap();
        // What numpy would draw next.
        let both = Noise::normal(0.2, [6, shape[1], shape[2]]).unwrap();
        let n = shape.iter().product::<usize>();
        let next = Noise::from_bytes(&noise_file(&shape, &both.values()[n..]), shape).unwrap();
        for config in [
            config(TraceKind::Mlp, 1),
            config(TraceKind::Attn, 3),
            cut(TraceKind::Mlp, CutNoise::Same),
            cut(TraceKind::Attn, CutNoise::Same),
            cut(TraceKind::Mlp, CutNoise::Other),
        ] {
            let tracer = Tracer { model, tokenizer, prompt: &prompt, noise: &noise, config };
            let trace = tracer.run(&mut ()).unwrap();
            let answer = tokenizer.encode_after(&prompt.text, &trace.answer).unwrap()[0];
            let last = prompt.tokens.len() - 1;
            let has_other = matches!(config.cut, Some(PathCut { noise: CutNoise::Other, .. }));
            let second = if has_other { &next } else { &noise };
            for cell in [(prompt.subject.start, 0), (prompt.subject.end - 1, 2), (last, 1), (last, 5)] {
                let expected = by_hand(&tracer, second, cell, answer);
                let found = trace.scores[cell.0][cell.1];
                assert!(
                    (found - expected).abs() < TOLERANCE,
                    "{name}, {config:?}, {cell:?}: {found} {expected}"
                );
            }
            // Before the subject nothing is corrupted: what is restored there is what it was.
            let untouched = by_hand(&tracer, second, (0, 3), answer);
            assert!(trace.scores[0].iter().all(|score| (score - untouched).abs() < TOLERANCE));
        }
    }
}

#[test]
fn samples_that_are_run_in_parts_make_the_same() {
    let pretrained = load("facts-gpt2");
    let (model, tokenizer) = (pretrained.model.as_ref(), &pretrained.tokenizer);
    // 100 tokens are so many that some forty samples run at once.
    let text = "Once upon a time there was a little girl who lived in a village near the forest. ".repeat(4);
    let prompt =
        TracePrompt::new(&(text + "{} is produced by"), "iPhone 5", tokenizer, model.shape()).unwrap();
    assert!(prompt.tokens.len() > 60);
    let config = config(TraceKind::State, 1);
    let scores = |samples: usize| {
        let noise = Noise::normal(0.2, [samples, prompt.subject.len(), model.shape().d_model]).unwrap();
        Tracer { model, tokenizer, prompt: &prompt, noise: &noise, config }.run(&mut ()).unwrap()
    };
    // The first samples of more are those of fewer, so the means are near and not equal.
    let (few, many) = (scores(60), scores(120));
    assert!((few.low_score - many.low_score).abs() < 0.2);
    assert!(many.scores.iter().flatten().all(|score| (0.0..=1.0).contains(score)));
    let last = many.scores.last().unwrap();
    assert!((last[5] - many.high_score).abs() < 1e-4, "the last state of all is the answer itself");
}

#[test]
fn a_trace_tells_of_its_cells_and_stops_when_it_is_told_to() {
    let pretrained = load("facts-gpt2");
    let (model, tokenizer) = (pretrained.model.as_ref(), &pretrained.tokenizer);
    let prompt = TracePrompt::new("{} is produced by", "iPhone 5", tokenizer, model.shape()).unwrap();
    let noise = Noise::normal(0.2, [2, prompt.subject.len(), model.shape().d_model]).unwrap();
    let tracer =
        Tracer { model, tokenizer, prompt: &prompt, noise: &noise, config: config(TraceKind::State, 1) };
    // Counts the cells that are done, and stops once there are so many.
    let run = |most: u64| {
        let mut counts = Vec::new();
        let mut observer = |event: Event<'_>| {
            let Event::Progress(progress) = event else { panic!("{event:?}") };
            assert_eq!((progress.unit, progress.total), (Unit::Cells, tracer.n_cells() as u64));
            counts.push(progress.done);
            if progress.done < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let result = tracer.run(&mut observer);
        (result, counts)
    };
    let (whole, counts) = run(u64::MAX);
    assert!(whole.is_ok() && counts.is_sorted());
    assert_eq!((counts[0], counts.last()), (0, Some(&(tracer.n_cells() as u64))));
    let half = tracer.n_cells() as u64 / 2;
    let (stopped, counts) = run(half);
    assert!(matches!(stopped, Err(EvalError::Stopped(_))), "{stopped:?}");
    assert!(counts.iter().filter(|done| **done >= half).count() == 1, "nothing is told after the stop");
}

#[test]
fn noise_of_another_shape_or_kind_is_refused() {
    let bytes = noise_file(&[2, 1, 3], &[0.0; 6]);
    assert!(Noise::from_bytes(&bytes, [2, 1, 3]).is_ok());
    for (bytes, part) in [
        (bytes.clone(), "[2, 1, 3]"),
        (b"{}".to_vec(), "invalid noise"),
        (noise_file(&[2, 2, 3], &[f32::NAN; 12]), "not finite"),
    ] {
        let error = Noise::from_bytes(&bytes, [2, 2, 3]).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_first_occurrence_of_a_subject_is_the_one() {
    let pretrained = load("facts-gpt2");
    let at = |prompt: &str, subject: &str| {
        TracePrompt::new(prompt, subject, &pretrained.tokenizer, pretrained.model.shape())
    };
    assert_eq!(at("Rome, oh Rome, is", "Rome").unwrap().subject.start, 0);
    assert_eq!(at("{} is", " Rome ").unwrap().subject_text, "Rome");
    assert!(at("Paris is", "Rome").is_err() && at("Paris is", " ").is_err());
    assert!(at(&"word ".repeat(500), "word").is_err());
    assert!(at("{} and {} are", "Rome").is_err());
    // Of a last character that is several tokens, the last one counts, as it does for an edit.
    let text = "The song 雨 is";
    let prompt = at(text, "雨").unwrap();
    let spans = rome_core::Tokenizer::encode(&pretrained.tokenizer, text).unwrap().spans;
    assert_eq!(spans.iter().rposition(|span| span.start < 12 && span.end > 9), Some(prompt.subject.end - 1));
    assert!(prompt.subject.len() > 1, "three bytes that the vocabulary has no token for");
}
