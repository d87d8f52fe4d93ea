"""What is taken along: a stranger cannot map pseudonyms back, spreadsheets see numbers and no formula."""

import io
import json
import re
import zipfile
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.test import Client
from openpyxl import load_workbook

from accounts import roster
from accounts.facade import User
from markets import queries
from markets.exports import files
from markets.exports.cells import armed, disarmed
from markets.tests.admin.conftest import press

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", '=HYPERLINK("http://x","y")', "'=1", "-"]


@pytest.fixture
def traded(console: Client, session: queries.SessionInfo) -> queries.SessionInfo:
    """A session with everything in it that names somebody."""
    User.objects.create_user("bob")
    press(console, "admit", session.stream, participant_id="dora", name="=cmd|' /C calc'!A0")
    press(console, "start", session.stream)
    press(console, "announce", session.stream, text="alice, see me")
    press(console, "announce", session.stream, text="For bob", participant="bob")
    press(console, "halt", session.stream, reason="bob asked")
    press(console, "remove", session.stream, participant="bob", reason="left")
    return session


def made(session: queries.SessionInfo, form: str, *, table: str = "", hides: bool = False) -> bytes:
    with (found := files.make(session, form=form, table=table, is_pseudonymous=hides)).content:
        return found.content.read()


def everything(session: queries.SessionInfo, *, hides: bool) -> str:
    with zipfile.ZipFile(io.BytesIO(made(session, "csv", hides=hides))) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist() if name != "codebook.csv")


def test_a_stranger_finds_nobody_in_a_pseudonymous_export(traded: queries.SessionInfo) -> None:
    named, hidden = everything(traded, hides=False), everything(traded, hides=True)
    people = [*queries.participants(traded.stream), "bob"]
    uids = [*roster.uids_of(["alice", "olga"]).values(), traded.organiser]
    for secret in [*people, *uids, "Alice A.", "calc", "see me", "asked", "left"]:
        assert secret in named, secret
        assert not re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", hidden), secret
    for who in [*people, *uids]:  # nor by trying out every plain digest of what one knows
        for text in (who, f"{traded.session_id}/{who}", f"pseudonym/{traded.stream.hex}/P/{who}"):
            assert sha256(text.encode()).hexdigest()[:10] not in hidden


def test_the_same_person_has_the_same_pseudonym_in_every_table_and_file(traded: queries.SessionInfo) -> None:
    hidden = everything(traded, hides=True)
    assert hidden == everything(traded, hides=True)
    marks = set(re.findall(r"P-[0-9a-f]{10}", hidden))
    assert len(marks) == 3
    joined = [json.loads(row["payload"]) for row in rows_of(traded, "events") if row["type"] == "ParticipantJoined"]
    assert {one["participant"] for one in joined} <= marks
    assert {row["participant"] for row in rows_of(traded, "participants")} == marks


def rows_of(session: queries.SessionInfo, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(
        io.BytesIO(made(session, "parquet", table=table, hides=True))
    ).to_pylist()
    return found


def test_a_workbook_has_numbers_where_numbers_are_and_text_everywhere_else(traded: queries.SessionInfo) -> None:
    book = load_workbook(io.BytesIO(made(traded, "xlsx")))
    kinds = {(row[0].value, row[1].value): row[2].value for row in book["codebook"].iter_rows(min_row=2)}
    wanted = {"whole": {"n"}, "decimal": {"n"}, "flag": {"b"}, "text": {"s", "inlineStr"}, "time": {"s", "inlineStr"}}
    seen = set()
    for sheet in book:
        titles = [cell.value for cell in sheet[1]]
        for row in sheet.iter_rows(min_row=2):
            for title, cell in zip(titles, row, strict=True):
                if cell.value is None or sheet.title == "codebook":
                    continue
                kind = kinds[sheet.title, title]
                assert cell.data_type in wanted[kind], (sheet.title, title, cell.value)
                seen.add(kind)
    assert seen == set(wanted)
    assert "=cmd|' /C calc'!A0" in [cell.value for cell in book["participants"]["B"]]
    holdings = {(row[0].value, row[1].value): row[2].value for row in book["holdings"].iter_rows(min_row=2)}
    assert Decimal(str(holdings["alice", "AAPL"])) == 100
    assert not any(cell.data_type == "f" for sheet in book for row in sheet.iter_rows() for cell in row)


@pytest.mark.parametrize("text", EVIL)
def test_no_text_becomes_a_formula_in_a_csv_and_comes_back_as_it_was(text: str) -> None:
    told = disarmed(text)
    assert told[0] not in "=+-@\t\r＝＋－＠"
    assert armed(told) == text


def test_parquet_keeps_every_type(traded: queries.SessionInfo) -> None:
    schema = pq.read_schema(io.BytesIO(made(traded, "parquet", table="holdings")))
    assert schema.field("total").type == pa.decimal128(38, traded.cash_decimals)
    assert schema.field("participant").type == pa.string()
    assert pq.read_schema(io.BytesIO(made(traded, "parquet", table="orders"))).field(
        "created_at"
    ).type == pa.timestamp("us", tz="UTC")
