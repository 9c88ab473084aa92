"""Files of JSON records that grow with a training: each step has one, whatever was killed and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from srdist.errors import UserError
from srdist.storage.files import write_text


def forget_after(path: Path, step: int) -> list[dict[str, Any]]:
    """Remove the records of later steps, which will come again, and a line that a kill cut off; return the others.

    Raises:
        UserError: a line that is whole is not JSON.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    records = {}
    for number, line in enumerate(lines, start=1):
        try:
            if line.endswith("\n"):
                records[line] = json.loads(line)
        except ValueError:
            raise UserError("not a record of the training", file=path, line=number, cure="remove the line") from None
    kept = {line: record for line, record in records.items() if record["step"] <= step}
    write_text(path, "".join(kept))
    return list(kept.values())
