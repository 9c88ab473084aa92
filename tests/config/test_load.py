"""A config is one YAML file; what is wrong with it is said in one line."""

import shutil
from pathlib import Path

import pytest

from srdist.config import load_config
from srdist.config.load import load_study, save_config
from srdist.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"
MINIMAL = """
name: test
output: out
corpus:
  documents: [{format: jsonl, path: data/docs.jsonl}]
model: {base: ../model}
train: {deepspeed: ds.json}
"""


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "configs" / "test.yaml"
    path.parent.mkdir()
    path.write_text(MINIMAL)
    return path


STUDIES = sorted(CONFIGS.glob("study_*.yaml"))


@pytest.mark.parametrize("path", sorted({*CONFIGS.glob("*.yaml")} - {*STUDIES}), ids=lambda path: path.stem)
def test_every_config_of_the_repository_is_valid(path):
    config = load_config(path)
    assert config.train.deepspeed.is_file()


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_of_the_repository_is_valid(path):
    study = load_study(path)
    assert load_config(study.base).corpus.documents


def test_paths_are_relative_to_the_file_that_names_them(config_file, tmp_path):
    config = load_config(config_file)
    assert config.output == tmp_path / "configs/out"
    assert config.corpus.documents[0].path == tmp_path / "configs/data/docs.jsonl"
    assert config.model.base == str(tmp_path / "model")


def test_paths_of_overrides_are_relative_to_the_working_directory(config_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_config(config_file, ["output=elsewhere"]).output == tmp_path / "elsewhere"


def test_a_hub_name_is_not_a_path(config_file):
    assert load_config(config_file, ["model.base=meta-llama/Llama-2-7b-hf"]).model.base == "meta-llama/Llama-2-7b-hf"


def test_environment_variables_in_paths(config_file, monkeypatch):
    monkeypatch.setenv("CORPORA", "/somewhere")
    override = "corpus.documents=[{format: beir, path: '${CORPORA}/c.jsonl'}]"
    assert load_config(config_file, [override]).corpus.documents[0].path == Path("/somewhere/c.jsonl")
    override = "corpus.documents=[{format: beir, path: '${UNSET_VARIABLE:-/default}/c.jsonl'}]"
    assert load_config(config_file, [override]).corpus.documents[0].path == Path("/default/c.jsonl")


def test_overrides_win_and_may_name_new_sections(config_file):
    config = load_config(config_file, ["train.learning_rate=1e-5", "retrieve.titles=2"])
    assert config.train.learning_rate == 1e-5
    assert config.retrieve.titles == 2


def test_exact_search_takes_more_titles_than_there_are_beams(config_file):
    overrides = ["retrieve.search=exact", "retrieve.titles=20", "retrieve.title_beams=1"]
    assert load_config(config_file, overrides).retrieve.titles == 20


def test_a_file_extends_another_and_keeps_its_paths(config_file, tmp_path):
    child = tmp_path / "child.yaml"
    child.write_text("extends: configs/test.yaml\noutput: other\ntrain: {learning_rate: 0.5}\n")
    config = load_config(child)
    assert config.output == tmp_path / "other"
    assert config.train.learning_rate == 0.5
    assert config.train.deepspeed == tmp_path / "configs/ds.json"


def test_a_saved_config_reads_back_equal(config_file, tmp_path):
    config = load_config(config_file)
    save_config(config, tmp_path / "saved.yaml")
    assert load_config(tmp_path / "saved.yaml") == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.learning_rat=1", "unknown key train.learning_rat -- did you mean learning_rate?"),
        ("retreive.titles=1", "unknown key retreive -- did you mean retrieve?"),
        ("train.learning_rate=fast", "train.learning_rate: "),
        ("train.learning_rate=-1", "train.learning_rate: "),
        ("seed=-1", "seed: Input should be greater than or equal to 0"),
        ("corpus.documents=[{format: xml, path: a}]", "corpus.documents.0.format: "),
        ("corpus.documents=[{format: jsonl, paths: a}]", "did you mean path?"),
        ("retrieve.title_beams=1", "title_beams and passage_beams must be at least"),
        ("templates.title=no field", "templates.title must contain {title}"),
        ("corpus.titles.prompt=no field", "corpus.titles.prompt must contain {text}"),
        ("mixture.phases=[{name: a}, {name: a}]", "two phases have the same name"),
        ("corpus.documents=[{format: jsonl, path: $NOT_SET_ANYWHERE}]", "NOT_SET_ANYWHERE is not set"),
        ("no-equals-sign", "is not of the form section.key=value"),
        ("train.learning_rate=[", "the value is not valid YAML"),
        ("evaluate.measures=[]", "evaluate.measures: "),
        ("cluster.slurm.train.time=soon", "cluster.slurm.train.time: "),
        ("train.betas=[2, 5]", "train.betas.0: Input should be less than 1"),
        ("train.learning_rate=.inf", "train.learning_rate: Input should be a finite number"),
        (f"seed={2**63}", "seed: Input should be less than"),
        ("output=~nobody-of-this-name/run", "output: "),
    ],
)
def test_a_mistake_is_explained_in_one_line(config_file, change, message):
    with pytest.raises(UserError) as error:
        load_config(config_file, [change])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "line 1: not valid YAML"),
        ("- a list", "a config is a mapping"),
        (MINIMAL.replace("name: test", ""), "name is missing"),
        (MINIMAL + "extends: broken.yaml", "this file extends itself"),
        (MINIMAL + "extends: [a.yaml, b.yaml]", "extends names one file"),
        ("name: &a [*a]", "not valid YAML: nested too deeply"),
        ("name: " + 3000 * "[", "not valid YAML: nested too deeply"),
        ("name: a\ntrain: {}\nseed: 1\ntrain: {}", "line 4: not valid YAML: train is there twice"),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, message):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"broken\.yaml") as error:
        load_config(path)
    assert message in str(error.value)


