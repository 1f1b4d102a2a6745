//! The JSON formats that others rely on, each by its worked example.

use rome_core::{Context, HyperParams, KlPrompt, Request};
use serde::de::DeserializeOwned;

fn example<T: DeserializeOwned>(name: &str) -> T {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn requests_are_read_in_every_form() {
    let template = Request::text("{}, who is a citizen of", "Lise Meitner", "Japan");
    assert_eq!(example::<Request>("request-template.json"), template);
    assert_eq!(example::<Request>("request-reference-form.json"), template);
    let sentence = Request::text("Lise Meitner, who is a citizen of", "Lise Meitner", "Japan");
    assert_eq!(example::<Request>("request-sentence.json"), sentence);
    let tokens = Request::tokens(vec![36, 1182, 1198, 2300, 1848, 1424, 302, 762, 274], 0..5, vec![1305]);
    assert_eq!(example::<Request>("request-tokens.json"), tokens);
    for request in [template, sentence, tokens] {
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), request);
    }
}

#[test]
fn contexts_are_templates_or_tokens() {
    let text: Vec<Context> = example("contexts-text.json");
    assert_eq!(text[0], Context::clean());
    assert_eq!(text.len(), 4);
    let tokens: Vec<Context> = example("contexts-tokens.json");
    let expected = [vec![], vec![0], vec![1018, 284, 13]].map(Context::Tokens);
    assert_eq!(tokens, expected);
}

#[test]
fn preservation_prompts_are_templates_prompts_or_tokens() {
    let kl_prompts: Vec<KlPrompt> = example("preserve.json");
    assert_eq!(kl_prompts[0], KlPrompt::essence());
    let subject = "The Eiffel Tower".to_owned();
    let text = KlPrompt::Text { prompt: "The Eiffel Tower is in".to_owned(), subject };
    assert_eq!(kl_prompts[1], text);
    let tokens = vec![36, 1182, 1198, 2300, 1848, 348, 262];
    assert_eq!(kl_prompts[2], KlPrompt::Tokens { tokens, lookup: 4 });
}

#[test]
fn settings_of_the_reference_are_read_and_checked() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/facts-gptj/hparams.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let hparams: HyperParams = serde_json::from_value(json.clone()).unwrap();
    let name = |layer| format!("transformer.h.{layer}.mlp.fc_out.weight");
    let config = hparams.config(name).unwrap();
    assert_eq!((config.layers, config.weight_decay, config.steps), (vec![1], 0.05, 20));

    let other = |layer| format!("transformer.h.{layer}.mlp.c_proj.weight");
    assert!(hparams.config(other).unwrap_err().to_string().contains("fc_out"));
    let last = HyperParams { fact_token: "last".to_owned(), ..hparams };
    assert!(last.config(name).unwrap_err().to_string().contains("\"last\" is not supported"));
}
