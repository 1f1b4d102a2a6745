//! One setting of ROME with several values.

use std::str::FromStr;

use rome_core::method::rome::ConfigError;
use rome_core::{ModelShape, RomeConfig, Variant};

use super::error::EvaluateError;
use super::sweep_point::SweepPoint;
use crate::error::Error;
use crate::layers::LayerSelection;

/// ROME with several values of one setting, all else the same: `layer=all`, `variant=mean-key,r-rome`,
/// `clamp=1,2,4`, `steps=5,10,20`, `contexts=1,11,21`.
#[derive(Debug, Clone, PartialEq)]
pub enum Sweep {
    /// Edits at each of these layers.
    Layers(LayerSelection),
    /// Edits in each of these variants.
    Variants(Vec<Variant>),
    /// Keeps δ within each of these factors of the value's norm.
    Clamps(Vec<f64>),
    /// Optimises for each of these numbers of steps.
    Steps(Vec<usize>),
    /// Takes each of these numbers of contexts, the first ones.
    Contexts(Vec<usize>),
}

impl Sweep {
    /// The name of the setting.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Layers(_) => "layer",
            Self::Variants(_) => "variant",
            Self::Clamps(_) => "clamp",
            Self::Steps(_) => "steps",
            Self::Contexts(_) => "contexts",
        }
    }

    /// The other settings of ROME with each of the values.
    pub(crate) fn points(
        &self,
        config: &RomeConfig,
        shape: &ModelShape,
    ) -> Result<Vec<SweepPoint>, ConfigError> {
        let point = |name: String, value: Option<f64>, config: RomeConfig| SweepPoint {
            name: format!("{}-{name}", self.setting()),
            value,
            config,
            n_contexts: None,
        };
        let points: Vec<SweepPoint> = match self {
            Self::Layers(layers) => {
                let layers = layers.layers(shape.n_layers).into_iter();
                let at = |layer| RomeConfig { layers: vec![layer], ..config.clone() };
                layers.map(|layer| point(layer.to_string(), Some(layer as f64), at(layer))).collect()
            }
            Self::Variants(variants) => {
                let by = |variant| RomeConfig { variant, ..config.clone() };
                variants.iter().map(|&variant| point(variant.to_string(), None, by(variant))).collect()
            }
            Self::Clamps(clamps) => {
                let within = |clamp_norm_factor| RomeConfig { clamp_norm_factor, ..config.clone() };
                clamps.iter().map(|&clamp| point(clamp.to_string(), Some(clamp), within(clamp))).collect()
            }
            Self::Steps(counts) => {
                let of = |steps| RomeConfig { steps, ..config.clone() };
                counts.iter().map(|&steps| point(steps.to_string(), Some(steps as f64), of(steps))).collect()
            }
            Self::Contexts(counts) => {
                let over = |n: usize| SweepPoint {
                    n_contexts: Some(n),
                    ..point(n.to_string(), Some(n as f64), config.clone())
                };
                counts.iter().copied().map(over).collect()
            }
        };
        points.iter().try_for_each(|point| point.config.check(shape))?;
        Ok(points)
    }
}

/// `SETTING=VALUES`, the values with commas; `layer` and `variant` also take `all`.
impl FromStr for Sweep {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || EvaluateError::Sweep { text: text.to_owned() };
        let (setting, values) = text.split_once('=').ok_or_else(wrong)?;
        Ok(match setting {
            "layer" => Self::Layers(values.parse()?),
            "variant" if values == "all" => Self::Variants(Variant::ALL.to_vec()),
            "variant" => Self::Variants(list(values).ok_or_else(wrong)?),
            "clamp" => Self::Clamps(list(values).ok_or_else(wrong)?),
            "steps" => Self::Steps(list(values).ok_or_else(wrong)?),
            "contexts" => {
                let counts: Vec<usize> = list(values).ok_or_else(wrong)?;
                if counts.contains(&0) {
                    return Err(wrong().into());
                }
                Self::Contexts(counts)
            }
            _ => return Err(wrong().into()),
        })
    }
}

/// Values with commas.
fn list<T: FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',').map(|value| value.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_parsed_with_their_values() {
        let sweep = |text: &str| text.parse::<Sweep>().unwrap();
        assert_eq!(sweep("clamp=1, 2.5"), Sweep::Clamps(vec![1.0, 2.5]));
        assert_eq!(sweep("variant=p-rome"), Sweep::Variants(vec![Variant::PRome]));
        assert_eq!(sweep("layer=all"), Sweep::Layers(LayerSelection::All));
        for text in ["depth=1", "steps", "steps=", "steps=1,x", "contexts=0", "variant=rome", "layer=x"] {
            assert!(text.parse::<Sweep>().is_err(), "{text}");
        }
    }
}
