"""What a path of a config names, and what is said where it names nothing."""

from pathlib import Path

import pytest

from srdist.config.paths import locate
from srdist.errors import UserError


def test_a_file_of_an_installed_package_is_found():
    assert locate(Path("package:srdist.config/paths.py")).name == "paths.py"


@pytest.mark.parametrize("name", ["absent", "absent.part", "srdist.absent", "srdist.errors", "srdist.errors.part"])
def test_a_package_that_is_not_installed_is_named(name):
    with pytest.raises(UserError, match=f"the Python package {name} is not installed -- pip install"):
        locate(Path(f"package:{name}/file"))
