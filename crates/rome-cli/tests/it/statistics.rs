//! The second moment: against the reference's own, and its caches.

use std::ops::ControlFlow;

use fixtures::{MODELS, Reference};
use rome_stats::{Collector, Corpus, Statistics, npz};

use crate::load;

#[test]
fn the_second_moment_of_the_same_documents_is_the_same() {
    for model in MODELS {
        let (pretrained, reference) = (load(model), Reference::load(model));
        let corpus = Corpus::new(vec![fixtures::path("goldens/documents.txt")], "text").unwrap();
        let mut collector =
            Collector::new(pretrained.model.as_ref(), &pretrained.tokenizer, &[1, 3]).unwrap();
        corpus.for_each(&mut |document| collector.add(document.text).map(ControlFlow::Continue)).unwrap();
        assert_eq!(collector.n_tokens(), reference.stats.tokens);
        assert_eq!(collector.n_documents(), reference.stats.docs);

        for (layer, ours) in collector.finish(&pretrained.hash).unwrap() {
            let theirs = npz::read(std::fs::File::open(fixtures::npz(model, layer)).unwrap()).unwrap();
            assert_eq!(ours.moment.count(), theirs.moment.count());
            let (mut difference, mut total) = (0.0, 0.0);
            for (a, b) in ours.moment.sum().iter().zip(theirs.moment.sum()) {
                difference += (a - b).powi(2);
                total += b.powi(2);
            }
            let relative = (difference / total).sqrt();
            println!("{model} layer {layer}: relative Frobenius difference {relative:.2e}");
            // Theirs sums 146,036 products in f32, ours in f64 over batches.
            assert!(relative < 1e-5, "{model} layer {layer}: {relative}");
        }
    }
}

#[test]
fn bundled_models_and_their_statistics_are_known_by_one_hash() {
    for bundled in rome_assets::ALL {
        assert_eq!(load(bundled.name).hash.as_str(), bundled.hash);
        for (layer, bytes) in bundled.statistics.iter().enumerate() {
            let provenance = Statistics::from_bytes(bytes).unwrap().provenance;
            assert_eq!(provenance.model_hash.as_ref().map(|hash| hash.as_str()), Some(bundled.hash));
            assert_eq!(provenance.layer, Some(layer));
        }
    }
}

#[test]
fn a_cache_of_the_reference_survives_a_round_trip() {
    let path = fixtures::npz("facts-gpt2", 1);
    let once = npz::read(std::fs::File::open(path).unwrap()).unwrap();
    assert_eq!(once.provenance.documents, 1500);
    assert!(!once.is_verifiable());
    let again = npz::read(std::io::Cursor::new(npz::write(&once).unwrap())).unwrap();
    assert_eq!(once, again);
}
