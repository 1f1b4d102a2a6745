"""Collects second moments on a Ray cluster: one shard of the text is one task.

Each task runs the `rome` program, which must be on every machine, as must the model (unless it is
bundled or on the hub) and the text. Sums travel through Ray's object store and are added up in
pairs, so that no shared folder is needed and no machine holds more than three of them. What is
lost with a machine is run anew on another one.

    python rome_ray.py -m openai-community/gpt2-xl --layers 17 --text /data/wikipedia.parquet \\
        --shards 64 -o statistics

The statistics are those of `rome stats collect --shard I/N` and `rome stats merge`.
"""

import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

PR_SET_PDEATHSIG = 1


class RomeError(Exception):
    """rome said what is wrong, and would say it again."""


class Interrupted(Exception):
    """rome was ended from outside, and may come through at another try."""


def die_with_parent():
    """Ends rome with the worker that runs it: another worker may take up the same shard."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(command, on_line=None):
    """Runs rome; `on_line` sees each line of its output."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, preexec_fn=die_with_parent
        )
        with contextlib.closing(process.stdout):
            for line in process.stdout:
                if on_line:
                    on_line(line)
        code = process.wait()
        errors.seek(0)
        said = errors.read().strip()
    if code < 0:
        raise Interrupted(f"rome was ended by {signal.Signals(-code).name}")
    if code > 0:
        raise RomeError(said)


@ray.remote(num_cpus=0)
class Progress:
    """What the shards have come to."""

    def __init__(self):
        self.tokens = {}

    def set(self, shard, tokens):
        self.tokens[shard] = tokens

    def total(self):
        return sum(self.tokens.values())


def collect(job, shard, progress):
    """Collects one shard and returns a file of statistics for each layer."""
    name = f"{shard}/{job['shards']}"
    # Named by what is asked for, so that a task that comes back to this machine goes on.
    digest = hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:16]
    folder = Path(job["work"] or Path(tempfile.gettempdir()) / "rome-ray") / digest
    folder.mkdir(parents=True, exist_ok=True)
    command = [job["rome"], "stats", "collect", "-m", job["model"], "--layers", ",".join(map(str, job["layers"]))]
    command += ["--field", job["field"], "--text", *job["text"], "--shard", name, "--resume", "--json"]
    command += ["--save-every", job["save_every"], "-o", str(folder)] + (["--pack"] if job["pack"] else [])
    files = []

    def on_line(line):
        said = json.loads(line)
        progress.set.remote(shard, said["tokens"])
        files.extend(said.get("files", []))

    run(command, on_line)
    contents = [Path(file).read_bytes() for file in files]
    for file in files:
        os.unlink(file)
    return contents if len(contents) > 1 else contents[0]


def merge(rome, *parts):
    """Adds up files of statistics."""
    with tempfile.TemporaryDirectory(prefix="rome-ray-") as folder:
        paths = [Path(folder) / f"{index}.safetensors" for index in range(len(parts))]
        for path, part in zip(paths, parts):
            path.write_bytes(part)
        merged = Path(folder) / "merged.safetensors"
        run([rome, "stats", "merge", "-o", str(merged), *map(str, paths)])
        return merged.read_bytes()


def tree(rome, parts, tries):
    """Merges objects in pairs, as they come in order, until there is one."""
    pair = ray.remote(max_retries=tries, retry_exceptions=[Interrupted])(merge)
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [pair.remote(rome, *both) if len(both) == 2 else both[0] for both in pairs]
    return parts[0]


def show(progress, done, job, start):
    """One line on standard error, in place where that is a terminal."""
    tokens = ray.get(progress.total.remote())
    line = f"{done} of {job['shards']} shards · {tokens} tokens · {tokens / (time.time() - start):.0f} tokens/s"
    end = "\r" if sys.stderr.isatty() else "\n"
    print(line, end=end, file=sys.stderr, flush=True)


def run_job(job, tries=5, cpus=1, every=5.0):
    """Runs all shards and merges them; returns a file of statistics for each layer."""
    # Beside this program: what it is asked for must not be lost with another machine.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    progress = Progress.options(scheduling_strategy=here).remote()
    n_layers = len(job["layers"])
    task = ray.remote(
        num_cpus=cpus, num_returns=n_layers, max_retries=tries, retry_exceptions=[Interrupted]
    )(collect)
    shards = [task.remote(job, shard, progress) for shard in range(job["shards"])]
    # Each layer is an object of its own.
    shards = [[shard] if n_layers == 1 else shard for shard in shards]
    start, waiting = time.time(), [shard[0] for shard in shards]
    # Submitted at once: each merge starts when its two parts are there.
    merged = [tree(job["rome"], list(parts), tries) for parts in zip(*shards)]
    while waiting:
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=every, fetch_local=False)
        show(progress, len(shards) - len(waiting), job, start)
        # What rome has to say is said as soon as it is known.
        failed, _ = ray.wait(merged, num_returns=1, timeout=0, fetch_local=False)
        ray.get(failed)
    return ray.get(merged)


def layers(text):
    """Layers, with commas."""
    return sorted({int(layer) for layer in text.split(",")})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-m", "--model", required=True, help="as rome has it")
    parser.add_argument("--layers", required=True, type=layers, help="with commas")
    parser.add_argument("--text", required=True, nargs="+", help="files or patterns, on every machine")
    parser.add_argument("--field", default="text")
    parser.add_argument("--pack", action="store_true")
    parser.add_argument("--shards", type=int, required=True, help="tasks to share the text out to")
    parser.add_argument("--cpus", type=float, default=1, help="processors for each task")
    parser.add_argument("--tries", type=int, default=5, help="how often a lost task is run anew")
    parser.add_argument("--save-every", default="60s", help="as rome has it")
    parser.add_argument("--work", help="a folder for unfinished shards; a shared one survives its machine")
    parser.add_argument("--rome", default="rome", help="the program, on every machine")
    parser.add_argument("--address", help="of the cluster; a local one by default")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a folder")
    args = parser.parse_args()

    ray.init(address=args.address, log_to_driver=False)
    names = ["model", "layers", "text", "field", "pack", "shards", "save_every", "work", "rome"]
    job = {name: getattr(args, name) for name in names}
    try:
        merged = run_job(job, args.tries, args.cpus)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause if isinstance(error.cause, RomeError) else error
        sys.exit(str(cause))
    args.output.mkdir(parents=True, exist_ok=True)
    for layer, content in zip(args.layers, merged):
        path = args.output / f"layer-{layer}.safetensors"
        temporary = path.with_suffix(".part")
        temporary.write_bytes(content)
        temporary.replace(path)
        print(path)


if __name__ == "__main__":
    main()
