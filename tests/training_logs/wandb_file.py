"""Reads the file of an offline run: a log of records, framed like LevelDB's.

The file begins with `:W&B`, a magic number and a version, 7 bytes; blocks have 32 KiB. A record is
one or several pieces, each with CRC-32 (of type and content), length and type: full, first, middle
or last. Its content is a `Record`, a protocol buffer of wandb's own.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

BLOCK = 32 * 1024
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def contents(data: bytes) -> Iterator[bytes]:
    """The content of each record, checked against its CRC."""
    ident, magic, version = struct.unpack("<4sHB", data[:7])
    assert (ident, magic, version) == (b":W&B", 0xBEE1, 0), data[:7]
    at, record = 7, b""
    while at < len(data):
        if BLOCK - at % BLOCK < 7:  # no piece begins in the rest of a block
            at += BLOCK - at % BLOCK
            continue
        checksum, length, kind = struct.unpack("<IHB", data[at : at + 7])
        piece = data[at + 7 : at + 7 + length]
        if kind == 0 and length == 0:
            break
        assert len(piece) == length, "the file is cut off"
        assert zlib.crc32(bytes([kind]) + piece) & 0xFFFFFFFF == checksum, f"damage at {at}"
        assert (kind in (FULL, FIRST)) == (record == b""), f"pieces out of order at {at}"
        record += piece
        at += 7 + length
        if kind in (FULL, LAST):
            yield record
            record = b""
    assert not record, "the last record has no end"


class OfflineRun:
    """What a run has logged.

    Attributes:
        records: all of them.
        run: name, group, tags, configuration of the run.
        config: key -> value.
        history: one dictionary a step, with the step under `_step`.
        files: folder of its media.
    """

    def __init__(self, wandb_folder: Path, number: int = -1):
        folder = sorted(wandb_folder.glob("offline-run-*"))[number]
        (file,) = folder.glob("run-*.wandb")
        self.files = folder / "files"
        self.records = [Record.FromString(content) for content in contents(file.read_bytes())]
        self.run = self.of_type("run")[0]
        self.config = {item.key: json.loads(item.value_json) for item in self.run.config.update}
        self.history = [
            {
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in entry.item
            }
            for entry in self.of_type("history")
        ]

    def of_type(self, kind: str) -> list:
        return [getattr(r, kind) for r in self.records if r.WhichOneof("record_type") == kind]

    def series(self, key: str) -> dict[int, object]:
        """Step -> value of what was logged under a key."""
        return {row["_step"]: row[key] for row in self.history if key in row}
