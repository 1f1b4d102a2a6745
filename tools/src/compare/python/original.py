"""The original ROME, made ready to run on a job: what its drivers share.

The job is a JSON file, the driver's one argument: "reference" (a checkout of kmeng01/rome), "model"
(a folder), "threads", "output" (a safetensors file to write; the figures stand in its metadata under
"rome"), and what the driver itself asks for.

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

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

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


def stand_in(module, *names):
    """Answers for a package that the original imports and that is of no use here."""
    parents = module.split(".")
    for depth in range(1, len(parents) + 1):
        name = ".".join(parents[:depth])
        sys.modules[name] = sys.modules.get(name) or types.ModuleType(name)
        if depth > 1:
            setattr(sys.modules[".".join(parents[: depth - 1])], parents[depth - 1], sys.modules[name])
    for name in names:
        setattr(sys.modules[module], name, None)


stand_in("datasets", "load_dataset")
stand_in("matplotlib.style", "context")

start = time.perf_counter()
model = AutoModelForCausalLM.from_pretrained(job["model"]).to(DEVICE)
tokenizer = AutoTokenizer.from_pretrained(job["model"])
tokenizer.pad_token = tokenizer.eos_token
seconds = {"load": time.perf_counter() - start}


def wait():
    """Lets a device come to the end of what it was given."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def save(tensors, figures):
    """Writes what was computed, and what it took."""
    figures |= {
        "seconds": seconds,
        "device": DEVICE if DEVICE == "cpu" else torch.cuda.get_device_name(),
        "torch": torch.__version__,
    }
    tensors = {name: tensor.detach().float().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, job["output"], metadata={"rome": json.dumps(figures)})
