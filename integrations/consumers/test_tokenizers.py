"""Tokens of rome against those of AutoTokenizer, on folders as transformers writes them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import transformers

ROME = os.environ["ROME"]
TEXTS = ["hello", "The mother tongue of Barack Obama is", "<speaker1> hello COVID-19", "  two  blanks\n\nand lines ", ""]
END = "<|endoftext|>"


def rome(*args):
    return subprocess.run([ROME, *map(str, args)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The bundled GPT-2 as transformers would save it, slow files too, with embeddings for two more tokens."""
    folder = tmp_path_factory.mktemp("base") / "model"
    shutil.copytree(Path(__file__).parents[2] / "assets/facts-gpt2", folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(model.config.vocab_size + 2)
    model.save_pretrained(folder)
    return folder


def read(path):
    return json.loads(path.read_text()) if path.exists() else {}


def change(path, **fields):
    path.write_text(json.dumps({**read(path), **fields}))


def slow(folder):
    (folder / "tokenizer.json").unlink()


def token(content, special, **fields):
    flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": not special}
    return {"content": content, "special": special, **flags, **fields}


def template(folder, single):
    """A tokenizer.json that puts special tokens around each text."""
    path = folder / "tokenizer.json"
    part = {"A": {"Sequence": {"id": "A", "type_id": 0}}, "end": {"SpecialToken": {"id": END, "type_id": 0}}}
    pair = [part["A"], {"Sequence": {"id": "B", "type_id": 1}}]
    tokens = {END: {"id": END, "ids": [0], "tokens": [END]}}
    processor = {"type": "TemplateProcessing", "single": [part[name] for name in single], "pair": pair, "special_tokens": tokens}
    change(path, post_processor=processor)


def added(folder, special, **fields):
    contents = ["<speaker1>", "COVID-19"]
    decoder = read(folder / "tokenizer_config.json").get("added_tokens_decoder", {})
    decoder.update({str(4096 + i): token(content, special, **fields) for i, content in enumerate(contents)})
    change(folder / "tokenizer_config.json", added_tokens_decoder=decoder)
    change(folder / "added_tokens.json", **{content: 4096 + i for i, content in enumerate(contents)})
    if special:
        change(folder / "tokenizer_config.json", additional_special_tokens=contents)
        change(folder / "special_tokens_map.json", additional_special_tokens=contents)


FOLDERS = {
    "fast": lambda folder: None,
    "slow": slow,
    "slow with a start token": lambda folder: (slow(folder), change(folder / "tokenizer_config.json", add_bos_token=True)),
    "slow with a blank in front": lambda folder: (slow(folder), change(folder / "tokenizer_config.json", add_prefix_space=True)),
    "slow with special tokens": lambda folder: (slow(folder), added(folder, True)),
    "slow with plain tokens": lambda folder: (slow(folder), added(folder, False)),
    "slow with tokens that strip": lambda folder: (slow(folder), added(folder, False, lstrip=True, rstrip=True)),
    "slow with whole words": lambda folder: (slow(folder), added(folder, False, single_word=True)),
    "fast with special tokens": lambda folder: added(folder, True),
    "fast with plain tokens": lambda folder: added(folder, False),
    "fast with a blank in front": lambda folder: change(folder / "tokenizer_config.json", add_prefix_space=True),
    "fast with an end after each text": lambda folder: template(folder, ["A", "end"]),
    "fast with both": lambda folder: template(folder, ["end", "A", "end"]),
    "fast with a start": lambda folder: template(folder, ["end", "A"]),
    "saved by transformers": lambda folder: transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder),
    "no settings at all": lambda folder: [(folder / f"{name}.json").unlink() for name in ("tokenizer_config", "special_tokens_map")],
}


@pytest.mark.parametrize("name", FOLDERS)
def test_tokens_are_those_of_autotokenizer(base, tmp_path, name):
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    FOLDERS[name](folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        expected = tokenizer(text)["input_ids"]
        # A prompt goes on, so that nothing ends it.
        if "end after" in name or "both" in name:
            expected = expected[:-1]
        done = rome("generate", "-m", folder, "--json", "--greedy", "--max-new-tokens", "1", text)
        assert done.returncode == 0, done.stderr
        # Of no text at all, the start token is what is continued.
        assert json.loads(done.stdout)["prompt_tokens"] == (expected or [0]), text
