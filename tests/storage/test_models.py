from pathlib import Path

import pytest

from srdist.errors import UserError
from srdist.storage.models import model_files


def test_the_files_of_a_folder_are_named_and_a_hub_model_has_none(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "1_Pooling/config.json", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = model_files(str(tmp_path), "writer", "a.key")
    assert list(files) == ["writer/1_Pooling/config.json", "writer/config.json", "writer/model.safetensors"]
    assert model_files("owner/model", "writer", "a.key") == {}


def test_a_folder_without_a_model_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model here: config.json is missing -- correct a.key"):
        model_files(str(tmp_path), "writer", "a.key")
