import pytest

from srdist.errors import UserError
from srdist.storage.manifest import Manifest, manifest_path, read_manifest, write_manifest
from srdist.study.sharing import share_stages


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    for stage, name in (("prepare", "passages"), ("index", "trie"), ("train", "model"), ("baselines.bm25", "bm25")):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text(stage)
        write_manifest(folder, Manifest(stage, {}, {}), (name,))
    return folder


def test_finished_stages_and_baselines_are_taken_over_whole(source, tmp_path):
    target = tmp_path / "target"
    share_stages(source, target)
    for stage in ("prepare", "index", "train", "baselines.bm25"):
        read_manifest(target, stage).verify(target)
    assert (target / "model" / "file").stat().st_ino == (source / "model" / "file").stat().st_ino


def test_a_killed_sharing_is_taken_up_again(source, tmp_path):
    target = tmp_path / "target"
    share_stages(source, target)
    manifest_path(target, "train").unlink()
    (target / "model" / "file").unlink()
    share_stages(source, target)
    read_manifest(target, "train").verify(target)


def test_a_stage_that_has_not_finished_cannot_be_taken_over(source, tmp_path):
    manifest_path(source, "train").unlink()
    with pytest.raises(UserError, match="stage train has not finished"):
        share_stages(source, tmp_path / "target")


def test_without_hard_links_the_files_are_copied(source, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    share_stages(source, tmp_path / "target")
    read_manifest(tmp_path / "target", "train").verify(tmp_path / "target")
