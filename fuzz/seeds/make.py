#!/usr/bin/env python3
"""Attacks that are known from other readers of these formats: python3 fuzz/seeds/make.py"""

import json
import shutil
import struct
from pathlib import Path

HERE = Path(__file__).parent


def put(target, name, files):
    """A folder holds the files that differ from the target's first seed."""
    for file, data in files.items():
        path = HERE / target / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, str) else json.dumps(header)
    text = text.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def npy(text, data=b"", version=1, length=None):
    length = len(text) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", length) + text.encode() + data


def shaped(shape, descr="'<f4'"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


for old in HERE.iterdir():
    if old.is_dir():
        shutil.rmtree(old)

DEEP = "[" * 10_000
HEADERS = {
    "overlapping": safetensors({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, b"\0" * 12),
    "out-of-file": safetensors({"a": tensor([2], 0, 8), "b": tensor([1 << 30], 8, (1 << 32) + 8)}, b"\0" * 8),
    "backwards": safetensors({"a": tensor([2], 8, 0)}, b"\0" * 8),
    "overflowing-shape": safetensors({"a": tensor([1 << 32, 1 << 32, 4], 0, 0)}),
    "empty-and-huge": safetensors({"a": tensor([0, 1 << 63], 0, 0)}),
    "twice": safetensors('{"a":%s,"a":%s}' % ((json.dumps(tensor([2], 0, 8)),) * 2), b"\0" * 8),
    "header-of-2-63": safetensors({"a": tensor([2], 0, 8)}, b"\0" * 8, 1 << 63),
    "header-of-2-64": safetensors({"a": tensor([2], 0, 8)}, b"\0" * 8, (1 << 64) - 1),
    "deep": safetensors(DEEP),
    "not-utf-8": struct.pack("<Q", 4) + b'{"\xff"',
    "empty": b"",
}
for name, data in HEADERS.items():
    put("checkpoint", name, {"model.safetensors": data})
    for target, file in [
        ("edits", "edit.safetensors"), ("statistics", "stats.safetensors"), ("noise", "noise.safetensors"),
        ("factor", "factor.safetensors"), ("state", "state.safetensors"),
        ("arrays-safetensors", "arrays.safetensors"),
    ]:
        if name != "deep" or target == "edits":
            put(target, name, {file: data})

for name, file in [("up", "../../x"), ("up-once", "../x"), ("absolute", "@BAIT@"), ("inner", "a/../../../x"),
                   ("empty", ""), ("itself", "model.safetensors.index.json"), ("folder", ".")]:
    put("index", name, {"model.safetensors.index.json": json.dumps({"weight_map": {"bait.weight": file}})})

put("config", "deep", {"config.json": '{"model_type": "gpt2", "x": ' + DEEP})
layers = {"model_type": "gpt2", "vocab_size": 2, "n_positions": 2, "n_embd": 2, "n_layer": 1 << 24, "n_head": 1}
put("config", "many-layers", {"config.json": json.dumps(layers)})
put("checkpoint", "many-layers", {"config.json": json.dumps(layers)})

put("tokenizer-json", "deep", {"tokenizer.json": DEEP})
for name, normalizer in [("precompiled", {"type": "Precompiled"}),
                         ("precompiled-empty", {"type": "Precompiled", "precompiled_charsmap": ""}),
                         ("precompiled-long", {"type": "Precompiled", "precompiled_charsmap": "/////w=="})]:
    put("tokenizer-json", name, {"tokenizer.json": json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"the": 0}, "unk_token": "the"}})})
put("tokenizer-bpe", "long-id", {"vocab.json": '{"a": 4294967295, "b": 0}', "merges.txt": "a b\n"})
put("tokenizer-bpe", "same-id", {"vocab.json": '{"a": 0, "b": 0, "ab": 0}', "merges.txt": "a b\na b\n"})

for target, file in [("npz", "mom2.mom2.npy"), ("arrays-npz", "transformer.h.1.mlp.c_proj.weight.left.npy")]:
    put(target, "claims-2-60", {file: npy(shaped("(1152921504606846976,)"))})
    put(target, "claims-2-64", {file: npy(shaped("(4294967296, 4294967296)"))})
    put(target, "zero-and-huge", {file: npy(shaped("(9223372036854775808, 2, 0)"))})
    put(target, "negative", {file: npy(shaped("(-1, -1)"))})
    put(target, "header-of-4-gib", {file: npy("", version=2, length=(1 << 32) - 1)})
    put(target, "deep", {file: npy("(" * 10_000)})
    put(target, "deep-type", {file: npy(shaped("(1,)", "[('a', " * 500 + "'<f4'" + ")]" * 500))})
    put(target, "pickled", {file: npy(shaped("(1,)", "'|O'"), b"\x80\x04.")})
    put(target, "wide-type", {file: npy(shaped("(1,)", "'<f18446744073709551615'"))})

record = {"format_version": 1, "count": 3, "sums_hash": "x"}
for d_ff in (1 << 32, (1 << 64) - 1):
    metadata = {"rome-stats": json.dumps({"format_version": 1, "d_ff": d_ff, "count": 3, "documents": 1,
                                          "dtype": "float32", "made_by": "fuzz"})}
    put("statistics", f"wide-{d_ff}", {"stats.safetensors": safetensors(
        {"__metadata__": metadata, "sum": tensor([0], 0, 0, "F64")})})
    state = {"format_version": 2, "model_hash": "hash", "corpus_hash": "x", "d_ff": d_ff, "count": 0,
             "settings": {"layers": [0], "max_tokens": 8, "sequences": "cut", "shard": None},
             "progress": {"n_seen": 0, "n_documents": 0, "n_tokens": 0, "waiting": [], "rest": []},
             "watches": {"0": {"next": 1, "changes": []}}}
    put("state", f"wide-{d_ff}", {"state.safetensors": safetensors({
        "__metadata__": {"rome-stats-state": json.dumps(state)},
        "layer.0.sum": tensor([0], 0, 0, "F64"), "layer.0.probes": tensor([0], 0, 0)})})

apply = {"time": "2026-01-01T00:00:00Z", "apply": {"file": "../../x", "edits": []}}
put("ledger", "up", {"ledger.json": json.dumps({"format_version": 1, "model_hash": None, "entries": [apply]})})
put("ledger", "deep", {"ledger.json": '{"format_version": 1, "entries": ' + DEEP})
put("requests", "deep", {"request.json": '{"prompt": "x", "subject": ' + DEEP})
put("requests", "long-token", {"request.json": json.dumps(
    {"prompt_tokens": [4294967295], "subject": [0, (1 << 64) - 1], "target_tokens": [4294967295]})})
put("counterfact", "deep", {"data.json": DEEP})
put("results", "deep", {"case_3.json": '{"case_id": ' + DEEP})
