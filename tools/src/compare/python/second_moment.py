"""Runs the original's collection of a second moment and saves what it computed.

Usage: python second_moment.py JOB

Beside what original.py says, the job has "documents" (a JSON list of texts), "layer", "module" (the
full name of its down projection) and "folder" (for the original's own cache).
"""

import json
import sys
import time

from original import job, model, save, seconds, tokenizer, wait

with open(job["documents"]) as file:
    documents = [{"text": text} for text in json.load(file)]
# Its corpora are downloaded; this one is given.
sys.modules["datasets"].load_dataset = lambda *_: {"train": documents}

from rome.layer_stats import layer_stats  # noqa: E402

model.eval()
start = time.perf_counter()
stat = layer_stats(
    model,
    tokenizer,
    job["module"],
    job["folder"],
    "wikipedia",
    ["mom2"],
    precision="float32",
    download=False,
    progress=lambda loader, total: loader,
)
wait()
seconds["collect"] = time.perf_counter() - start
save({"sum": stat.mom2.mom2}, {"tokens": int(stat.mom2.count)})
