"""`srdist track sync`, as far as it goes without a server."""

from tests.cli.test_app import srdist


def test_a_folder_without_offline_runs_is_named(tmp_path):
    result = srdist("track", "sync", tmp_path)
    assert result.returncode == 2
    assert f"{tmp_path}: no offline runs of Weights & Biases here" in result.stderr


def test_a_dry_run_lists_the_parts_of_all_runs_below_a_folder(tmp_path):
    for run in ("one", "study/cells/two"):
        part = tmp_path / run / "wandb" / "offline-run-20260101_000000-ab12"
        part.mkdir(parents=True)
        (part / "run-ab12.wandb").write_bytes(b":W&B\xbe\xe1\x00")
    result = srdist("track", "sync", "--dry-run", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "2 parts of runs found" in result.stderr
    assert all(f"{tmp_path}/{run}/wandb" in result.stdout + result.stderr for run in ("one", "study/cells/two"))
