//! Each way in, with a bounded number of inputs that are the same each time.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use fuzz::{Campaign, targets};

/// Inputs are drawn again by `cargo xtask fuzz`, for as long as one likes.
const SEED: u64 = 1;

fn holds(name: &str) {
    let target = targets::find(name).unwrap();
    let campaign = Campaign { seed: SEED, n_cases: Some(u64::from(target.n_cases)), ..Campaign::default() };
    let report = campaign.run(target).unwrap();
    println!("{name}: {} inputs, {} taken, {:.1} s", report.n_inputs, report.n_taken, report.seconds);
    for (finding, files, note) in &report.findings {
        let folder = finding.keep(name, files, note).unwrap();
        println!("{finding}\n  {}\n{note}", folder.display());
    }
    assert!(report.findings.is_empty(), "{}", report.findings[0].0);
    assert!(report.n_taken > 0, "no input was read at all, and so little was tried");
}

macro_rules! targets {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            holds($name);
        })*

        #[test]
        fn every_way_in_is_tried() {
            assert_eq!([$($name),*], targets::ALL.map(|target| target.name));
        }
    };
}

targets! {
    checkpoints: "checkpoint",
    exports: "export",
    indices: "index",
    configurations: "config",
    hparams: "hparams",
    tokenizers: "tokenizer-json",
    tokenizers_in_two_files: "tokenizer-bpe",
    pickles: "pytorch",
    statistics_of_the_reference: "npz",
    statistics: "statistics",
    factors: "factor",
    states: "state",
    corpora: "corpus",
    edits: "edits",
    arrays_of_numpy: "arrays-npz",
    arrays: "arrays-safetensors",
    requests: "requests",
    texts: "text",
    counterfact: "counterfact",
    zsre: "zsre",
    known_facts: "known-facts",
    facts: "facts",
    snippets: "snippets",
    noise: "noise",
    results: "results",
    ledgers: "ledger",
}
