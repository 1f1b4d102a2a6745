//! Three small models that know facts, with their statistics, compiled into a program so that it
//! runs offline. Their card is `README.md` beside this crate.
//!
//! The crate is bytes and names only: it knows neither how a model is loaded nor what an edit is. The
//! models come with its feature `models` and are too large for a registry, so that they are there in builds
//! from the repository alone.

/// A model with all that belongs to it.
#[derive(Debug)]
pub struct Bundled {
    /// Its name.
    pub name: &'static str,
    /// The files of a folder in Hugging Face form.
    pub files: &'static [(&'static str, &'static [u8])],
    /// The hash of its tensors, by which it is known under any name.
    pub hash: &'static str,
    /// The settings of an edit, in the reference's format.
    pub hparams: &'static [u8],
    /// The second moment of keys by layer, over the first 1,500 documents of Wikipedia that
    /// `fixtures/goldens` has the text of.
    pub statistics: &'static [&'static [u8]],
}

#[cfg(has_models)]
macro_rules! bundled {
    ($name:literal, $hash:literal) => {
        Bundled {
            name: $name,
            files: &[
                ("config.json", include_bytes!(concat!("../", $name, "/config.json"))),
                ("model.safetensors", include_bytes!(concat!("../", $name, "/model.safetensors"))),
                ("tokenizer.json", include_bytes!(concat!("../", $name, "/tokenizer.json"))),
            ],
            hash: $hash,
            hparams: include_bytes!(concat!("../", $name, "/hparams.json")),
            statistics: &[
                include_bytes!(concat!("../", $name, "/statistics/layer-0.safetensors")),
                include_bytes!(concat!("../", $name, "/statistics/layer-1.safetensors")),
                include_bytes!(concat!("../", $name, "/statistics/layer-2.safetensors")),
                include_bytes!(concat!("../", $name, "/statistics/layer-3.safetensors")),
                include_bytes!(concat!("../", $name, "/statistics/layer-4.safetensors")),
                include_bytes!(concat!("../", $name, "/statistics/layer-5.safetensors")),
            ],
        }
    };
}

/// The GPT-2 of 3.5 million parameters.
#[cfg(has_models)]
pub static FACTS_GPT2: Bundled =
    bundled!("facts-gpt2", "934852df3962cc15d25ef4ed27a300dc73e10268d90ac31e113227a3f764fc5d");

/// The GPT-J of 4.3 million parameters.
#[cfg(has_models)]
pub static FACTS_GPTJ: Bundled =
    bundled!("facts-gptj", "69c0a781448e5d9bbcf186335486e1de3aff61aa00b07df64b3676a965691620");

/// The Llama of 3.9 million parameters.
#[cfg(has_models)]
pub static FACTS_LLAMA: Bundled =
    bundled!("facts-llama", "502277cf22780287b1ee858cc11e81c626c3b1e3af669c0fd07c5c873328146e");

/// The bundled models; none in a build without them.
#[cfg(has_models)]
pub static ALL: &[&Bundled] = &[&FACTS_LLAMA, &FACTS_GPT2, &FACTS_GPTJ];

/// The bundled models; none in a build without them.
#[cfg(not(has_models))]
pub static ALL: &[&Bundled] = &[];

/// Finds a bundled model by its name.
pub fn bundled(name: &str) -> Option<&'static Bundled> {
    ALL.iter().copied().find(|bundled| bundled.name == name)
}

/// The facts that the models were trained on: templates by relation, and subjects with their
/// objects, as JSON.
pub static FACTS: &[u8] = include_bytes!("../facts.json");

/// The subjects of the 1,209 facts that kmeng01/rome traces GPT-2 XL on (`known_1000.json`, MIT), one
/// a line: the size of their embeddings is that of its noise.
pub static KNOWN_SUBJECTS: &str = include_str!("../known_subjects.txt");
