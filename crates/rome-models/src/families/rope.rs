//! The rotation that a configuration names, in the fields of transformers 4 and 5.

use serde_json::Map;

use super::fields::{Fields, config_error};
use super::frequencies::{Frequencies, PlainRotary};
use crate::ModelError;
use crate::decoder::parts::{Pairing, RotaryParts};

/// Tables of sines and cosines are made for so many positions at most. ROME's rows have some hundred.
const MOST_POSITIONS: usize = 1 << 15;

/// The meaning of absent fields in a family.
#[derive(Debug, Clone, Copy)]
pub(super) struct RopeDefaults {
    /// θ; `None` where versions of transformers differ, so that the field must be there.
    pub(super) theta: Option<f64>,
    /// The share of a head's features that are turned; `None` if they all are, whatever a field says.
    pub(super) partial: Option<f64>,
    pub(super) pairing: Pairing,
    /// The other names of longrope.
    pub(super) longrope: &'static [&'static str],
}

impl RopeDefaults {
    pub(super) const LLAMA: Self =
        Self { theta: Some(1e4), partial: None, pairing: Pairing::Halves, longrope: &[] };
}

/// The sizes that a rotation depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct RopeSizes {
    pub(super) head_dim: usize,
    pub(super) n_positions: usize,
}

/// A rotation, and the longest text that it holds for.
pub(super) struct Rope {
    pub(super) parts: RotaryParts,
    pub(super) n_positions: usize,
}

impl Rope {
    /// Makes one that holds for texts of some length, as far as tables are made.
    pub(super) fn new(parts: RotaryParts, n_positions: usize) -> Self {
        Self { parts, n_positions: n_positions.min(MOST_POSITIONS) }
    }
}

/// The kind of layers that a rotation is for, where there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerKind {
    Full,
    Sliding,
}

impl LayerKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "full_attention",
            Self::Sliding => "sliding_attention",
        }
    }
}

/// Reads the rotation of a model that has one.
pub(super) fn rope(fields: Fields<'_>, defaults: RopeDefaults, sizes: RopeSizes) -> Result<Rope, ModelError> {
    let scaling = fields.object("rope_scaling").or_else(|| fields.object("rope_parameters"));
    build(fields, scaling, fields, defaults, sizes)
}

/// Reads the rotation of one kind of layers of a model that has two: of `rope_parameters` by kinds (transformers 5),
/// or of `rope_scaling`, which counts for the full layers alone (transformers 4).
pub(super) fn rope_of(
    kind: LayerKind,
    fields: Fields<'_>,
    defaults: RopeDefaults,
    sizes: RopeSizes,
) -> Result<Rope, ModelError> {
    let parameters = fields.object("rope_parameters");
    let of_kind = parameters.and_then(|parameters| parameters.object(kind.name()));
    let whole = parameters.filter(|_| of_kind.is_none() && kind == LayerKind::Full);
    let scaling = fields.object("rope_scaling").filter(|_| kind == LayerKind::Full);
    let own = scaling.or(of_kind).or(whole);
    // With a scaling beside them, the parameters still say θ.
    build(of_kind.unwrap_or(fields), own, fields, defaults, sizes)
}

fn build(
    second: Fields<'_>,
    scaling: Option<Fields<'_>>,
    fields: Fields<'_>,
    RopeDefaults { theta, partial, pairing, longrope }: RopeDefaults,
    RopeSizes { head_dim, n_positions }: RopeSizes,
) -> Result<Rope, ModelError> {
    let none = Map::new();
    let scaling = scaling.unwrap_or(Fields::new(&none));
    let (theta_names, partial_names) =
        (["rope_theta", "rotary_emb_base"], ["partial_rotary_factor", "rotary_pct"]);
    let first = |of: Fields<'_>| of.optional::<f64>(&theta_names);
    let theta = match (first(scaling)?.or(first(second)?), theta) {
        (Some(theta), _) | (None, Some(theta)) => theta,
        (None, None) => fields.require(
            theta_names[0],
            "and versions of transformers differ in what that means: 10000 in 4, 500000 in 5",
        )?,
    };
    let share = match partial {
        None => 1.0,
        Some(default) => {
            let own = scaling.optional::<f64>(&partial_names)?;
            own.map_or_else(|| fields.or(&partial_names, default), Ok)?
        }
    };
    let width = (head_dim as f64 * share) as usize;
    if width == 0 || !width.is_multiple_of(2) || width > head_dim {
        return Err(config_error(format!(
            "\"partial_rotary_factor\" {share} turns {width} of a head's {head_dim} features, which must be an even \
             number of them"
        )));
    }
    let plain = PlainRotary {
        theta,
        width,
        n_positions,
        original_positions: fields.optional(&["original_max_position_embeddings"])?,
    };
    let kind: Option<String> = scaling.optional(&["rope_type", "type"])?;
    let Frequencies { values, factor, n_positions } = match kind.as_deref() {
        None => plain.unscaled(),
        Some(kind) if longrope.contains(&kind) => plain.scaled("longrope", scaling)?,
        Some(kind) => plain.scaled(kind, scaling)?,
    };
    let parts = RotaryParts { pairing, frequencies: values, factor };
    Ok(Rope::new(parts, n_positions))
}
