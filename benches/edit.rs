//! The parts of an edit on the bundled GPT-2: `cargo bench`.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;

use benches::{LAYER, setup};
use criterion::{Criterion, criterion_group, criterion_main};
use rome_core::generate::{Decoding, generate};
use rome_core::{Capture, Edit, EditConfig};

fn edit(criterion: &mut Criterion) {
    let setup = setup().expect("the bundled model loads");
    let model = setup.gpt.model.as_ref();
    let config = EditConfig { weight_decay: 0.05, ..EditConfig::new(LAYER) };
    let key = vec![1.0; model.shape().d_ff];

    let mut group = criterion.benchmark_group("facts-gpt2");
    group.sample_size(10);
    group.bench_function("capture", |b| b.iter(|| Capture::new(model, &setup.rows, LAYER)));
    group.bench_function("edit", |b| {
        b.iter(|| Edit::compute(model, &setup.rows, LAYER, &config, &setup.factor, &mut |_, _| ()))
    });
    group.bench_function("solve", |b| b.iter(|| setup.factor.solve(black_box(&key))));
    group.bench_function("generate 16 tokens", |b| {
        b.iter(|| generate(model, &setup.rows.clean.tokens, 16, None, &mut Decoding::Greedy))
    });
    group.finish();
}

criterion_group!(benches, edit);
criterion_main!(benches);
