//! Published settings, and what they suggest for models of other sizes.

use std::ops::RangeInclusive;

use rome_core::{MassConfig, MassMethod, ModelShape, RomeConfig};

/// The origin of a model's default settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// They are bundled with the model.
    Bundled,
    /// They are published with ROME for models of these sizes.
    Published,
    /// They are published by later work for models of these sizes, which used them without C.
    Borrowed,
    /// They are the published ones of other sizes, at the same share of the depth.
    ByDepth,
}

/// The settings published for models of some sizes.
struct Row {
    family: &'static str,
    n_layers: usize,
    d_model: usize,
    layer: usize,
    clamp_norm_factor: f64,
    origin: Origin,
}

/// Of kmeng01/rome and kmeng01/memit, `hparams/ROME`.
const fn published(
    family: &'static str,
    [n_layers, d_model]: [usize; 2],
    layer: usize,
    clamp_norm_factor: f64,
) -> Row {
    Row { family, n_layers, d_model, layer, clamp_norm_factor, origin: Origin::Published }
}

/// Of EasyEdit, AlphaEdit, HalluEditBench and behavior-edit, `hparams/ROME`, which all edit layer 5.
const fn borrowed(family: &'static str, [n_layers, d_model]: [usize; 2]) -> Row {
    Row { family, n_layers, d_model, layer: 5, clamp_norm_factor: 4.0, origin: Origin::Borrowed }
}

const ROWS: [Row; 17] = [
    published("gpt2", [24, 1024], 8, 3.0),
    published("gpt2", [36, 1280], 12, 4.0),
    published("gpt2", [48, 1600], 17, 4.0),
    published("gptj", [28, 4096], 5, 4.0),
    published("gpt_neox", [44, 6144], 15, 4.0),
    borrowed("llama", [32, 4096]),
    borrowed("llama", [40, 5120]),
    borrowed("llama", [28, 3072]),
    borrowed("mistral", [32, 4096]),
    borrowed("qwen2", [28, 3584]),
    borrowed("qwen2", [48, 5120]),
    borrowed("qwen3", [36, 4096]),
    borrowed("gemma", [18, 2048]),
    borrowed("gemma", [28, 3072]),
    borrowed("gemma2", [42, 3584]),
    borrowed("gemma3_text", [34, 2560]),
    borrowed("olmo2", [32, 4096]),
];

/// The steps and the weight decay of later work.
const BORROWED: (usize, f64) = (25, 1e-3);

/// Suggests settings for a model that none were given for.
pub fn suggest(shape: &ModelShape) -> (RomeConfig, Origin) {
    let sizes = (shape.family.as_str(), shape.n_layers, shape.d_model);
    let row = ROWS.iter().find(|row| (row.family, row.n_layers, row.d_model) == sizes);
    match row {
        None if is_old(&shape.family) => (RomeConfig::new(layer_by_depth(shape)), Origin::ByDepth),
        None => (later(RomeConfig::new(layer_by_depth(shape))), Origin::ByDepth),
        Some(&Row { layer, clamp_norm_factor, origin, .. }) => {
            let config = RomeConfig { clamp_norm_factor, ..RomeConfig::new(layer) };
            (if origin == Origin::Borrowed { later(config) } else { config }, origin)
        }
    }
}

/// Settings of methods for many facts, published for models of some sizes or measured on bundled ones.
struct MassRow {
    family: &'static str,
    n_layers: usize,
    d_model: usize,
    layers: RangeInclusive<usize>,
    steps: usize,
    learning_rate: f64,
    weight_decay: f64,
    clamp_norm_factor: f64,
    covariance_weight: f64,
    ridge: f64,
    origin: Origin,
}

/// Of kmeng01/memit and AlphaEdit, and for the bundled models; EMMET's weights of C are others.
const MASS_ROWS: [MassRow; 6] = [
    mass("gpt2", [48, 1600], (13..=17, 20), [0.5, 0.5, 0.75, 20_000.0, 10.0], Origin::Published),
    mass("gptj", [28, 4096], (3..=8, 25), [0.5, 0.5, 0.75, 15_000.0, 10.0], Origin::Published),
    mass("llama", [32, 4096], (4..=8, 25), [0.1, 0.5, 0.75, 15_000.0, 10.0], Origin::Published),
    mass("gpt2", [6, 192], (0..=2, 40), [0.1, 0.05, 1.25, 30.0, 1.0], Origin::Bundled),
    mass("gptj", [6, 192], (0..=2, 40), [0.1, 0.05, 1.25, 100.0, 1.0], Origin::Bundled),
    mass("llama", [6, 192], (0..=2, 40), [0.1, 0.05, 1.25, 100.0, 1.0], Origin::Bundled),
];

