"""Runs the original's questions about CounterFact records and saves what it was answered.

Usage: python evaluate.py JOB

Beside what original.py says, the job has "data" (a file in CounterFact's form) and "limit" (so many
records of it). No record is edited, but all its questions are asked twice, as after an edit and
before it.

The tensors are, by case id, [prompts, 2]: the negative log likelihoods of the new and of the true
target, after the prompts for rewriting, the paraphrases, those of the neighborhood and of the
attribute.
"""

import json
import time

from original import job, model, save, seconds, stand_in, tokenizer, torch, wait

# For texts that are generated, which none is here.
stand_in("nltk")
stand_in("scipy.sparse")
stand_in("sklearn.feature_extraction.text", "TfidfVectorizer")

from experiments.py.eval_utils_counterfact import compute_rewrite_quality_counterfact  # noqa: E402

KINDS = ["rewrite", "paraphrase", "neighborhood", "attribute"]

with open(job["data"]) as file:
    records = json.load(file)[: job["limit"]]

model.eval()
tensors, n_prompts = {}, 0
start = time.perf_counter()
for record in records:
    compute_rewrite_quality_counterfact(model, tokenizer, record, None, None)
    before = compute_rewrite_quality_counterfact(model, tokenizer, record, None, None)
    answers = [answer for kind in KINDS for answer in before[f"{kind}_prompts_probs"]]
    tensors[str(record["case_id"])] = torch.tensor(
        [[answer["target_new"], answer["target_true"]] for answer in answers]
    )
    n_prompts += len(answers)
wait()
seconds["ask"] = time.perf_counter() - start
save(tensors, {"prompts": n_prompts})
