"""A stage runs once, goes on after a kill, and refuses to mix what was made differently."""

import errno
import json

import pytest

from srdist.errors import UserError
from srdist.storage.manifest import read_manifest
from srdist.storage.stage import Stage, input_digests


def stage(run_dir, **changes):
    facts = {"settings": {"size": 3, "deep": {"list": [1, 2]}}, "inputs": {"corpus": "abc"}, **changes}
    return Stage(run_dir, "count", outputs=("out",), kept=("work",), **facts)


def writer(run_dir, calls, text="hello"):
    def work():
        calls.append(1)
        (run_dir / "out").mkdir(exist_ok=True)
        (run_dir / "out" / "file").write_text(text)
        return {"rows": 7}

    return work


def test_a_finished_stage_does_nothing_again(tmp_path):
    calls = []
    first = stage(tmp_path).run(writer(tmp_path, calls))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    second = stage(tmp_path).run(writer(tmp_path, calls))
    assert len(calls) == 1
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert first.counts == {"rows": 7}
    assert first.files["out/file"]["bytes"] == 5


def test_a_full_disk_is_told_and_the_work_goes_on_later(tmp_path):
    def refused():
        raise OSError(errno.ENOSPC, "Error", "out/file")

    with pytest.raises(UserError, match=r"out/file: cannot write: No space left on device -- make room \(.* goes on"):
        stage(tmp_path).run(refused)
    assert not stage(tmp_path).is_done()
    assert stage(tmp_path).run(writer(tmp_path, [])).counts == {"rows": 7}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"settings": {"size": 4, "deep": {"list": [1, 2]}}}, "size was 3, is 4"),
        ({"settings": {"size": 3, "deep": {"list": [1, 5]}}}, "deep.list.1 was 2, is 5"),
        ({"settings": {"size": 3}}, "deep.list.0 was 1, is absent"),
        ({"inputs": {"corpus": "xyz"}}, "input corpus changed"),
    ],
)
def test_a_changed_config_is_refused_with_the_keys_that_differ(tmp_path, change, named):
    stage(tmp_path).run(writer(tmp_path, []))
    with pytest.raises(UserError) as error:
        stage(tmp_path, **change).run(writer(tmp_path, [], "other"))
    assert named in str(error.value)
    assert "--overwrite" in str(error.value)
    assert (tmp_path / "out/file").read_text() == "hello"


def test_overwrite_removes_the_old_output_first(tmp_path):
    stage(tmp_path).run(writer(tmp_path, []))
    (tmp_path / "out/stale").write_text("old")
    stage(tmp_path, inputs={"corpus": "new"}).run(writer(tmp_path, [], "other"), overwrite=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["file"]


@pytest.mark.parametrize("damage", ["jello", "he"])
def test_overwrite_mends_a_damaged_stage(tmp_path, damage):
    stage(tmp_path).run(writer(tmp_path, []))
    (tmp_path / "out/file").write_text(damage)
    stage(tmp_path).run(writer(tmp_path, []), overwrite=True)
    assert (tmp_path / "out/file").read_text() == "hello"


def test_interrupted_work_is_taken_up_again(tmp_path):
    def dies():
        (tmp_path / "work").mkdir()
        (tmp_path / "work/half").write_text("done so far")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(tmp_path).run(dies)
    with pytest.raises(UserError, match="stage count has not finished"):
        read_manifest(tmp_path, "count")

    def goes_on():
        assert (tmp_path / "work/half").read_text() == "done so far"
        return writer(tmp_path, [])()

    stage(tmp_path).run(goes_on)
    assert not (tmp_path / "work").exists()


def test_what_killed_writers_left_is_removed(tmp_path):
    outputs = ("out/file.host.7.aside", "out/half.aside", "list.jsonl.host.7.aside")
    records = ("manifests/.count.pending.json.host.7.aside", "manifests/count.json.host.7.aside")
    left = [tmp_path / name for name in (*outputs, *records)]
    others = tmp_path / "list.jsonl.gz"

    def goes_on():
        left[1].mkdir(parents=True)
        for path in (left[0], left[1] / "file", *left[2:], others):
            path.write_text("half")
        return writer(tmp_path, [])()

    Stage(tmp_path, "count", {}, {}, outputs=("out", "list.jsonl")).run(goes_on)
    assert [path.exists() for path in (*left, others)] == [*[False] * len(left), True]


@pytest.mark.parametrize("record", ["count.json", ".count.pending.json"])
def test_a_damaged_record_is_named_and_overwrite_mends_it(tmp_path, record):
    calls = []
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / record).write_text("{")
    with pytest.raises(UserError, match=f"{record} is damaged -- pass --overwrite"):
        stage(tmp_path).run(writer(tmp_path, calls))
    stage(tmp_path).run(writer(tmp_path, calls), overwrite=True)
    assert calls == [1] and read_manifest(tmp_path, "count").counts == {"rows": 7}


