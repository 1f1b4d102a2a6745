//! The layers below the session, set by hand: a request in tokens, your own prefixes, KL prompts and corpus
//! for C, and the update applied to a module.
//!
//! ```text
//! cargo run --release --example edit_detailed                 # the bundled model
//! cargo run --release --example edit_detailed -- FOLDER       # your own, or a name on the hub
//! ```

use std::ops::ControlFlow;

use anyhow::{Context as _, Result};
use rome_core::method::rome::LayerProblem;
use rome_core::scoring::Answer;
use rome_core::{
    CholeskyFactor, Context, Event, KlPrompt, Precision, Request, RomeConfig, Step, TokenizedRequest,
    Tokenizer, Variant,
};
use rome_edit::Model;
use rome_edit::suggest;
use rome_stats::Collector;

fn main() -> Result<()> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "facts-gpt2".to_owned());
    let mut gpt = Model::load(&name, &examples::device()?, Precision::F32, &mut ())?.pretrained;
    let encode = |text: &str| -> Result<Vec<u32>> { Ok(gpt.tokenizer.encode(text)?.ids) };

    // 1. The request, in tokens: what stands where is said, not searched for.
    let (subject, rest, target) = (encode("Honda Accord")?, encode(" is created by")?, encode(" Ferrari")?);
    let prompt = [&subject[..], &rest].concat();
    let request = Request::tokens(prompt.clone(), 0..subject.len(), target.clone());

    // 2. Prefixes: the key is averaged over these contexts, so that it stands for the subject
    //    wherever it occurs.
    let mut contexts = vec![Context::Tokens(Vec::new())];
    for prefix in ["In the news today:", "I have heard that", "Some say the"] {
        contexts.push(Context::Tokens(encode(prefix)?));
    }

    // 3. KL prompts: the model's answers here are kept, as far as they can be.
    let essence = [&subject[..], &encode(" is a")?].concat();
    let kl_prompts = [
        KlPrompt::Tokens { tokens: essence, lookup: subject.len() - 1 },
        KlPrompt::Text { prompt: "{} is a car by".to_owned(), subject: "Honda Civic".to_owned() },
    ];

    // 4. Statistics over an own corpus, here the model's own facts.
    let config = RomeConfig { variant: Variant::MeanKey, weight_decay: 0.05, ..suggest(gpt.model.shape()).0 };
    let layer = config.layers[0];
    let mut collector = Collector::new(gpt.model.as_ref(), &gpt.tokenizer, &[layer])?;
    for document in documents()? {
        collector.add(&document)?;
    }
    let statistics = collector.finish(&gpt.hash)?;
    let statistics = &statistics[&layer];
    let factor = CholeskyFactor::new(&statistics.moment)?;
    println!("C over {} tokens, condition number {:.1e}", statistics.moment.count(), factor.condition());

    // 5. The edit, as data. The model has not changed yet.
    let rows = TokenizedRequest::new(&request, &contexts, &kl_prompts, &gpt.tokenizer, gpt.model.shape())?;
    let before = Answer::of(gpt.model.as_ref(), &prompt, &target);
    let problem =
        LayerProblem { model: gpt.model.as_ref(), request: &rows, layer, config: &config, factor: &factor };
    let edit = problem.solve(&mut |event: Event<'_>| {
        if let Event::Step(Step { step, losses, .. }) = event
            && step % 5 == 0
        {
            println!(
                "step {step:>2}: loss {:.3} = nll {:.3} + kl {:.3} + decay {:.3}",
                losses.total, losses.nll, losses.kl, losses.decay
            );
        }
        ControlFlow::Continue(())
    })?;
    println!(
        "{}: ‖ΔW‖/‖W‖ = {:.3}, division factor {:.2}",
        edit.weight, edit.relative_norm, edit.division.factor
    );

    // 6. The update on the module itself: any module that acts as a linear map takes one.
    let original = edit.update.apply(gpt.model.down_projection_mut(layer))?;
    let after = Answer::of(gpt.model.as_ref(), &prompt, &target);
    println!("probability of Ferrari: {:.5} before, {:.5} after", before.probability, after.probability);

    // 7. And off again, to the bit.
    original.restore(gpt.model.down_projection_mut(layer));
    assert_eq!(Answer::of(gpt.model.as_ref(), &prompt, &target), before);
    println!("undone");
    Ok(())
}

/// One sentence for each fact of the bundled models.
fn documents() -> Result<Vec<String>> {
    let facts: serde_json::Value = serde_json::from_slice(rome_assets::FACTS)?;
    let list = facts["facts"].as_array().context("facts.json has a list of facts")?;
    Ok(list
        .iter()
        .filter_map(|fact| {
            let template = facts["templates"][fact["relation_id"].as_str()?][0].as_str()?;
            let sentence = template.replacen("{}", fact["subject"].as_str()?, 1);
            Some(format!("{sentence} {}.", fact["target_true"].as_str()?))
        })
        .collect())
}
