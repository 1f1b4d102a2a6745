//! Published settings, and what they suggest for models of other sizes.

use rome_core::{ModelShape, RomeConfig};

/// The origin of a model's default settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// They are bundled with the model.
    Bundled,
    /// They are published for models of these sizes.
    Published,
    /// They are the published ones of other sizes, at the same share of the depth.
    ByDepth,
}

/// The settings published for models of these sizes: family, blocks, width, layer, clamp factor
/// (kmeng01/rome, `hparams/ROME`).
const PUBLISHED: [(&str, usize, usize, usize, f64); 4] = [
    ("gpt2", 24, 1024, 8, 3.0),
    ("gpt2", 36, 1280, 12, 4.0),
    ("gpt2", 48, 1600, 17, 4.0),
    ("gptj", 28, 4096, 5, 4.0),
];

/// The edited layer as a share of the depth. GPT-2's published layers are 8 of 24, 12 of 36 and
/// 17 of 48; GPT-J's is 5 of 28.
const DEPTH_SHARES: [(&str, f64); 2] = [("gpt2", 0.355), ("gptj", 0.19)];

/// Suggests settings for a model that none were given for.
pub fn suggest(shape: &ModelShape) -> (RomeConfig, Origin) {
    let published = PUBLISHED
        .iter()
        .find(|row| (row.0, row.1, row.2) == (shape.family.as_str(), shape.n_layers, shape.d_model));
    if let Some(&(.., layer, clamp_norm_factor)) = published {
        return (RomeConfig { clamp_norm_factor, ..RomeConfig::new(layer) }, Origin::Published);
    }
    let share = DEPTH_SHARES.iter().find(|(family, _)| *family == shape.family).map_or(0.355, |row| row.1);
    (RomeConfig::new((share * shape.n_layers as f64) as usize), Origin::ByDepth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_shares_reproduce_the_published_layers() {
        for (family, n_layers, _, layer, _) in PUBLISHED {
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
            assert_eq!((config.layers, origin), (vec![layer], Origin::ByDepth));
        }
    }
}
