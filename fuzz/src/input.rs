//! A seed with mutations.

use proptest::prelude::*;

use crate::mutation::{self, Mutation};
use crate::{Files, Seed, zip};

/// The most mutations of an input.
const MOST_MUTATIONS: usize = 6;

/// A seed with mutations.
#[derive(Debug, Clone)]
pub struct Input {
    /// The number of the seed.
    pub seed: usize,
    /// The changes to it, in order.
    pub mutations: Vec<Mutation>,
    /// True if the checksums of an archive are mended, so that readers look at what is in it.
    pub mended: bool,
}

impl Input {
    /// Draws inputs from seeds, mostly from sound ones: of an attack there is little left to go wrong later.
    pub fn strategy(seeds: &[Seed]) -> impl Strategy<Value = Self> + use<> {
        let n_sound = seeds.iter().filter(|seed| !seed.is_attack).count().max(1);
        let seed = prop_oneof![4 => 0..n_sound, 1 => 0..seeds.len().max(1)];
        let mutations = proptest::collection::vec(mutation::strategy(), 1..=MOST_MUTATIONS);
        (seed, mutations, proptest::bool::weighted(0.8)).prop_map(|(seed, mutations, mended)| Self {
            seed,
            mutations,
            mended,
        })
    }

    /// Makes the files.
    pub fn files(&self, seeds: &[Seed]) -> Files {
        let mut files = seeds.get(self.seed).map(|seed| seed.files.clone()).unwrap_or_default();
        for mutation in &self.mutations {
            mutation.apply(&mut files, seeds);
        }
        if self.mended {
            files.0.iter_mut().for_each(|(_, bytes)| zip::mend(bytes));
        }
        files
    }

    /// Says how it is made.
    pub fn describe(&self, seeds: &[Seed]) -> String {
        let seed = seeds.get(self.seed).map_or("?", |seed| &seed.name);
        format!("seed {seed}, mended {}, mutations {:#?}", self.mended, self.mutations)
    }
}
