"""Runs the original's causal tracing and saves the scores.

Usage: python trace.py JOB

Beside what original.py says, the job has "prompts" (a list of {"prompt", "subject", "samples",
"noise", "window"}, the prompt with its subject in it) and "kinds" (of "state", "mlp" and "attn").

The tensors are "<index>.<kind>" with the scores [tokens, layers], and "<index>.<kind>.low_score" and
"<index>.<kind>.high_score".
"""

import time

from original import job, model, save, seconds, stand_in, tokenizer, torch, wait

# For figures and for data sets that are downloaded.
stand_in("matplotlib.pyplot")
stand_in("scipy.sparse")
stand_in("sklearn.feature_extraction.text", "TfidfVectorizer")

from experiments import causal_trace  # noqa: E402

# As it loads a model itself.
causal_trace.nethook.set_requires_grad(False, model)
mt = causal_trace.ModelAndTokenizer(model=model.eval(), tokenizer=tokenizer)

tensors = {}
for kind in job["kinds"]:
    start = time.perf_counter()
    flows = [
        causal_trace.calculate_hidden_flow(
            mt,
            prompt["prompt"],
            prompt["subject"],
            samples=prompt["samples"],
            noise=float(prompt["noise"]),
            window=prompt["window"],
            kind=None if kind == "state" else kind,
        )
        for prompt in job["prompts"]
    ]
    wait()
    seconds[kind] = time.perf_counter() - start
    for index, flow in enumerate(flows):
        tensors[f"{index}.{kind}"] = flow["scores"]
        for score in ["low_score", "high_score"]:
            tensors[f"{index}.{kind}.{score}"] = torch.tensor([float(flow[score])])
save(tensors, {})
