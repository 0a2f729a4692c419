"""What the tables of fields say is true, is all there is, and stands in the documentation."""

import re
from typing import get_type_hints

import httpx
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from api.chat_request import ChatRequest
from api.errors import STATUS
from tests.api.asking import kind_of, refused
from tests.api.conformance import TABLES
from tests.api.conforming import PAGE, Refusal, Table, Use, fields_of, page_with

CASES = [
    pytest.param(table, case, id=f"{table.path}: {name}")
    for table in TABLES
    for name, _, case in table.cases()
]


@pytest.mark.parametrize(("table", "case"), CASES)
def test_a_field_does_what_the_table_says(
    lookout: httpx.Client, table: Table, case: Use | Refusal
) -> None:
    answer = lookout.post(table.path, json={**table.base, **case.fields})
    if isinstance(case, Refusal):
        refused(answer, case.status, case.code, case.param)
    else:
        assert answer.status_code == 200, answer.text
        assert case.shows(answer), answer.text


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.path)
def test_every_field_of_a_request_is_in_the_table_and_no_other(table: Table) -> None:
    named = [row.field for row in table.rows]
    assert sorted(named) == sorted(set(named))
    assert set(named) == fields_of(table.request)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.path)
def test_every_field_is_tried_and_one_that_matters_is_refused_too(table: Table) -> None:
    for row in table.rows:
        assert any(isinstance(case, Use) for case in row.cases), row.field
        refusals = any(isinstance(case, Refusal) for case in row.cases)
        assert refusals or row.kind == "ignored", row.field


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.path)
def test_the_page_says_what_the_table_says(table: Table) -> None:
    page = PAGE.read_text()
    assert page_with(table, page) == page, "run python -m tests.api.conformance"


def test_every_field_that_the_openai_client_knows_is_known_here() -> None:
    assert set(get_type_hints(CompletionCreateParamsBase)) <= set(ChatRequest.model_fields)


def test_every_error_is_on_the_page_with_its_status() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    told = {
        (code, int(status)) for status, _, codes in rows for code in re.findall(r"`(\w+)`", codes)
    }
    assert told == set(STATUS.items()) - {("bad_settings", 500)}  # no request meets that one
    assert all(kind == kind_of(int(status)) for status, kind, _ in rows)
