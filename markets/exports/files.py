"""Tables → a file: CSV, a workbook, or Parquet. Written to disk as of one moment; memory holds a few rows."""

import csv
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.db import connection
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from common.db import one_moment
from common.errors import DomainError
from markets.exports.cells import Column, Value, as_number, as_text, disarmed
from markets.exports.pseudonyms import Pseudonyms
from markets.exports.tables import TABLES, Row, Table, codebook, tables
from markets.queries import SessionInfo

FORMATS = ("csv", "xlsx", "parquet")
_BATCH = 2_000
_MOST_ROWS = 1_048_575  # what a sheet holds below its titles
_MOST_SIGNS = 32_767  # what a cell of a sheet holds
_IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is ready to be sent, from its beginning. Whoever takes it closes it."""

    name: str
    media_type: str
    content: IO[bytes]


def make(session: SessionInfo, *, form: str, table: str = "", is_pseudonymous: bool = False) -> Made:
    """The session's data in one file: all tables and the codebook, or one table alone.

    Raises DomainError `invalid_export` for a form or table there isn't, `too_large` for what no sheet can hold.
    """
    if form not in FORMATS:
        raise DomainError("invalid_export", f"format is one of: {', '.join(FORMATS)}.", field="format")
    if table and table not in TABLES:
        raise DomainError("invalid_export", f"table is one of: {', '.join(TABLES)}.", field="table")
    found = tables(session, Pseudonyms(session.stream, is_wanted=is_pseudonymous))
    wanted = [one for one in found if one.name == table] if table else [*found, codebook(found)]
    stem = "-".join(filter(None, [session.session_id, table, "pseudonymous" if is_pseudonymous else ""]))
    content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  whoever sends it closes it
    try:
        with one_moment(connection):
            suffix, media_type = _WRITERS[form](content, wanted, is_single=bool(table))
    except BaseException:
        content.close()
        raise
    content.seek(0)
    return Made(f"{stem}.{suffix}", media_type, content)


def _csv(content: IO[bytes], wanted: Sequence[Table], *, is_single: bool) -> tuple[str, str]:
    """One table as it is, several in a zip."""
    if is_single:
        _write_csv(content, wanted[0])
        return "csv", "text/csv; charset=utf-8"
    return _zipped(content, wanted, "csv", _write_csv)


def _write_csv(content: IO[bytes], table: Table) -> None:
    text = io.TextIOWrapper(content, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([column.name for column in table.columns])
    for row in table.rows():
        writer.writerow([_csv_cell(*pair) for pair in zip(table.columns, row, strict=True)])
    text.detach()


def _csv_cell(column: Column, value: Value) -> str:
    text = as_text(column, value)
    return disarmed(text) if column.kind == "text" else text


def _parquet(content: IO[bytes], wanted: Sequence[Table], *, is_single: bool) -> tuple[str, str]:
    if is_single:
        _write_parquet(content, wanted[0])
        return "parquet", "application/vnd.apache.parquet"
    return _zipped(content, wanted, "parquet", _write_parquet)


def _write_parquet(content: IO[bytes], table: Table) -> None:
    schema = pa.schema([pa.field(column.name, _arrow(column)) for column in table.columns])
    rows = table.rows()
    with pq.ParquetWriter(content, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            arrays = [
                pa.array([_arrow_value(column, row[index]) for row in batch], type=_arrow(column))
                for index, column in enumerate(table.columns)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _arrow(column: Column) -> Any:
    match column.kind:
        case "whole":
            return pa.int64()
        case "decimal":
            return pa.decimal128(38, column.decimals)
        case "time":
            return pa.timestamp("us", tz="UTC")
        case "flag":
            return pa.bool_()
    return pa.string()


def _arrow_value(column: Column, value: Value) -> Any:
    return as_number(column, value) if column.kind == "decimal" else value


def _zipped(
    content: IO[bytes], wanted: Sequence[Table], suffix: str, write: Callable[[IO[bytes], Table], None]
) -> tuple[str, str]:
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in wanted:
            with _entry(archive, f"{table.name}.{suffix}") as entry:
                write(entry, table)
    return f"{suffix}.zip", "application/zip"


@contextmanager
def _entry(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    """A file within the archive, made beside it: what writes it may want to look back."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as whole:
        yield whole
        whole.seek(0)
        with archive.open(name, "w") as entry:
            while block := whole.read(_IN_MEMORY):
                entry.write(block)


def _xlsx(content: IO[bytes], wanted: Sequence[Table], *, is_single: bool) -> tuple[str, str]:
    book = Workbook(write_only=True)
    for table in wanted:
        _write_sheet(book.create_sheet(table.name), table)
    book.save(content)
    return "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _write_sheet(sheet: Any, table: Table) -> None:
    sheet.freeze_panes = "A2"
    titles = [WriteOnlyCell(sheet, column.name) for column in table.columns]
    for title in titles:
        title.font = Font(bold=True)
    sheet.append(titles)
    for number, row in enumerate(table.rows(), 1):
        if number > _MOST_ROWS:
            detail = f"A sheet holds {_MOST_ROWS} rows, and there are more {table.name}: take CSV or Parquet."
            raise DomainError("too_large", detail)
        sheet.append(_sheet_row(sheet, table.columns, row))


def _sheet_row(sheet: Any, columns: Sequence[Column], row: Row) -> list[Any]:
    return [_sheet_cell(sheet, *pair) for pair in zip(columns, row, strict=True)]


def _sheet_cell(sheet: Any, column: Column, value: Value) -> Any:
    """Numbers stay numbers; all else is a text and never a formula, whatever it begins with."""
    if value is None or column.kind in {"whole", "decimal"}:
        return as_number(column, value)
    if column.kind == "flag":
        return bool(value)
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", as_text(column, value))[:_MOST_SIGNS])
    cell.data_type = "s"
    return cell


_Writer = Callable[..., tuple[str, str]]
_WRITERS: dict[str, _Writer] = {"csv": _csv, "xlsx": _xlsx, "parquet": _parquet}
