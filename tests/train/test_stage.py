"""What a training refuses to begin with."""

import pytest

from srdist.errors import UserError
from srdist.storage.manifest import Manifest, write_manifest
from srdist.train.records import forget_after
from srdist.train.stage import train_stage
from tests.tiny import make_tiny_model
from tests.tiny_run import tiny_config


def prepared(config):
    """Record a mixture that was prepared with the tokenizer of the config's base model."""
    from srdist.prepare.stage import prepare_settings, tokenizer_files
    from srdist.storage.files import sha256

    inputs = {name: sha256(path) for name, path in tokenizer_files(config).items()}
    (config.run_dir / "mixture").mkdir(parents=True)
    write_manifest(config.run_dir, Manifest("prepare", prepare_settings(config), inputs), ("mixture",))


def test_another_tokenizer_than_the_mixtures_is_refused(tmp_path):
    config = tiny_config(tmp_path)
    prepared(config)
    train_stage(config)
    make_tiny_model(tmp_path / "base", ["other words of another corpus"])
    with pytest.raises(UserError, match="base: the mixture was prepared with another tokenizer.json -- set model.base"):
        train_stage(config)


def test_a_base_model_may_lie_elsewhere_later(tmp_path):
    config = tiny_config(tmp_path)
    prepared(config)
    before = train_stage(config)
    (tmp_path / "base").rename(tmp_path / "moved")
    moved = config.model.model_copy(update={"base": str(tmp_path / "moved")})
    after = train_stage(config.model_copy(update={"model": moved}))
    assert (after.settings, after.inputs) == (before.settings, before.inputs)


def test_a_damaged_record_is_named_with_its_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\nnot json\n{"step": 3')
    with pytest.raises(UserError, match=r"metrics.jsonl, line 2: not a record of the training -- remove the line"):
        forget_after(path, 3)
