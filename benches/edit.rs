//! The parts of an edit at several sizes: `cargo bench`.
//!
//! Throughputs are floating-point operations that the part cannot do without (`Gelem/s` reads
//! GF/s), or tokens.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;
use std::path::Path;

use benches::{SIZES, Size};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use rome_core::generate::{Decoding, generate};
use rome_core::math::norm;
use rome_core::method::rome::LayerProblem;
use rome_core::method::value::ValueOptimizer;
use rome_core::{Capture, CausalLm, CholeskyFactor, Flops, KeyPass, RomeConfig, SecondMoment};

/// Evaluations of the loss: enough for steps to outweigh the start.
const EVALUATIONS: usize = 4;
const NEW_TOKENS: usize = 16;
/// Documents for the statistics, in tokens: no longer than the smallest model takes.
const DOCUMENTS: [u32; 32] = [128; 32];

fn edits(criterion: &mut Criterion) {
    // `cargo test` does not say so; it runs everything once, on what is small.
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    for size in &SIZES[..if is_bench { SIZES.len() } else { 1 }] {
        parts(criterion, size);
    }
}

fn parts(criterion: &mut Criterion, size: &Size) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/benches");
    let setup = size.setup(&folder).expect("the model loads");
    let (model, rows, layer) = (setup.gpt.model.as_ref(), &setup.rows, size.layer);
    let flops = Flops::of(model, rows, layer);
    let mut group = criterion.benchmark_group(size.name);
    group.sample_size(10);

    group.throughput(Throughput::Elements(flops.capture));
    group.bench_function("capture", |b| b.iter(|| Capture::new(model, rows, layer)));

    let capture = Capture::new(model, rows, layer);
    let config = RomeConfig { steps: EVALUATIONS, stop_loss: 0.0, ..RomeConfig::new(layer) };
    group.throughput(Throughput::Elements(flops.optimise(EVALUATIONS)));
    group.bench_function(format!("{EVALUATIONS} steps of v*"), |b| {
        let (scales, settings) = ([norm(&capture.requests[0].clean_value)], config.value_settings());
        let optimizer = ValueOptimizer { model, capture: &capture, layer, scales: &scales, settings };
        b.iter(|| optimizer.run(&mut ()))
    });
    drop(capture);

    let config = RomeConfig { stop_loss: 0.0, ..RomeConfig::new(layer) };
    let identity = CholeskyFactor::identity(model.shape().d_ff);
    group.throughput(Throughput::Elements(flops.capture + flops.optimise(config.steps)));
    group.bench_function("edit", |b| {
        b.iter(|| {
            LayerProblem { model, request: rows, layer, config: &config, factor: &identity }.solve(&mut ())
        })
    });

    statistics(&mut group, model, layer);
    group.throughput(Throughput::Elements(NEW_TOKENS as u64));
    group.bench_function("generate", |b| {
        b.iter(|| generate(model, &rows.clean.tokens, NEW_TOKENS, &[], &mut Decoding::Greedy))
    });
    solve(&mut group, model.shape().d_ff);
    group.finish();
}

/// The keys of some text and their second moment.
fn statistics(group: &mut BenchmarkGroup<'_, WallTime>, model: &dyn CausalLm, layer: usize) {
    let rows = DOCUMENTS.map(|len| (0..len).collect::<Vec<u32>>()).to_vec();
    let mut pass = KeyPass::new(model, [layer]);
    let mut moment = SecondMoment::new(model.shape().d_ff);
    group.throughput(Throughput::Elements(u64::from(DOCUMENTS.iter().sum::<u32>())));
    group.bench_function("key statistics", |b| {
        b.iter(|| pass.run(rows.clone(), &mut |_, keys| moment.add_keys(keys)))
    });
}

/// C⁻¹k, once factored and with the factor at hand.
fn solve(group: &mut BenchmarkGroup<'_, WallTime>, d_ff: usize) {
    // The cost does not depend on the values, as long as they are those of some C.
    let identity = (0..d_ff * d_ff).map(|i| f64::from(u8::from(i % (d_ff + 1) == 0))).collect();
    let moment = SecondMoment::from_sum(d_ff, 1, identity).expect("a square");
    let size = d_ff as u64;
    group.throughput(Throughput::Elements(size * size * size / 3));
    group.bench_function("factor C", |b| b.iter(|| CholeskyFactor::new(&moment)));
    let factor = CholeskyFactor::new(&moment).expect("the identity has a factor");
    drop(moment);
    let key = vec![1.0; d_ff];
    group.throughput(Throughput::Elements(2 * size * size));
    group.bench_function("solve with C", |b| b.iter(|| factor.solve(black_box(&key))));
}

criterion_group!(benches, edits);
criterion_main!(benches);