def test_interrupted_work_of_another_config_is_refused(tmp_path):
    def dies():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(tmp_path).run(dies)
    with pytest.raises(UserError, match="made differently"):
        stage(tmp_path, inputs={}).run(writer(tmp_path, []))


def test_two_processes_do_not_run_one_stage(tmp_path):
    def nested():
        with pytest.raises(UserError, match="another process"):
            stage(tmp_path).run(writer(tmp_path, []))
        return {}

    stage(tmp_path).run(nested)


@pytest.mark.parametrize("damage", ["changed", "shorter", "absent"])
def test_verify_names_the_damaged_file(tmp_path, damage):
    manifest = stage(tmp_path).run(writer(tmp_path, []))
    path = tmp_path / "out/file"
    if damage == "absent":
        path.unlink()
    else:
        path.write_text("jello" if damage == "changed" else "he")
    with pytest.raises(UserError, match="out/file: file"):
        manifest.verify(tmp_path)


def test_a_damaged_manifest_is_named(tmp_path):
    stage(tmp_path).run(writer(tmp_path, []))
    (tmp_path / "manifests/count.json").write_text(json.dumps({"unknown": 1}))
    with pytest.raises(UserError, match=r"count\.json: not a manifest"):
        read_manifest(tmp_path, "count")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to the run's folder"):
        stage(tmp_path / "file").run(dict)


def test_input_digests_notice_a_changed_file(tmp_path):
    path, cache = tmp_path / "input", tmp_path / "cache.json"
    path.write_text("a")
    first = input_digests({"input": path}, cache)
    assert input_digests({"input": path}, cache) == first
    path.write_text("bb")
    assert input_digests({"input": path}, cache) != first


def test_files_of_others_are_neither_taken_for_the_stages_own_nor_removed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("my data")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="out: this is where stage count writes, .* -- move it away"):
            stage(tmp_path).run(writer(tmp_path, []), overwrite=overwrite)
    assert (tmp_path / "out" / "mine").read_text() == "my data"


def test_tables_whose_manifests_are_gone_are_not_taken_for_new_ones(tmp_path):
    stage(tmp_path).run(writer(tmp_path, []))
    (tmp_path / "manifests" / "count.json").unlink()
    with pytest.raises(UserError, match="is not known to be of this run"):
        stage(tmp_path, inputs={"corpus": "xyz"}).run(writer(tmp_path, []))


def test_a_link_to_another_disk_stays_and_what_it_leads_to_is_emptied(tmp_path):
    (tmp_path / "fast").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "work").symlink_to(tmp_path / "fast")

    def work():
        (tmp_path / "run" / "work" / "deep").mkdir()
        (tmp_path / "run" / "work" / "deep" / "file").write_text("half done")
        return writer(tmp_path / "run", [])()

    stage(tmp_path / "run").run(work)
    assert (tmp_path / "run" / "work").is_symlink()
    assert list((tmp_path / "fast").iterdir()) == []


def test_a_cut_cache_of_digests_is_made_again(tmp_path):
    path, cache = tmp_path / "input", tmp_path / "cache.json"
    path.write_text("a")
    first = input_digests({"input": path}, cache)
    cache.write_text(cache.read_text()[:20])
    assert input_digests({"input": path}, cache) == first
