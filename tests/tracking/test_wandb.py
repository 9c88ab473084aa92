"""W&B offline, read back from its files: one history per stage, lineage by reference."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from srdist.config.load import save_config
from srdist.storage.manifest import Manifest, package_versions, write_manifest
from srdist.tracking import open_tracker, track_stage
from srdist.tracking.wandb_files import read_history, read_records, run_files
from srdist.tracking.wandb_run import run_id
from tests.train.tiny_run import make_config

STAGE = "train"


def config(folder, backend="wandb"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "documents.jsonl").write_text('{"id": "d", "title": "t", "text": "x"}\n')
    found = make_config(folder, "/base", folder / "deepspeed.json")
    corpus = {"documents": [{"format": "jsonl", "path": str(folder / "documents.jsonl")}]}
    found = type(found).model_validate({**found.model_dump(mode="json"), "corpus": corpus})
    return found.model_copy(update={"tracking": found.tracking.model_copy(update={"backend": backend})})


def finished(path):
    """Return a run's records once W&B's own process, which may lag behind, has written the last one."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = list(read_records(path))
        if found and found[-1].HasField("exit"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path} is not finished")


def logged(settings, stage, records):
    tracker = open_tracker(settings, stage)
    for record in records:
        tracker.log(record)
    tracker.close()


def history(settings):
    paths = run_files(settings.run_dir, run_id(settings, STAGE))
    for path in paths:
        finished(path)
    return [row for path in paths for row in read_history(path)]


def test_own_files_write_nothing_more(tmp_path):
    settings = config(tmp_path / "run", "jsonl")
    before = sorted(tmp_path.rglob("*"))
    logged(settings, STAGE, [{"step": 1}])
    assert sorted(tmp_path.rglob("*")) == before


def test_the_id_follows_from_folder_stage_and_settings_that_matter(tmp_path):
    one = config(tmp_path / "one")
    slower = one.model_copy(update={"train": one.train.model_copy(update={"learning_rate": 1e-4})})
    quieter = one.model_copy(update={"train": one.train.model_copy(update={"log_steps": 9})})
    assert run_id(one, "train") == run_id(quieter, "train")
    others = [run_id(one, "evaluate"), run_id(config(tmp_path / "two"), "train"), run_id(slower, "train")]
    assert len({run_id(one, "train"), *others}) == 4


def test_a_torn_file_gives_what_is_whole(tmp_path):
    path = tmp_path / "run-x.wandb"
    path.write_bytes(b":W&B\xbe\xe1\x00" + b"\x00\x00\x00\x00\xff\x00\x01torn")
    assert list(read_records(path)) == []


@pytest.mark.slow
def test_an_offline_run_can_be_read_back(tmp_path, capfd):
    settings = config(tmp_path)
    logged(settings, STAGE, [{"step": step, "loss": 1 / step, "phase": "indexing"} for step in (3, 4)])
    (path,) = run_files(tmp_path)
    found = finished(path)
    run = next(record.run for record in found if record.HasField("run"))
    assert (run.run_id, run.run_group, run.job_type, run.project) == (
        run_id(settings, STAGE),
        "tiny",
        "train",
        "srdist",
    )
    about = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert about["train"]["learning_rate"] == 3e-3
    assert about["origin"]["versions"] == package_versions()
    rows = [(row["step"], row["loss"], row["phase"]) for row in history(settings)]
    assert rows == [(3, 1 / 3, "indexing"), (4, 0.25, "indexing")]
    assert "step" in {record.metric.name for record in found if record.HasField("metric")}
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


@pytest.mark.slow
def test_jobs_that_follow_each_other_write_one_history(tmp_path):
    """The second job goes on from the checkpoint of step 3, which the first, killed after step 5, had passed."""
    settings = config(tmp_path)
    base, validation = ({"validation/step": step, "validation/loss": 2.0} for step in (0, 4))
    jobs = [
        [base, *({"step": step, "loss": float(step)} for step in range(1, 6)), validation],
        [{"step": 4, "loss": 4.0}, validation, {"step": 5, "loss": 5.0}],
        [{"step": step, "loss": float(step)} for step in range(4, 9)],
    ]
    for records in jobs:
        logged(settings, STAGE, records)
        history(settings)  # waits for W&B's own process, which a job that is queued again has long outlived
        time.sleep(1.1)  # W&B names its folders by the second
    rows = history(settings)
    assert len(run_files(tmp_path, run_id(settings, STAGE))) == 3
    assert [row["step"] for row in rows if "loss" in row] == list(range(1, 9))
    assert [row["validation/step"] for row in rows if "validation/step" in row] == [0, 4]
    assert [row["_step"] for row in rows] == list(range(10))


