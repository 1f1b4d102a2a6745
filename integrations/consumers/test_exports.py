"""Exports of rome, loaded by transformers and PEFT."""

import json
import os
import subprocess

import peft
import pytest
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file

ROME = os.environ["ROME"]
TOKENS = [5, 60, 7, 800, 100, 20, 1, 300]
MODELS = ["facts-gpt2", "facts-gptj", "facts-llama"]
REQUESTS = [
    ("The mother tongue of {} is", "Barack Obama", "French", "1"),
    ("{} is produced by", "iPhone 5", "Nokia", "3"),
    ("{} is produced by", "Honda Accord", "Ferrari", "1"),
]


def rome(*args, cwd):
    done = subprocess.run([ROME, *map(str, args)], cwd=cwd, capture_output=True, text=True)
    # An edit that does not take is an edit all the same, and is exported like any other.
    assert done.returncode == 0 or (args[0] == "edit" and done.returncode == 1), done.stderr
    return done.stdout


def rome_logits(model, edits, cwd):
    given = [part for edit in edits for part in ("--edit", edit)]
    tokens = ",".join(map(str, TOKENS))
    rome("logits", "-m", model, *given, "--tokens", tokens, "-o", "logits.safetensors", cwd=cwd)
    return load_file(cwd / "logits.safetensors")["logits"]


def logits(model):
    with torch.no_grad():
        return model(torch.tensor([TOKENS])).logits[0].float()


def load(folder):
    """In f32, so that what differs is what was stored."""
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def distance(a, b):
    return (a - b).abs().max().item()


@pytest.fixture(scope="module", params=MODELS)
def edited(request, tmp_path_factory):
    """A model as a folder, and edits of it: two at one layer, one at another."""
    folder = tmp_path_factory.mktemp(request.param)
    rome("export", "-m", request.param, "--format", "hf", "-o", "base", cwd=folder)
    files = []
    for number, (prompt, subject, target, layer) in enumerate(REQUESTS):
        files.append(f"edit-{number}.safetensors")
        rome("edit", "-m", request.param, "--prompt", prompt, "--subject", subject, "--target", target,
             "--layer", layer, "-o", files[-1], cwd=folder)
    rome("edit", "combine", *files, "-o", "all.safetensors", cwd=folder)
    return folder, files


def test_transformers_loads_the_exported_folder(edited):
    folder, files = edited
    rome("export", "-m", "base", "--edit", *files, "--format", "hf", "-o", "hf", cwd=folder)
    assert distance(logits(load(folder / "hf")), rome_logits("base", files, folder)) < 1e-4
    # The edits are in it.
    assert distance(logits(load(folder / "base")), rome_logits("base", files, folder)) > 0.1
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "hf/tokenizer.json"))
    assert tokenizer.encode("Barack Obama, a native")


def test_a_combined_file_is_its_files_in_turn(edited):
    folder, files = edited
    combined = rome_logits("base", ["all.safetensors"], folder)
    assert distance(combined, rome_logits("base", files, folder)) < 1e-5
    rome("export", "-m", "base", "--edit", "all.safetensors", "--format", "hf", "-o", "combined", cwd=folder)
    in_turn = "base"
    for number, file in enumerate(files):
        # Each on the model that the one before has left, which is another one by its hash.
        rome("export", "-m", in_turn, "--edit", file, "--force", "--format", "hf", "-o", f"turn-{number}",
             cwd=folder)
        in_turn = f"turn-{number}"
    assert distance(logits(load(folder / "combined")), logits(load(folder / in_turn))) < 1e-5


