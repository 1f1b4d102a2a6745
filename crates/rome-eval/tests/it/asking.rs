//! Many prompts at once, with what they have in common run once, are answered as one by one.

use fixtures::MODELS;
use rome_core::scoring::Answer;
use rome_core::scoring::score;
use rome_core::{Query, RankOneUpdate, Scoring, Tokenizer};

use crate::load;

/// Prompts of several lengths, some with much in common, and targets of one token and of more.
fn queries(tokenizer: &dyn Tokenizer) -> Vec<Query> {
    let encode = |text: &str| tokenizer.encode(text).unwrap().ids;
    let targets = |names: &[&str]| -> Vec<Vec<u32>> {
        names.iter().map(|name| tokenizer.encode_continuation(name).unwrap()).collect()
    };
    let mut queries = Vec::new();
    for subject in ["Barack Obama", "Danielle Darrieux", "Jean-Louis Curtis", "x"] {
        for template in ["The mother tongue of {} is", "{}, a native", "{} was released on"] {
            queries.push(Query {
                prompt: encode(&template.replace("{}", subject)),
                targets: targets(&[" French", " an unlikely sequence of words", " English"]),
            });
        }
    }
    // The same again, one that goes on where another ends, and one alone.
    queries.push(queries[0].clone());
    queries.push(Query {
        prompt: [&queries[0].prompt[..], &encode(" French")].concat(),
        targets: targets(&[" and"]),
    });
    queries.push(Query { prompt: encode("A"), targets: targets(&[" b"]) });
    queries
}

/// Padding counted among the answers elsewhere (EasyEdit#303).
#[test]
fn what_is_run_once_is_as_if_each_prompt_were_run_alone() {
    for name in MODELS {
        let mut pretrained = load(name);
        let queries = queries(&pretrained.tokenizer);
        let shape = pretrained.model.shape().clone();
        let update = RankOneUpdate {
            left: (0..shape.d_ff).map(|i| ((i % 7) as f32 - 3.0) * 0.02).collect(),
            right: (0..shape.d_model).map(|i| ((i % 5) as f32 - 2.0) * 0.05).collect(),
        };
        for layer in [0, 2, shape.n_layers - 1] {
            let scoring = Scoring::new(pretrained.model.as_ref(), &queries, layer);
            // Before an edit and after one, from the same layout.
            for is_edited in [false, true] {
                let original =
                    is_edited.then(|| update.apply(pretrained.model.down_projection_mut(layer)).unwrap());
                let model = pretrained.model.as_ref();
                let scores = scoring.run(model);
                assert_eq!(scores, scoring.run(model), "asked again, it says the same to the bit");
                for (query, scores) in queries.iter().zip(&scores) {
                    for (target, scores) in query.targets.iter().zip(scores) {
                        let expected = Answer::of(model, &query.prompt, target);
                        let found = scores.log_prob();
                        let difference = (found - expected.probability.ln()).abs();
                        // Six blocks in f32, sums in another order; log-probabilities of up to 60.
                        assert!(difference < 1e-3, "{name}, layer {layer}: {found} {expected:?}");
                        assert_eq!(scores.is_first(), expected.is_first);
                    }
                }
                if let Some(original) = original {
                    original.restore(pretrained.model.down_projection_mut(layer));
                }
            }
        }
        let once = score(pretrained.model.as_ref(), &queries);
        assert_eq!(once.len(), queries.len());
    }
}
