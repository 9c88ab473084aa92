import pytest
import yaml

from srdist.config.load import load_study
from srdist.errors import UserError
from srdist.study.grid import make_cells

BASE = {
    "name": "base",
    "output": "run",
    "corpus": {"documents": [{"format": "jsonl", "path": "d.jsonl"}]},
    "model": {"base": "./tiny"},
    "train": {"deepspeed": "z.json"},
}
VARIANTS = [
    {"name": "full"},
    {"name": "one-beam", "model_of": "full", "documents": [20], "set": ["retrieve.titles=1", "retrieve.title_beams=1"]},
]


@pytest.fixture
def write(tmp_path):
    def write_study(**changes):
        (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE))
        study = {"name": "s", "output": "out", "base": "base.yaml", "documents": [20, 10], "variants": VARIANTS}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study | changes))
        return load_study(tmp_path / "study.yaml")

    return write_study


def test_cells_are_sizes_by_seeds_by_variants_small_corpora_first(write):
    cells = make_cells(write(seeds=[1, 2]))
    assert [cell.name for cell in cells] == [
        "full-10-1",
        "full-10-2",
        "full-20-1",
        "one-beam-20-1",
        "full-20-2",
        "one-beam-20-2",
    ]


def test_a_cell_is_the_base_with_its_size_seed_and_overrides(write, tmp_path):
    full, one_beam = make_cells(write(seeds=[7]))[1:]
    assert full.config.corpus.sample.documents == 20 and full.config.corpus.sample.seed == full.config.seed == 7
    assert full.config.run_dir == tmp_path / "out" / "cells" / "full-20-7"
    assert full.config.retrieve.title_beams == 10 and one_beam.config.retrieve.title_beams == 1
    assert full.config.name == one_beam.config.name == "s"


def test_a_cell_that_differs_in_retrieval_takes_the_model_of_its_size_and_seed(write):
    cells = {cell.name: cell for cell in make_cells(write(seeds=[1, 2]))}
    assert cells["one-beam-20-2"].model_of is cells["full-20-2"]
    assert cells["full-20-2"].model_of is None


def test_it_has_the_settings_of_the_one_whose_model_it_takes(write):
    variants = [
        {"name": "a", "set": ["retrieve.titles=3", "train.row_tokens=64"]},
        {"name": "b", "model_of": "a", "set": ["retrieve.titles=2"]},
        {"name": "c", "model_of": "b"},
    ]
    _, b, c = (cell.config for cell in make_cells(write(documents=[10], variants=variants)))
    assert (b.retrieve.titles, b.train.row_tokens) == (c.retrieve.titles, c.train.row_tokens) == (2, 64)


def test_overrides_of_the_command_line_reach_every_cell(write):
    assert {cell.config.train.row_tokens for cell in make_cells(write(), ["train.row_tokens=64"])} == {64}


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ([{"name": "a"}, {"name": "a"}], "two have the name a"),
        ([{"name": "a", "documents": [30]}], "names a size"),
        ([{"name": "a", "model_of": "b"}, {"name": "b"}], "not an earlier variant"),
        ([{"name": "a", "documents": [10]}, {"name": "b", "model_of": "a"}], "with the same sizes"),
        ([{"name": "a", "sets": []}], r"unknown key variants\.0\.sets -- did you mean set\?"),
        ([{"name": "a", "set": ["retrieve.beams=1"]}], r"unknown key retrieve\.beams"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(write, variants, message):
    with pytest.raises(UserError, match=message):
        make_cells(write(variants=variants))


def test_paths_of_a_variant_start_at_the_study(write, tmp_path):
    (cell,) = make_cells(write(documents=[10], variants=[{"name": "other", "set": ["model.base=./other"]}]))
    assert cell.config.model.base == str(tmp_path / "other")


def test_names_and_folders_are_taken_as_they_are(write, tmp_path):
    (cell, *_) = make_cells(write(name="2025", output="out #1"))
    assert cell.config.name == "2025" and cell.run_dir == tmp_path / "out #1" / "cells" / "full-10-0"


def test_an_override_is_a_text(write):
    with pytest.raises(UserError, match="should be a text of the form section.key=value"):
        write(variants=[{"name": "full", "set": [{"retrieve.titles": 1}]}])


def test_a_seed_below_zero_is_refused_in_the_study_itself(write):
    with pytest.raises(UserError, match=r"study.yaml: seeds.1: Input should be greater than or equal to 0"):
        write(seeds=[0, -1])
