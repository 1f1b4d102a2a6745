//! The derivatives in closed form, against burn's autodiff.

use burn::prelude::*;
use burn::tensor::{Distribution, TensorData};
use fixtures::{MODELS, Reference};
use rome_core::forward::{BlockPass, FrozenInputs};
use rome_core::{Batch, Block, CacheMode, CausalLm, KvCache, Past, Projection, Recorded, forward};
use rome_models::activation::Activation;

use crate::{device, host, load};

/// Both sum in f32, in different orders, through four blocks.
const CLOSE: f64 = 0.999_999;

fn random(rows: usize, columns: usize) -> Tensor<2> {
    Tensor::random([rows, columns], Distribution::Normal(0.0, 1.0), &device())
}

pub(crate) fn assert_same(ours: Tensor<2>, theirs: Tensor<2>, what: &str) {
    assert_eq!(ours.dims(), theirs.dims(), "{what}");
    let (ours, theirs) = (host(ours), host(theirs));
    let cosine = fixtures::cosine(&ours, &theirs);
    let ratio = fixtures::norm(&ours) / fixtures::norm(&theirs);
    assert!(cosine > CLOSE && (ratio - 1.0).abs() < 1e-5, "{what}: cosine {cosine}, ratio {ratio}");
}

/// Compares the gradient of `Σ weights ⊙ f(x)` by the chain's way back with that by autodiff.
fn check(what: &str, x: Tensor<2>, f: impl Fn(Recorded<'static>) -> Recorded<'static>) {
    let (output, back) = f(Recorded::start(x.clone())).split();
    let [rows, columns] = output.dims();
    let weights = random(rows, columns);
    let ours = back.backward(weights.clone());

    let tracked = x.autodiff().require_grad();
    let plain = f(tracked.clone().into()).into_value();
    assert_same(output, plain.clone().without_autodiff(), what);
    let grads = (plain * weights).sum().backward();
    assert_same(ours, tracked.grad(&grads).unwrap(), what);
}

#[test]
fn every_layer_goes_back_as_autodiff_does() {
    for name in MODELS {
        // The chain borrows the model for as long as it lives.
        let model: &'static dyn CausalLm = Box::leak(Box::new(load(name))).model.as_ref();
        let block: &'static dyn Block = model.block(2);
        let (d_model, positions) = (model.shape().d_model, Batch::new(&[7], &device()).positions());
        let x = || random(7, d_model) * 3.0;
        check("norm", x(), |x| block.norm(x));
        for projection in [Projection::Query, Projection::Key, Projection::Value] {
            check("projection", x(), |x| block.project(projection, x, &positions));
        }
        check("attention's output", x(), |x| block.attention_output(x));
        check("key", x(), |x| block.key(x));
        check("head", x(), |x| model.head(x));
        let weight = block.down_projection().weight();
        let grad = random(7, d_model);
        let expected = grad.clone().matmul(weight.transpose());
        assert_same(block.down_projection().pullback(grad), expected, "down projection");
    }
}

#[test]
fn every_activation_has_its_slope() {
    for activation in Activation::ALL {
        check(&format!("{activation:?}"), random(5, 33) * 3.0, |x| activation.forward(x));
    }
}

/// The whole way that v* goes: rows of several lengths with a past, the first block on what moves
/// alone, the last one on what is read alone.
#[test]
fn the_cut_blocks_go_back_as_the_whole_ones_by_autodiff() {
    for name in MODELS {
        let pretrained = load(name);
        let (model, device) = (pretrained.model.as_ref(), device());
        let rows = &Reference::load(name).cases[0].rows;
        let rows = [&rows[1][..], &rows[3][..], &rows[11][..], &rows[21][..3]];
        let starts = [3, 3, 6, 2];

        let prefixes: Vec<u32> = rows.iter().zip(starts).flat_map(|(row, n)| row[..n].to_vec()).collect();
        let mut cache = KvCache::new(6, rows.len());
        let batch = Batch::new(&starts, &device);
        let hidden = forward::embed(model, &prefixes, &batch);
        forward::ForwardPass { model, batch: &batch, cache: CacheMode::Extend(&mut cache), hook: &mut () }
            .run(hidden, 0..6);

        let lens: Vec<usize> = rows.iter().zip(starts).map(|(row, n)| row.len() - n).collect();
        let reads: Vec<Vec<usize>> = lens.iter().map(|&len| vec![len - 1]).collect();
        let batch = Batch::continuing(cache.slots(), &lens, &device);
        let last = Batch::reading(cache.slots(), &lens, &reads, &device);
        let moving: Vec<i64> = (0..rows.len()).map(|row| batch.index(row, 0) as i64).collect();
        let moving = Tensor::<1, Int>::from_data(TensorData::new(moving, [rows.len()]), &device);
        let tokens: Vec<u32> = rows.iter().zip(starts).flat_map(|(row, n)| row[n..].to_vec()).collect();
        let hidden = forward::embed(model, &tokens, &batch);
        let change = random(rows.len(), model.shape().d_model);
        let weights = random(rows.len(), model.shape().vocab_size);
        let add = burn::tensor::IndexingUpdateOp::Add;

        let n_heads = model.shape().n_kv_heads;
        let (past, last_past) =
            (Past::new(&cache, 2..5, &batch, n_heads), Past::new(&cache, 5..6, &last, n_heads));
        let frozen = FrozenInputs::new(model, hidden.clone(), 2, &batch, moving.clone());
        let mut state = hidden.clone().select_assign(0, moving.clone(), change.clone(), add);
        let mut backs = Vec::new();
        for layer in 2..6 {
            let (batch, past) = if layer == 5 { (&last, &last_past) } else { (&batch, &past) };
            let pass =
                BlockPass { model, layer, batch, recorded: true, frozen: (layer == 2).then_some(&frozen) };
            let (output, back) = pass.run(state, &mut CacheMode::Frozen(past), &mut ());
            state = output;
            backs.push(back);
        }
        let (logits, head) = model.head(Recorded::start(state)).split();
        let ours =
            backs.into_iter().rev().fold(head.backward(weights.clone()), |grad, back| back.backward(grad));

        let tracked = change.autodiff().require_grad();
        let state = hidden.autodiff().select_assign(0, moving, tracked.clone(), add);
        let past = Past::new(&cache, 2..6, &batch, n_heads);
        let state =
            forward::ForwardPass { model, batch: &batch, cache: CacheMode::Frozen(&past), hook: &mut () }
                .run(state, 2..6);
        let ends: Vec<i64> =
            lens.iter().enumerate().map(|(row, len)| batch.index(row, len - 1) as i64).collect();
        let ends = Tensor::<1, Int>::from_data(TensorData::new(ends, [rows.len()]), &device);
        let plain = forward::head(model, state.select(0, ends));
        assert_same(logits, plain.clone().without_autodiff(), name);
        let grads = (plain * weights).sum().backward();
        assert_same(ours, tracked.grad(&grads).unwrap(), name);
    }
}
