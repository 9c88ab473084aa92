"""What stages read and wrote, from their manifests."""

from srdist.storage.manifest import Manifest, write_manifest
from srdist.tracking.lineage import made_by, used_by
from tests.tracking.test_wandb import config


def stage(run_dir, name, inputs, files):
    for file in files:
        (run_dir / file).parent.mkdir(parents=True, exist_ok=True)
        (run_dir / file).write_text(f"{name} {file}")
    manifest = Manifest(name, {}, inputs)
    write_manifest(run_dir, manifest, files)
    return manifest


def kinds(artifacts):
    return [artifact.kind for artifact in artifacts]


def test_each_folder_is_an_artifact_and_stages_meet_in_them(tmp_path):
    settings = config(tmp_path / "run")
    run_dir = settings.run_dir
    inputs = {"corpus.documents.0": "ab", "tokenizer/tokenizer.json": "cd"}
    prepare = stage(run_dir, "prepare", inputs, ["mixture/a/0.arrow", "mixture/b/0.arrow", "queries/0.arrow"])
    queries = {"queries": prepare.digest("queries/")}
    part = stage(run_dir, "baselines.bm25", queries, ["baselines/bm25/run.trec"])
    baselines = stage(run_dir, "baselines", {"bm25": part.digest()}, [])
    evaluate = stage(run_dir, "evaluate", {**queries, "baselines/bm25": part.digest()}, ["evaluate/metrics.json"])
    (run_dir / "manifests" / ".inputs.json").write_text("{}")

    assert kinds(used_by(settings, prepare)) == ["corpus"]
    assert kinds(made_by(run_dir, prepare)) == ["mixture", "queries"]
    assert kinds(used_by(settings, baselines)) == ["queries"]
    assert kinds(made_by(run_dir, baselines)) == ["baselines.bm25"]
    assert kinds(used_by(settings, evaluate)) == ["baselines.bm25", "queries"]
    assert used_by(settings, evaluate)[0] == made_by(run_dir, baselines)[0]
    grown = stage(run_dir, "retrieve", {**queries, "mixture": "of another corpus"}, ["retrieve/run.trec"])
    assert kinds(used_by(settings, grown)) == ["queries"]


def test_the_digest_is_that_of_the_content(tmp_path):
    digests = []
    for folder, text in (("one", "same"), ("two", "same"), ("three", "other")):
        settings = config(tmp_path / folder)
        (settings.run_dir / "trie").mkdir()
        (settings.run_dir / "trie" / "0.arrow").write_text(text)
        manifest = Manifest("index", {}, {})
        write_manifest(settings.run_dir, manifest, ["trie"])
        digests.append(made_by(settings.run_dir, manifest)[0].digest)
    assert digests[0] == digests[1] != digests[2]
