"""The command line: help, exit codes, one line for a mistake."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from srdist.cli.app import app
from srdist.cli.stages import STAGES


def srdist(*arguments):
    command = [sys.executable, "-c", "from srdist.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_help_names_every_command():
    result = srdist("--help")
    assert result.returncode == 0
    for name in (*(stage.name for stage in STAGES), "run", "search"):
        assert f"│ {name} " in result.stdout


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES] + ["run", "search"])
def test_every_command_explains_itself(stage):
    result = CliRunner().invoke(app, [stage, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "absent.yaml"], "absent.yaml: no such config file"),
        (["run", "absent.yaml"], "absent.yaml: no such config file"),
        (["search", "absent"], "absent"),
        (["prepare"], "Missing argument"),
        (["prepaer", "x"], "No such command"),
        (["study", "study.yaml", "--submit", "--list"], "--submit takes all unfinished cells"),
        (["study", "study.yaml", "--submit", "--cell", "0"], "--submit takes all unfinished cells"),
    ],
)
def test_a_mistake_is_one_message_without_a_traceback(tmp_path, arguments, message):
    result = srdist(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback():
    result = srdist("--debug", "plan", "absent.yaml")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_a_stage_names_the_one_that_must_come_first(tmp_path):
    from tests.tiny_run import make_experiment

    for stage in ("index", "train", "retrieve", "evaluate"):
        result = srdist(stage, make_experiment(tmp_path / stage))
        assert result.returncode == 2, result.stderr
        assert "has not finished" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_help_is_quick_to_import():
    code = (
        "import sys, srdist.cli.app; print([m for m in ('torch', 'ray', 'transformers', 'wandb') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_config_that_is_no_runs_is_not_overwritten(tmp_path):
    from tests.tiny_run import make_experiment

    path = make_experiment(tmp_path)
    written = path.read_text()
    result = srdist("prepare", path, "--set", f"output={tmp_path}")
    assert result.returncode == 2
    assert "config.yaml: not the config of a run, and would be overwritten -- choose another `output`" in result.stderr
    assert path.read_text() == written


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    from tests.tiny_run import make_experiment

    path = make_experiment(tmp_path)
    for output in (path / "run", "/proc/run", tmp_path / ("x" * 300)):
        result = srdist("prepare", path, "--set", f"output={output}")
        assert result.returncode == 2
        assert "cannot make the run's folder: " in result.stderr


@pytest.mark.slow
def test_a_run_without_test_queries_ends_before_the_training(tmp_path):
    from tests.tiny_run import make_experiment

    path = make_experiment(tmp_path)
    queries = (tmp_path / "queries.jsonl").read_text().replace('"test"', '"train"')
    (tmp_path / "queries.jsonl").write_text(queries)
    result = srdist("run", path)
    assert result.returncode == 2
    assert "there are no test queries" in result.stderr
    assert not (tmp_path / "run" / "model").exists()
