"""A real cluster on this machine, of two workers, one of which is killed on the way.

ROME names the program; the tests run on the bundled model and the documents of the fixtures.
"""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import ray
import rome_ray
from ray.cluster_utils import Cluster

ROME = os.environ.get("ROME", "rome")
TEXT = Path(__file__).resolve().parents[2] / "fixtures/goldens/documents.txt"
LAYERS = [1, 3]
SHARDS = 6


def rome(*args):
    return subprocess.run([ROME, *map(str, args)], check=True, capture_output=True, text=True).stdout


def record(path):
    """The provenance in a file of statistics."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    record = json.loads(header["__metadata__"]["rome-stats"])
    record.pop("changes", None)  # Of one run's tokens alone.
    return record


def difference(a, b):
    """Relative, by Frobenius norms."""
    import numpy

    def read(path):
        with open(path, "rb") as file:
            n_header = int.from_bytes(file.read(8), "little")
            file.seek(8 + n_header)
            return numpy.frombuffer(file.read(), dtype="<f8")

    a, b = read(a), read(b)
    return numpy.linalg.norm(a - b) / numpy.linalg.norm(b)


def job(folder, **changes):
    return {
        "model": "facts-gpt2",
        "layers": LAYERS,
        "text": [str(TEXT)],
        "field": "text",
        "pack": False,
        "shards": SHARDS,
        "save_every": "500",
        "work": str(folder / "work"),
        "rome": ROME,
    } | changes


@pytest.fixture
def cluster():
    """A head that runs nothing and two workers with one processor each."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    workers = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster, workers
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The same shards without a cluster."""
    folder = tmp_path_factory.mktemp("expected")
    layers = ",".join(map(str, LAYERS))
    for shard in range(SHARDS):
        rome("stats", "collect", "-m", "facts-gpt2", "--layers", layers, "--text", TEXT, "-o", folder,
             "--shard", f"{shard}/{SHARDS}")
    for layer in LAYERS:
        shards = sorted(folder.glob(f"layer-{layer}.shard-*"))
        rome("stats", "merge", "-o", folder / f"layer-{layer}.safetensors", *shards)
    return folder


def check(merged, expected, folder):
    for layer, content in zip(LAYERS, merged):
        path = folder / f"layer-{layer}.safetensors"
        path.write_bytes(content)
        same = expected / path.name
        assert record(path) == record(same)
        # Added up in another order: roundings of f64.
        assert difference(path, same) < 1e-12


def rome_processes():
    """Running collections, by their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"collect" in command and b"--shard" in command:
            found.append(int(process.name))
    return found


def when(condition, action):
    """Does something once, as soon as a condition holds."""

    def wait():
        while not condition():
            time.sleep(0.05)
        action()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_machine_that_is_lost_is_made_up_for(cluster, expected, tmp_path):
    nodes, workers = cluster
    work = tmp_path / "work"
    begun = lambda: any(work.rglob("unfinished*"))
    lost = when(begun, lambda: nodes.remove_node(workers[0], allow_graceful=False))
    merged = rome_ray.run_job(job(tmp_path), every=0.5)
    assert not lost.is_alive(), "the machine was lost on the way"
    check(merged, expected, tmp_path)
    assert not any(work.rglob("*.safetensors")), "nothing is left behind"


def test_a_program_that_is_killed_goes_on(cluster, expected, tmp_path):
    begun = lambda: any((tmp_path / "work").rglob("unfinished*")) and rome_processes()
    killed = when(begun, lambda: [os.kill(pid, signal.SIGKILL) for pid in rome_processes()])
    merged = rome_ray.run_job(job(tmp_path), every=0.5)
    assert not killed.is_alive(), "the programs were killed on the way"
    check(merged, expected, tmp_path)


def test_what_rome_has_to_say_is_said_at_once(cluster, tmp_path):
    with pytest.raises(ray.exceptions.RayTaskError) as error:
        rome_ray.run_job(job(tmp_path, text=["nowhere.txt"]), every=0.5)
    assert "nowhere.txt" in str(error.value) and "hint: " in str(error.value)