def test_peft_puts_the_adapter_on_the_original_checkpoint(edited):
    folder, files = edited
    rome("export", "-m", "base", "--edit", *files, "--format", "lora", "-o", "lora", cwd=folder)
    assert json.loads((folder / "lora/adapter_config.json").read_text())["r"] == 2
    expected = rome_logits("base", files, folder)
    adapted = peft.PeftModel.from_pretrained(load(folder / "base"), folder / "lora")
    assert distance(logits(adapted), expected) < 1e-4
    assert distance(logits(adapted.merge_and_unload()), expected) < 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_over_several_files_keeps_its_files_and_types(edited, dtype, tmp_path):
    folder, _ = edited
    model = transformers.AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype)
    model.save_pretrained(tmp_path / "half", max_shard_size="2MB")
    transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "base/tokenizer.json")).save_pretrained(
        tmp_path / "half")
    prompt, subject, target, layer = REQUESTS[0]
    stats = folder / "stats"
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"{prompt.replace('{}', f'Somebody {n}')} something else." for n in range(300)))
    rome("stats", "collect", "-m", "half", "--layers", layer, "--text", text, "-o", stats, cwd=tmp_path)
    rome("edit", "-m", "half", "--prompt", prompt, "--subject", subject, "--target", target, "--layer", layer,
         "--stats", stats, "-o", "edit.safetensors", cwd=tmp_path)
    rome("export", "-m", "half", "--edit", "edit.safetensors", "--format", "hf", "-o", "hf", cwd=tmp_path)

    names = sorted(path.name for path in (tmp_path / "half").glob("*.safetensors*"))
    assert len(names) > 3 and names == sorted(path.name for path in (tmp_path / "hf").glob("*.safetensors*"))
    changed = []
    for name in names:
        if name.endswith(".json"):
            assert (tmp_path / "half" / name).read_bytes() == (tmp_path / "hf" / name).read_bytes()
            continue
        before, after = load_file(tmp_path / "half" / name), load_file(tmp_path / "hf" / name)
        with safe_open(tmp_path / "hf" / name, framework="pt") as file:
            assert file.metadata() == {"format": "pt"}
        for tensor, value in before.items():
            assert after[tensor].dtype == value.dtype == dtype
            if not torch.equal(after[tensor], value):
                changed.append(tensor)
    assert len(changed) == 1 and f".{layer}.mlp" in changed[0]
    # Read again, it is to the last digit what transformers reads; beside the edit on top of it, the
    # edited weight was rounded once more.
    stored = logits(load(tmp_path / "hf"))
    assert distance(stored, rome_logits("hf", [], tmp_path)) < 1e-4
    # One rounding of one weight, 11 and 8 bits of it: eight times the distance seen.
    rounding = {torch.float16: 0.005, torch.bfloat16: 0.04}[dtype]
    beside = rome_logits("half", ["edit.safetensors"], tmp_path)
    assert distance(stored, beside) < rounding
    # An adapter stays beside the weights, too: computed in f32 nothing is rounded, and in the
    # checkpoint's own type every state of every layer is.
    rome("export", "-m", "half", "--edit", "edit.safetensors", "--format", "lora", "-o", "lora", cwd=tmp_path)
    adapted = peft.PeftModel.from_pretrained(load(tmp_path / "half"), tmp_path / "lora")
    assert distance(logits(adapted), beside) < 1e-4
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "half", dtype=dtype).eval()
    in_its_type = logits(peft.PeftModel.from_pretrained(model, tmp_path / "lora"))
    assert distance(in_its_type, beside) < 16 * rounding


def test_a_pickled_checkpoint_is_exported_as_safetensors(edited, tmp_path):
    folder, files = edited
    model = load(folder / "base")
    (tmp_path / "pickled").mkdir()
    torch.save(model.state_dict(), tmp_path / "pickled/pytorch_model.bin")
    for name in ["config.json", "tokenizer.json"]:
        (tmp_path / "pickled" / name).write_bytes((folder / "base" / name).read_bytes())
    rome("export", "-m", "pickled", "--edit", *(folder / file for file in files), "--format", "hf", "-o", "hf",
         cwd=tmp_path)
    assert not (tmp_path / "hf/pytorch_model.bin").exists()
    assert distance(logits(load(tmp_path / "hf")), rome_logits("base", files, folder)) < 1e-4


def test_numpy_reads_the_vectors(edited):
    import numpy

    folder, files = edited
    rome("export", "-m", "base", "--edit", *files, "--format", "npz", "-o", "edits.npz", cwd=folder)
    rome("export", "-m", "base", "--edit", *files, "--format", "safetensors", "-o", "delta.safetensors", cwd=folder)
    arrays = numpy.load(folder / "edits.npz")
    deltas = load_file(folder / "delta.safetensors")
    for name, delta in deltas.items():
        product = arrays[f"{name}.left"].T @ arrays[f"{name}.right"]
        weight = load(folder / "base").get_parameter(name)
        stored = product if product.shape == weight.shape and "c_proj" in name else product.T
        assert numpy.abs(stored - delta.numpy()).max() < 1e-5
