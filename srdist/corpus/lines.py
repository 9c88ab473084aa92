"""The text of a file, in lines or whole: plain, `.gz` or `.zst`, strict UTF-8."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import zstandard

from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.errors import UserError

BLOCK = 1 << 20
UTF8_CURE = "convert it to UTF-8, for example with iconv"


def read_lines(path: Path, bad: BadRecords) -> Iterator[RawRecord]:
    """Give the lines of a file that are not blank; `value` and `raw` are the text without the line end.

    Lines end with a line feed, a carriage return before it is dropped. A byte order mark at the start of
    the file is dropped. A line that is not UTF-8 is a bad record.

    Raises:
        UserError: the file cannot be read or its compression is damaged.
    """
    for number, data in enumerate(_byte_lines(path), start=1):
        data = data.removeprefix(codecs.BOM_UTF8) if number == 1 else data
        try:
            text = data.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError as error:
            record = RawRecord(None, path, number, raw=data.decode("utf-8", "backslashreplace"))
            bad.add(record, f"not valid UTF-8 (byte 0x{data[error.start]:02x} at {error.start + 1})", UTF8_CURE)
            continue
        if text and not text.isspace():
            yield RawRecord(text, path, number, raw=text)


def text_blocks(path: Path) -> Iterator[str]:
    """Give the text of a file in blocks of about a million characters, without a byte order mark.

    Raises:
        UserError: the file cannot be read, its compression is damaged or it is not UTF-8.
    """
    decoder, lines, first = codecs.getincrementaldecoder("utf-8")(), 0, True
    for block in chain(_blocks(path), [b""]):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line = lines + error.object[: error.start].count(b"\n") + 1
            raise UserError("not valid UTF-8", file=path, line=line, cure=UTF8_CURE) from None
        lines += text.count("\n")
        yield text.removeprefix("\ufeff") if first else text
        first = first and not text


def _byte_lines(path: Path) -> Iterator[bytes]:
    pending: list[bytes] = []
    for block in _blocks(path):
        *ended, rest = block.split(b"\n")
        if ended:
            pending.append(ended[0])
            yield b"".join(pending)
            yield from ended[1:]
            pending = []
        pending.append(rest)
    if last := b"".join(pending):
        yield last


def _blocks(path: Path) -> Iterator[bytes]:
    """Give the file's bytes, decompressed as its name says; turn what can go wrong into UserError."""
    kind = {".gz": "gzip", ".zst": "zstandard"}.get(path.suffix, "")
    try:
        with (gzip.open if kind == "gzip" else open)(path, "rb") as file:
            blocks = iter(lambda: file.read(BLOCK), b"")
            yield from _decompressed(blocks) if kind == "zstandard" else blocks
    except IsADirectoryError:
        raise UserError("this is a folder", file=path, cure="name a file in it") from None
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        cure = "copy or download it again; an uncompressed file must not have this ending"
        raise UserError(f"not a whole {kind} file ({error})", file=path, cure=cure) from None
    except OSError as error:
        raise UserError(f"cannot read it: {error.strerror}", file=path, cure="check the file and its rights") from None


def _decompressed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress Zstandard frame after frame; unlike `stream_reader`, notice a file that ends within a frame."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    frame = None
    for data in blocks:
        while data:
            frame = frame or decompressor.decompressobj()
            if block := frame.decompress(data):
                yield block
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("it ends too early")