const fn mass(
    family: &'static str,
    [n_layers, d_model]: [usize; 2],
    (layers, steps): (RangeInclusive<usize>, usize),
    [learning_rate, weight_decay, clamp_norm_factor, covariance_weight, ridge]: [f64; 5],
    origin: Origin,
) -> MassRow {
    MassRow {
        family,
        n_layers,
        d_model,
        layers,
        steps,
        learning_rate,
        weight_decay,
        clamp_norm_factor,
        covariance_weight,
        ridge,
        origin,
    }
}

/// The number of layers that published settings spread an edit over.
const MASS_LAYERS: usize = 5;

/// The weight of C for models that none is published for, as a multiple of d_ff: 0.9 and 3.1 are published.
const WEIGHT_PER_FEATURE: f64 = 2.0;

/// A width below which the published learning rate leaves the ball that δ is kept in by the first step.
const NARROW: usize = 1024;

/// Suggests settings of a method for many facts for a model that none were given for.
pub fn suggest_mass(shape: &ModelShape, method: MassMethod) -> (MassConfig, Origin) {
    let row = MASS_ROWS.iter().find(|row| {
        (row.family, row.n_layers, row.d_model) == (shape.family.as_str(), shape.n_layers, shape.d_model)
    });
    let (mut config, origin) = match row {
        Some(row) => {
            let config = MassConfig {
                steps: row.steps,
                learning_rate: row.learning_rate,
                weight_decay: row.weight_decay,
                clamp_norm_factor: row.clamp_norm_factor,
                covariance_weight: row.covariance_weight,
                ridge: row.ridge,
                ..MassConfig::new(method, row.layers.clone().collect())
            };
            (config, row.origin)
        }
        None => {
            let last = layer_by_depth(shape).max(MASS_LAYERS - 1).min(shape.n_layers.saturating_sub(2));
            let config = MassConfig {
                learning_rate: if shape.d_model < NARROW { 0.1 } else { 0.5 },
                covariance_weight: WEIGHT_PER_FEATURE * shape.d_ff as f64,
                ..MassConfig::new(method, ((last + 1).saturating_sub(MASS_LAYERS)..=last).collect())
            };
            (config, Origin::ByDepth)
        }
    };
    if method == MassMethod::Emmet {
        // It is published for one layer.
        config.layers.drain(..config.layers.len() - 1);
    }
    (config, origin)
}

fn later(config: RomeConfig) -> RomeConfig {
    let (steps, weight_decay) = BORROWED;
    RomeConfig { steps, weight_decay, ..config }
}

/// True of the families that settings were published for with ROME.
fn is_old(family: &str) -> bool {
    ["gpt2", "gptj", "gpt_neo", "gpt_neox"].contains(&family)
}

/// The edited layer by the depth: GPT-2's published ones are 8 of 24, 12 of 36 and 17 of 48, GPT-J's is 5 of 28 and
/// GPT-NeoX's 15 of 44. Later work takes layer 5 of any model of 18 to 48 layers.
fn layer_by_depth(shape: &ModelShape) -> usize {
    let n_layers = shape.n_layers;
    let share = |share: f64| (share * n_layers as f64) as usize;
    match shape.family.as_str() {
        "gpt2" | "gpt_neo" | "gpt_neox" => share(0.355),
        "gptj" => share(0.19),
        _ => match n_layers {
            0..16 => n_layers / 3,
            16..=48 => 5,
            _ => n_layers / 8,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_by_depth_reproduce_the_published_layers() {
        for Row { family, n_layers, layer, .. } in ROWS {
            let shape = ModelShape {
                family: family.to_owned(),
                n_layers,
                d_model: 1,
                d_ff: 4,
                n_heads: 1,
                n_kv_heads: 1,
                head_dim: 8,
                vocab_size: 1,
                n_positions: 1,
            };
            let (config, origin) = suggest(&shape);
            assert_eq!(
                (config.layers, origin),
                (vec![layer], Origin::ByDepth),
                "{family} of {n_layers} layers"
            );
        }
    }
}
