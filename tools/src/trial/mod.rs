//! `rome` put to the test: what it runs in, and what its files have to be.

pub(crate) mod artefact;
mod bench;

pub(crate) use bench::{Bench, expect_code, expect_refusal};
