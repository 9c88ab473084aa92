"""Writes that the file system refuses, told in one line."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from srdist.errors import UserError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EIO}


@contextmanager
def refused_writes_told(folder: Path) -> Iterator[None]:
    """Turn what Python, torch and safetensors raise when a write below `folder` fails into a UserError.

    Files are written aside: what was there before is whole.
    """
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        if error.errno not in FULL | UNWRITABLE:
            raise
        what, file = os.strerror(error.errno), error.filename or folder
    except SafetensorError as error:
        what, file = str(error), folder
    except RuntimeError as error:
        if not re.search(r"inline_container.*unexpected pos|PytorchStreamWriter|iostream error", str(error)):
            raise
        what, file = "torch could not write all of a file", folder
    else:
        return
    free = shutil.disk_usage(folder).free / 1e9
    cure = f"make room ({free:.2f} GB are free) or mend it; the same command goes on where it was"
    raise UserError(f"cannot write: {what}", file=file, cure=cure)
