//! The facts that bundled models know.

use std::sync::LazyLock;

use rome_eval::Facts;

use crate::Model;

/// The seed of the order in which these facts are evaluated and traced.
pub(crate) const BUNDLED_ORDER: u64 = 0;

static BUNDLED: LazyLock<Facts> =
    LazyLock::new(|| Facts::from_json(rome_assets::FACTS).expect("the bundled facts are in their form"));

/// The facts that a model knows, if it is a bundled one.
pub(crate) fn bundled(model: &Model) -> Option<&'static Facts> {
    model.bundled.map(|_| &*BUNDLED)
}

/// The subjects that a model is known to know: those of its own facts, or those that the reference traces
/// models on.
pub(crate) fn subjects(model: &Model) -> Vec<&'static str> {
    match bundled(model) {
        Some(facts) => facts.subjects().collect(),
        None => rome_assets::KNOWN_SUBJECTS.lines().collect(),
    }
}