KILLED_JOB = """
import os, signal, sys, time
from pathlib import Path
from srdist.config import load_config
from srdist.tracking import open_tracker

config = load_config(sys.argv[1])
tracker = open_tracker(config, "train")
tracker.log({"step": 1})
for path in Path("/proc").glob("[0-9]*"):
    try:
        about = (path / "stat").read_text()
    except OSError:  # it has ended
        continue
    if "wandb-core" in about and about.rpartition(")")[2].split()[1] == str(os.getpid()):
        os.kill(int(path.name), signal.SIGTERM)
for step in range(2, 30):
    tracker.log({"step": step})
    time.sleep(0.05)
tracker.summarize({"loss": 1.0}, [], [])
print("train", tracker.close())
tracker = open_tracker(config, "index")
tracker.summarize({"loss": 1.0}, [], [])
print("index", tracker.close())
"""


@pytest.mark.slow
def test_a_signal_that_ends_wandb_before_the_training_has_saved_does_not_end_the_training(tmp_path):
    settings = config(tmp_path)
    save_config(settings, tmp_path / "config.yaml")
    command = [sys.executable, "-c", KILLED_JOB, str(tmp_path / "config.yaml")]
    environment = {name: value for name, value in os.environ.items() if "WANDB_SERVICE" not in name}  # one of its own
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.stdout == "train False\nindex True\n", done.stderr
    assert re.fullmatch(r"Weights & Biases is lost \(\w+Error.*\n", done.stderr), done.stderr
    logged(settings, STAGE, [{"step": step} for step in range(1, 30)])  # as a training does that goes on
    parts = run_files(tmp_path, run_id(settings, STAGE))
    finished(parts[-1])
    rows = [row for path in parts for row in read_history(path)]
    assert [row["step"] for row in rows] == list(range(1, 30))


def finish_stage(settings, name, inputs, folder, content, **counts):
    (settings.run_dir / folder).mkdir(exist_ok=True)
    (settings.run_dir / folder / "part.bin").write_bytes(content)
    manifest = Manifest(name, {}, inputs, counts=counts)
    write_manifest(settings.run_dir, manifest, [folder])
    return manifest


@pytest.mark.slow
def test_stages_are_linked_by_what_they_read_and_wrote(tmp_path):
    settings = config(tmp_path)
    prepare = finish_stage(settings, "prepare", {"corpus.documents.0": "ab12"}, "mixture", bytes(300_000), passages=7)
    train = finish_stage(settings, "train", {"mixture": prepare.digest("mixture/")}, "model", b"w", loss=0.5)
    for manifest in (prepare, train, train):
        track_stage(settings, manifest)
    found = {}
    for stage in ("prepare", "train"):
        (path,) = run_files(tmp_path, run_id(settings, stage))
        found[stage] = finished(path)
        assert path.stat().st_size < 30_000
    linked = {
        stage: [(r.artifact.name, r.artifact.use_after_commit) for r in records if r.HasField("artifact")]
        for stage, records in found.items()
    }
    assert linked == {
        "prepare": [("tiny-corpus", True), ("tiny-mixture", False)],
        "train": [("tiny-mixture", True), ("tiny-model", False)],
    }
    made, used = (
        next(r.artifact for r in found[stage] if r.HasField("artifact") and r.artifact.type == "mixture")
        for stage in ("prepare", "train")
    )
    assert made.digest == used.digest
    assert json.loads(made.metadata)["sha256"] == prepare.digest("mixture/")
    (entry,) = made.manifest.contents
    assert Path(entry.ref.removeprefix("file://")) == tmp_path / "mixture" / "part.bin"
    assert entry.local_path == ""  # a reference: nothing is uploaded
    summary = {}
    for record in found["train"]:
        if record.HasField("summary"):
            items = record.summary.update
            summary |= {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
    assert summary["loss"] == 0.5


@pytest.mark.slow
def test_other_content_is_another_version(tmp_path):
    settings = config(tmp_path)
    digests = []
    for content in (b"one", b"two"):
        manifest = finish_stage(settings, "index", {}, "trie", content)
        track_stage(settings, manifest)
        path = run_files(tmp_path, run_id(settings, "index"))[-1]
        digests += [record.artifact.digest for record in finished(path) if record.HasField("artifact")]
        time.sleep(1.1)
    assert len(set(digests)) == 2
