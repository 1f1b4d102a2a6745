"""Runs the original ROME on one request and saves what it computed.

Usage: python reference.py JOB

JOB is a JSON file: "reference" (a checkout of kmeng01/rome), "model" (a folder), "request"
({"prompt", "subject", "target"}), "contexts" (templates), "hparams" (theirs), "second_moments" (a
safetensors file with C as "layer-<l>" for each layer, or null), "threads", "output" (a safetensors
file to write; the figures stand in its metadata under "rome").

The checkout is imported and not written to. Where there is no CUDA device, the "cuda" that it
asks for by name is answered by the CPU.
"""

import json
import os
import sys
import time
import types

sys.dont_write_bytecode = True
with open(sys.argv[1]) as file:
    job = json.load(file)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, job["reference"])
os.chdir(job["reference"])  # its settings are read from the working folder

import numpy
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(job["threads"])
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def on_device(function):
    """Sends what is asked to be on "cuda" to the device there is."""

    def wrapped(*args, **kwargs):
        args = [DEVICE if isinstance(arg, str) and arg == "cuda" else arg for arg in args]
        if kwargs.get("device") == "cuda":
            kwargs["device"] = DEVICE
        return function(*args, **kwargs)

    return wrapped


torch.tensor = on_device(torch.tensor)
torch.zeros = on_device(torch.zeros)
torch.Tensor.to = on_device(torch.Tensor.to)

# Imported by its modules, and of no use to an edit.
for module, name in [("datasets", "load_dataset"), ("matplotlib.style", "context")]:
    parents = module.split(".")
    for depth in range(1, len(parents) + 1):
        sys.modules[".".join(parents[:depth])] = types.ModuleType(module)
    setattr(sys.modules[module], name, None)

from rome import ROMEHyperParams, compute_u, compute_v, repr_tools, rome_main  # noqa: E402

compute_u, compute_v = sys.modules["rome.compute_u"], sys.modules["rome.compute_v"]

start = time.perf_counter()
model = AutoModelForCausalLM.from_pretrained(job["model"]).to(DEVICE)
tokenizer = AutoTokenizer.from_pretrained(job["model"])
tokenizer.pad_token = tokenizer.eos_token
seconds = {"load": time.perf_counter() - start}

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
if DEVICE == "cuda":
    torch.cuda.synchronize()
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
    "seconds": seconds,
    "losses": [losses[i : i + 4] for i in range(0, len(losses), 4)],
    "lookup_idxs": lookups[: len(lookups) // len(hparams.layers)],
    "device": DEVICE if DEVICE == "cpu" else torch.cuda.get_device_name(),
    "torch": torch.__version__,
}
tensors = {name: tensor.detach().float().cpu().contiguous() for name, tensor in tensors.items()}
save_file(tensors, job["output"], metadata={"rome": json.dumps(figures)})
