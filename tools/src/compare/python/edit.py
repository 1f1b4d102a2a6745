"""Runs the original ROME on one request and saves what it computed.

Usage: python edit.py JOB

Beside what original.py says, the job has "request" ({"prompt", "subject", "target"}), "contexts"
(templates), "hparams" (theirs), "second_moments" (a safetensors file with C as "layer-<l>" for each
layer, or null).
"""

import sys
import time

import numpy
from original import DEVICE, job, model, save, seconds, tokenizer, torch, wait
from safetensors.torch import load_file

from rome import ROMEHyperParams, compute_u, compute_v, repr_tools, rome_main

compute_u, compute_v = sys.modules["rome.compute_u"], sys.modules["rome.compute_v"]

# What it computes on the way is seen where it calls for it.
losses, lookups, seen = [], [], []


class Numpy:
    """numpy, whose round is asked for the four losses of each step, to print them."""

    def __getattr__(self, name):
        return getattr(numpy, name)

    def round(self, value, *args):
        losses.append(value)
        return numpy.round(value, *args)


def recorded(function, into):
    def wrapped(*args, **kwargs):
        result = function(*args, **kwargs)
        into.append(result)
        return result

    return wrapped


compute_v.np = Numpy()
compute_v.find_fact_lookup_idx = recorded(compute_v.find_fact_lookup_idx, lookups)
repr_tools.get_reprs_at_word_tokens = recorded(repr_tools.get_reprs_at_word_tokens, seen)

hparams = ROMEHyperParams(**job["hparams"])
rome_main.CONTEXT_TEMPLATES_CACHE = job["contexts"]

start = time.perf_counter()
if job["second_moments"]:
    moments = load_file(job["second_moments"])
    name = model.config._name_or_path.replace("/", "_")
    for layer in hparams.layers:
        # As its get_inv_cov has it.
        inverse = torch.inverse(moments[f"layer-{layer}"].to(DEVICE)).float()
        compute_u.inv_mom2_cache[(name, hparams.rewrite_module_tmp.format(layer))] = inverse
seconds["inverse"] = time.perf_counter() - start

request = dict(job["request"])
request["target_new"] = {"str": request.pop("target")}
start = time.perf_counter()
deltas = rome_main.execute_rome(model, tokenizer, request, hparams)
wait()
seconds["edit"] = time.perf_counter() - start

tensors = {}
for weight, (left, right) in deltas.items():
    tensors[f"{weight}.left"] = left
    tensors[f"{weight}.right"] = right
# For each layer: the keys of all contexts, then key and value of the clean prompt.
for index, layer in enumerate(sorted(hparams.layers)):
    tensors[f"layer-{layer}.key_mean"] = seen[2 * index].mean(0)
    key, value = seen[2 * index + 1]
    tensors[f"layer-{layer}.key_clean"], tensors[f"layer-{layer}.value_clean"] = key[0], value[0]
figures = {
    "losses": [losses[i : i + 4] for i in range(0, len(losses), 4)],
    "lookup_idxs": lookups[: len(lookups) // len(hparams.layers)],
}
save(tensors, figures)
