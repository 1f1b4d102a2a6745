use fixtures::{MODELS, Reference};
use rome_core::generate::{Decoding, Generation, generate};
use rome_core::{Batch, CacheMode, CausalLm, KvCache, forward};

use crate::{assert_close, device, host, load};

/// f32 sums in another order than torch's: logits of magnitude 20 over 6 blocks.
const AGAINST_TORCH: f32 = 1e-3;

/// The same sums cut differently.
const AGAINST_ITSELF: f32 = 1e-4;

#[test]
fn logits_agree_with_transformers() {
    for name in MODELS {
        let pretrained = load(name);
        let reference = Reference::load(name);
        for case in &reference.cases {
            let logits = host(forward::logits(pretrained.model.as_ref(), &case.prompt_ids));
            assert_close(&logits, reference.tensor(case, "logits_before"), AGAINST_TORCH);
        }
    }
}

/// Runs `tokens` in two cuts, layer- and position-wise, and returns all logits.
fn cut_logits(model: &dyn CausalLm, tokens: &[u32], position: usize, layer: usize) -> Vec<f32> {
    let device = device();
    let n_layers = model.shape().n_layers;
    let mut cache = KvCache::new(n_layers, 1);
    let mut logits = Vec::new();
    for part in [&tokens[..position], &tokens[position..]] {
        let batch = Batch::continuing(cache.slots(), &[part.len()], &device);
        let hidden = forward::embed(model, part, &batch);
        // Two calls for the layers, so the batch is counted as cached only after the second.
        let mut lower = cache.clone();
        let hidden = forward::ForwardPass {
            model,
            batch: &batch,
            cache: CacheMode::Extend(&mut lower),
            hook: &mut (),
        }
        .run(hidden, 0..layer);
        let mut upper = cache.clone();
        let hidden = forward::ForwardPass {
            model,
            batch: &batch,
            cache: CacheMode::Extend(&mut upper),
            hook: &mut (),
        }
        .run(hidden, layer..n_layers);
        logits.extend(host(forward::head(model, hidden)));
        // The whole cache, for the next part.
        let hidden = forward::embed(model, part, &batch);
        forward::ForwardPass { model, batch: &batch, cache: CacheMode::Extend(&mut cache), hook: &mut () }
            .run(hidden, 0..n_layers);
    }
    logits
}

#[test]
fn a_cut_forward_pass_is_the_whole_one() {
    for name in MODELS {
        let pretrained = load(name);
        let tokens = &Reference::load(name).cases[0].rows[5];
        let whole = host(forward::logits(pretrained.model.as_ref(), tokens));
        for (position, layer) in [(1, 0), (4, 3), (tokens.len() - 1, 6)] {
            let cut = cut_logits(pretrained.model.as_ref(), tokens, position, layer);
            assert_close(&cut, &whole, AGAINST_ITSELF);
        }
    }
}

#[test]
fn packed_rows_of_all_lengths_do_not_see_each_other() {
    for name in MODELS {
        let pretrained = load(name);
        let model = pretrained.model.as_ref();
        let rows = &Reference::load(name).cases[0].rows;
        let lens: Vec<usize> = rows.iter().map(Vec::len).collect();
        let batch = Batch::new(&lens, &device());
        let hidden = forward::embed(model, &rows.concat(), &batch);
        let hidden = forward::ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut () }
            .run(hidden, 0..6);
        let packed = host(forward::head(model, hidden));
        let mut start = 0;
        for row in rows {
            let alone = host(forward::logits(model, row));
            assert_close(&packed[start..start + alone.len()], &alone, AGAINST_ITSELF);
            start += alone.len();
        }
    }
}

#[test]
fn rows_with_pasts_of_unequal_length_do_not_see_padding() {
    for name in MODELS {
        let pretrained = load(name);
        let model = pretrained.model.as_ref();
        let rows = &Reference::load(name).cases[0].rows;
        let rows = [&rows[0][..], &rows[5][..], &rows[15][..]];
        let mut generation = Generation::new(model, &rows.map(<[u32]>::to_vec));
        for _ in 0..3 {
            generation.step(&mut Decoding::Greedy).unwrap();
        }
        for (row, together) in rows.iter().zip(generation.rows()) {
            let alone = generate(model, row, 3, &[], &mut Decoding::Greedy).unwrap();
            assert_eq!(together, &alone);
        }
    }
}

#[test]
fn a_forked_row_goes_on_as_its_own_past() {
    let pretrained = load("facts-gptj");
    let model = pretrained.model.as_ref();
    let tokens = &Reference::load("facts-gptj").cases[0].rows[5];
    let (past, new) = tokens.split_at(6);
    let mut cache = KvCache::new(6, 1);
    let batch = Batch::new(&[past.len()], &device());
    let hidden = forward::embed(model, past, &batch);
    forward::ForwardPass { model, batch: &batch, cache: CacheMode::Extend(&mut cache), hook: &mut () }
        .run(hidden, 0..6);

    let mut forked = cache.fork(&[0, 0]);
    let batch = Batch::continuing(forked.slots(), &[new.len(), 1], &device());
    let hidden = forward::embed(model, &[new, &new[..1]].concat(), &batch);
    let hidden =
        forward::ForwardPass { model, batch: &batch, cache: CacheMode::Extend(&mut forked), hook: &mut () }
            .run(hidden, 0..6);
    let logits = host(forward::head(model, hidden));

    let vocab = model.shape().vocab_size;
    let whole = host(forward::logits(model, tokens));
    let first = past.len() * vocab;
    assert_close(&logits[..new.len() * vocab], &whole[first..], AGAINST_ITSELF);
    assert_close(&logits[new.len() * vocab..], &whole[first..first + vocab], AGAINST_ITSELF);
    assert_eq!((forked.len(0), forked.len(1), cache.len(0)), (tokens.len(), past.len() + 1, past.len()));
}

#[test]
fn sampled_text_depends_on_the_seed_alone() {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    let pretrained = load("facts-gpt2");
    let sample = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        generate(pretrained.model.as_ref(), &[0], 12, &[], &mut Decoding::TopK { k: 5, rng: &mut rng })
            .unwrap()
    };
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
}
