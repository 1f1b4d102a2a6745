"""Exports of every kind of family, loaded by transformers and PEFT: tiny random models without a tokenizer, edited
in tokens."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file

ROME = os.environ["ROME"]
FIXTURES = Path(__file__).parents[2] / "fixtures/families"
FAMILIES = ["llama", "qwen2", "qwen3", "gemma2", "gemma3_text", "gemma3", "phi3", "gpt_neox", "olmo2", "falcon-new"]


def rome(*args, cwd):
    done = subprocess.run([ROME, *map(str, args)], cwd=cwd, capture_output=True, text=True)
    # An edit that does not take is an edit all the same, and is exported like any other.
    assert done.returncode == 0 or (args[0] == "edit" and done.returncode == 1), done.stderr
    return done.stdout


def load(folder):
    options = {"dtype": torch.float32, "attn_implementation": "eager"}
    return transformers.AutoModelForCausalLM.from_pretrained(folder, **options).eval()


def logits(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].float()


def distance(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("family", FAMILIES)
def test_an_edited_model_is_the_same_in_transformers_and_peft(family, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    for path in (FIXTURES / family).glob("*"):
        if path.name == "config.json" or path.name.startswith("model"):
            shutil.copy(path, base)
    reference = json.loads((FIXTURES / family / "reference.json").read_text())
    edit = reference["edit"]
    request = {"prompt_tokens": edit["prompt"], "subject": edit["subject"], "target_tokens": edit["target"]}
    (tmp_path / "request.json").write_text(json.dumps(request))
    # Short ones: Phi-3's rotation holds for 16 tokens.
    (tmp_path / "contexts.json").write_text(json.dumps(["{}", [2, 3], [4, 5, 6]]))
    rome("edit", "-m", base, "--request", "request.json", "--layer", edit["layer"], "--stats", "identity",
         "--contexts", "contexts.json",
         "-o", "edit.safetensors", cwd=tmp_path)
    tokens = reference["prompts"][0]
    rome("logits", "-m", base, "--edit", "edit.safetensors", "--tokens", ",".join(map(str, tokens)),
         "-o", "logits.safetensors", cwd=tmp_path)
    expected = load_file(tmp_path / "logits.safetensors")["logits"]
    assert distance(logits(load(base), tokens), expected) > 1e-2, "the edit changes nothing"

    rome("export", "-m", base, "--edit", "edit.safetensors", "--format", "hf", "-o", "hf", cwd=tmp_path)
    assert distance(logits(load(tmp_path / "hf"), tokens), expected) < 1e-4
    # Names and types are those of the checkpoint.
    before, after = load_file(base / "model.safetensors"), load_file(tmp_path / "hf/model.safetensors")
    assert {name: value.dtype for name, value in before.items()} == {
        name: value.dtype for name, value in after.items()}
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == [reference["down"]["stored"].replace("{}", str(edit["layer"]))]

    rome("export", "-m", base, "--edit", "edit.safetensors", "--format", "lora", "-o", "lora", cwd=tmp_path)
    adapted = peft.PeftModel.from_pretrained(load(base), tmp_path / "lora")
    assert distance(logits(adapted, tokens), expected) < 1e-4
    assert distance(logits(adapted.merge_and_unload(), tokens), expected) < 1e-4
    # And back again: the adapter is the edit.
    rome("edit", "import", "lora", "-m", base, "-o", "back.safetensors", cwd=tmp_path)
    rome("logits", "-m", base, "--edit", "back.safetensors", "--tokens", ",".join(map(str, tokens)),
         "-o", "back-logits.safetensors", cwd=tmp_path)
    assert distance(load_file(tmp_path / "back-logits.safetensors")["logits"], expected) < 1e-4
