"""Runs the original MEMIT or AlphaEdit on some facts and saves what it computed.

Usage: python together.py JOB

Beside what original.py says, the job has "method" (memit or alphaedit; the checkout is of that one), "requests" (a
list of {"prompt", "subject", "target"}), "contexts" (groups of templates), "hparams" (theirs), "second_moments" (a
safetensors file with C as "layer-<l>" for each layer).
"""

import importlib
import time

from original import DEVICE, job, model, on_device, save, seconds, tokenizer, torch, wait
from safetensors.torch import load_file

names = {"memit": ("memit", "MEMITHyperParams"), "alphaedit": ("AlphaEdit", "AlphaEditHyperParams")}
package, settings = names[job["method"]]
program = importlib.import_module(f"{package}.{package if package == 'AlphaEdit' else 'memit'}_main")
hparams = getattr(program, settings)(**job["hparams"])
program.CONTEXT_TEMPLATES_CACHE = job["contexts"]

moments = load_file(job["second_moments"])
name = model.config._name_or_path.replace("/", "_")
for layer in hparams.layers:
    # As its get_cov has it.
    program.COV_CACHE[(name, hparams.rewrite_module_tmp.format(layer))] = moments[f"layer-{layer}"].float().cpu()

requests = []
for index, request in enumerate(job["requests"]):
    request = dict(request, case_id=index)
    request["target_new"] = {"str": request.pop("target")}
    requests.append(request)

# AlphaEdit asks for "cuda" by more names.
torch.eye = on_device(torch.eye)
torch.Tensor.cuda = lambda self, *args, **kwargs: self.to(DEVICE)

weights = {
    layer: program.nethook.get_parameter(model, f"{hparams.rewrite_module_tmp.format(layer)}.weight")
    for layer in hparams.layers
}
before = {layer: weight.detach().clone() for layer, weight in weights.items()}

start = time.perf_counter()
if job["method"] == "memit":
    program.apply_memit_to_model(model, tokenizer, requests, hparams)
else:
    sizes = {layer: moments[f"layer-{layer}"].shape[0] for layer in hparams.layers}
    projections = []
    for layer in hparams.layers:
        # As get_project of its experiments has it.
        left, values, _ = torch.linalg.svd(moments[f"layer-{layer}"].float(), full_matrices=False)
        small = (values < hparams.nullspace_threshold).nonzero(as_tuple=True)[0]
        projections.append(left[:, small] @ left[:, small].T)
    seconds["projection"] = time.perf_counter() - start
    start = time.perf_counter()
    cache = torch.zeros(len(projections), *projections[0].shape)
    program.apply_AlphaEdit_to_model(
        model, tokenizer, requests, hparams, cache_c=cache, P=torch.stack(projections)
    )
wait()
seconds["edit"] = time.perf_counter() - start

tensors = {}
for layer, weight in weights.items():
    delta = weight.detach() - before[layer]
    d_ff = moments[f"layer-{layer}"].shape[0]
    # [d_ff, d_model], whichever way round it is stored; no weight compared here is square.
    tensors[f"layer-{layer}.delta"] = delta if delta.shape[0] == d_ff else delta.T
save(tensors, {})