@pytest.mark.parametrize("time", ["12:00:00", "06:00:00", "90:00", "120", "1-00:00:00", "'12:00:00'"])
def test_time_limits_need_no_quotes(config_file, tmp_path, time):
    config = load_config(config_file, [f"cluster.slurm.train.time={time}"])
    assert config.cluster.slurm.train.time == time.strip("'")
    save_config(config, tmp_path / "saved.yaml")
    assert load_config(tmp_path / "saved.yaml") == config


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="absent.yaml: no such config file"):
        load_config(tmp_path / "absent.yaml")


def test_a_folder_that_is_named_like_a_model_of_the_hub(config_file, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (config_file.parent / "models" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    (config_file.parent / "child.yaml").write_text(f"extends: {config_file.name}\nmodel: {{base: models/mine}}")
    with pytest.raises(UserError, match=r"models/mine is a folder in .*; write \./models/mine"):
        load_config(config_file.parent / "child.yaml")


def test_a_saved_path_with_a_dollar_is_read_as_it_stands(config_file, tmp_path, monkeypatch):
    folder = tmp_path / "x $HOME y"
    folder.mkdir()
    shutil.copy(config_file, folder / "test.yaml")
    config = load_config(folder / "test.yaml")
    config.output.mkdir(parents=True)
    save_config(config, tmp_path / "saved.yaml")
    assert load_config(tmp_path / "saved.yaml").output == config.output


def test_a_runs_folder_with_another_output_is_another_run(config_file, tmp_path):
    save_config(load_config(config_file), tmp_path / "run" / "config.yaml")
    assert load_config(tmp_path / "run", [f"output={tmp_path}/other"]).run_dir == tmp_path / "other"


def test_the_folder_of_a_run_stands_for_its_config(config_file, tmp_path):
    run_dir = tmp_path / "moved"
    save_config(load_config(config_file), run_dir / "config.yaml")
    assert load_config(run_dir, ["seed=5"]) == load_config(config_file, ["seed=5", f"output={run_dir}"])
