"""Archives of partitions: compressed CSV files with manifests, on disk before they count."""

import csv
import gzip
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

CHUNK: Final = 1 << 20
FIELD_LIMIT: Final = 1 << 30


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a file contains; `sha256` is that of the compressed file, as `sha256sum` prints it."""

    table: str
    partition: str
    columns: list[str]
    rows: int
    sha256: str


def data_file(directory: Path, partition: str) -> Path:
    """Return the path of a partition's rows."""
    return directory / f"{partition}.csv.gz"


def write_archive(
    directory: Path, chunks: Iterable[bytes], *, table: str, partition: str, columns: list[str]
) -> Manifest:
    """Write the rows, CSV with a header, and their manifest; return what was read back from disk.

    Raises OSError.
    """
    path = data_file(directory, partition)
    with _replaced(path) as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as compressed:
        for chunk in chunks:
            compressed.write(chunk)
    rows, sha256 = read_back(path)
    manifest = Manifest(table=table, partition=partition, columns=columns, rows=rows, sha256=sha256)
    with _replaced(directory / f"{partition}.json") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    return manifest


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file; raise OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_back(path: Path) -> tuple[int, str]:
    """Return the number of rows of a file and its SHA-256. Raises OSError and EOFError."""
    csv.field_size_limit(FIELD_LIMIT)
    sha256 = sha256_of(path)
    with gzip.open(path, "rb") as compressed, io.TextIOWrapper(compressed, newline="") as text:
        rows = sum(1 for _ in csv.reader(text)) - 1
    return rows, sha256


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `path` when it is completely on disk."""
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
