//! Records of other tools, in the form of ours.

use serde_json::{Map, Value, json};

/// Fields of a record that are one text or several.
type Fields = Map<String, Value>;

/// A record of CounterFact, of EasyEdit, of KnowEdit or of counterfact-tracing, in the form of CounterFact.
///
/// Locality prompts of EasyEdit and KnowEdit are neighbors where their answer is the old object; CounterFact's
/// scores of neighbors mean nothing elsewhere, so others are left out. So is what asks for portability.
pub(crate) fn counterfact(record: Value) -> Value {
    let Value::Object(mut fields) = record else { return record };
    if let Some(Value::Object(rewrite)) = fields.get_mut("requested_rewrite") {
        for target in ["target_new", "target_true"] {
            if let Some(name) = rewrite.get_mut(target).filter(|target| target.is_string()) {
                *name = json!({ "str": name });
            }
        }
        return Value::Object(fields);
    }
    let (Some(prompt), Some(new)) = (prompt(&fields), text(&fields, &["target_new", "target_false"])) else {
        return Value::Object(fields);
    };
    let old = text(&fields, &["ground_truth", "target_true"]).unwrap_or_default();
    let neighbors: Vec<String> = locality(&fields)
        .into_iter()
        .filter(|(_, answer)| *answer == old)
        .map(|(prompt, _)| prompt)
        .collect();
    let mut rewrite = json!({
        "prompt": prompt, "subject": fields.get("subject"),
        "target_new": { "str": new }, "target_true": { "str": old },
    });
    if let Some(relation) = fields.get("relation_id") {
        rewrite["relation_id"] = relation.clone();
    }
    let mut record = json!({
        "requested_rewrite": without_null(rewrite),
        "paraphrase_prompts": texts(fields.get("rephrase_prompt")),
        "neighborhood_prompts": neighbors,
    });
    if let Some(case_id) = fields.remove("case_id") {
        record["case_id"] = case_id;
    }
    record
}

/// A record of prompts for an audit, or one of the above, which need not say what the old object is.
pub(crate) fn audit(record: Value) -> Value {
    let mut record = counterfact(record);
    if let Some(Value::Object(rewrite)) = record.get_mut("requested_rewrite") {
        rewrite.entry("target_true").or_insert(json!({ "str": "" }));
    }
    record
}

/// A record of zsRE in MEND's form, or in KnowEdit's or EasyEdit's, in MEND's form.
pub(crate) fn zsre(record: Value) -> Value {
    let Value::Object(fields) = &record else { return record };
    let (Some(question), Some(answer)) = (text(fields, &["prompt"]), text(fields, &["target_new"])) else {
        return record;
    };
    let mut zsre = json!({ "subject": fields.get("subject"), "src": question, "answers": [answer] });
    if let Some(rephrase) = texts(fields.get("rephrase_prompt")).into_iter().next() {
        zsre["rephrase"] = json!(rephrase);
    }
    if let Some((prompt, answer)) = locality(fields).into_iter().next() {
        zsre["neighborhood"] = json!([prompt, answer]);
    }
    without_null(zsre)
}

/// The prompt with `{}` for the subject: the template of counterfact-tracing, or the sentence of EasyEdit.
fn prompt(fields: &Fields) -> Option<String> {
    if let Some(template) = text(fields, &["relation"]).filter(|template| template.contains("{}")) {
        return Some(template);
    }
    let prompt = text(fields, &["prompt"])?;
    let subject = text(fields, &["subject"]).unwrap_or_default();
    match prompt.rfind(&subject) {
        Some(start) if !subject.is_empty() && !prompt.contains("{}") => {
            Some(format!("{}{{}}{}", &prompt[..start], &prompt[start + subject.len()..]))
        }
        _ => Some(prompt),
    }
}

/// The prompts that an edit should leave alone, each with its answer.
fn locality(fields: &Fields) -> Vec<(String, String)> {
    let mut prompts = Vec::new();
    let own = texts(fields.get("locality_prompt"));
    prompts.extend(own.into_iter().zip(texts(fields.get("locality_ground_truth"))));
    let groups = fields.get("locality").and_then(Value::as_object);
    for question in groups.into_iter().flat_map(Map::values).filter_map(Value::as_array).flatten() {
        let Some(question) = question.as_object() else { continue };
        prompts.extend(text(question, &["prompt"]).zip(text(question, &["ground_truth"])));
    }
    prompts
}

/// The first of some fields that has a text.
fn text(fields: &Fields, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| texts(fields.get(*name)).into_iter().next())
}

/// The texts of a field that is one, or a list of them, however deep, without blanks at their ends.
fn texts(field: Option<&Value>) -> Vec<String> {
    match field {
        Some(Value::String(text)) => vec![text.trim().to_owned()],
        Some(Value::Array(values)) => values.iter().flat_map(|value| texts(Some(value))).collect(),
        Some(Value::Object(object)) => texts(object.get("str")),
        _ => Vec::new(),
    }
}

fn without_null(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CounterFact, ZsRe};

    const KNOWEDIT: &str = r#"{"subject": "Barack Obama", "prompt": "The mother tongue of Barack Obama is",
        "target_new": "French", "ground_truth": ["English"], "rephrase_prompt": "Barack Obama spoke the language",
        "locality": {"Relation_Specificity": [
            {"prompt": "The mother tongue of Tina Turner is", "ground_truth": [["English"]]},
            {"prompt": "Barack Obama was born in", "ground_truth": [["Honolulu"]]}]}, "portability": {}}"#;

    fn read(record: &str) -> CounterFact {
        let mut record = counterfact(serde_json::from_str(record).unwrap());
        record["case_id"] = json!(0);
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn records_of_other_tools_are_those_of_counterfact() {
        let expected = read(
            r#"{"requested_rewrite": {"prompt": "The mother tongue of {} is", "subject": "Barack Obama",
                "target_new": {"str": "French"}, "target_true": {"str": "English"}},
                "paraphrase_prompts": ["Barack Obama spoke the language"],
                "neighborhood_prompts": ["The mother tongue of Tina Turner is"]}"#,
        );
        assert_eq!(read(KNOWEDIT), expected, "another answer is no neighbor");
        let easyedit = r#"{"prompt": "The mother tongue of Barack Obama is", "target_new": "French",
            "subject": "Barack Obama", "ground_truth": "English", "rephrase_prompt": "Barack Obama spoke the language",
            "locality_prompt": "The mother tongue of Tina Turner is", "locality_ground_truth": "English"}"#;
        assert_eq!(read(easyedit), expected);
        let tracing = r#"{"relation": "The mother tongue of {} is", "relation_prefix": "The mother tongue of",
            "prompt": "The mother tongue of Barack Obama is", "target_true": " English", "target_false": " French",
            "subject": "Barack Obama"}"#;
        assert_eq!(read(tracing).requested_rewrite, expected.requested_rewrite);
    }

    #[test]
    fn a_question_of_knowedit_is_one_of_zsre() {
        let record: ZsRe = serde_json::from_value(zsre(serde_json::from_str(KNOWEDIT).unwrap())).unwrap();
        assert_eq!(record.rewrite.prompt, "The mother tongue of {} is");
        assert_eq!(record.rewrite.target_new.str, "French");
        assert_eq!(record.paraphrase.as_deref(), Some("Barack Obama spoke the language"));
        let (prompt, answer) = record.neighborhood.unwrap();
        assert_eq!((prompt.as_str(), answer.as_str()), ("The mother tongue of Tina Turner is", "English"));
    }
}
