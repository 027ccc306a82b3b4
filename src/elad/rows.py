"""The rows of a file, one by one: JSONL (plain or .gz), Parquet, CSV.

A row that can't be read is given as what is wrong with it, so that it costs no other row.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from elad.errors import InputError

_EXPECTED = "Expected a .jsonl, .jsonl.gz, .parquet or .csv file in UTF-8."


def rows_of(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """The number and the columns of every row of a file, or what is wrong with the row.

    Raises InputError when the file can't be read at all.
    """
    kind = "".join(path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:]).lower()
    try:
        if kind == ".parquet":
            yield from _parquet_rows(path)
        elif kind == ".csv":
            yield from _csv_rows(path)
        elif kind in (".jsonl", ".json", ".jsonl.gz", ".json.gz"):
            yield from _json_rows(path)
        else:
            raise InputError(f"{path} has the ending {kind!r}. {_EXPECTED}")
    except (OSError, EOFError, csv.Error, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} can't be read: {reason}. {_EXPECTED}") from error


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    with gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _json_row(line)


def _json_row(line: bytes) -> Mapping[str, Any] | str:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return f"it is not JSON in UTF-8 ({error})"
    return row if isinstance(row, dict) else f"it is a JSON {type(row).__name__}, not an object"


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    csv.field_size_limit(2**30)
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        reader = csv.reader(lines, strict=True)
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise InputError(f"{path}: its header names a column twice: {', '.join(header)}.")
        for row in reader:
            if len(row) == len(header):
                yield reader.line_num, {column: value or None for column, value in zip(header, row, strict=True)}
            elif row:
                yield reader.line_num, f"it has {len(row)} values and the header has {len(header)} columns"


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise InputError(f"{path}: reading Parquet needs pyarrow: pip install 'elad-distill[parquet]'") from error
    try:
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches():
            for row in range(batch.num_rows):
                number += 1
                try:
                    yield number, batch.slice(row, 1).to_pylist()[0]
                except ValueError as error:
                    yield number, f"it holds what Python can't ({error})"
    except ArrowException as error:
        raise InputError(f"{path} can't be read as Parquet: {error}") from error
