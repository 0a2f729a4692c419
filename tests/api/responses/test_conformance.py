"""The table of all fields is whole, and what it says of each is so."""

import httpx
import pytest

from tests.api.asking import refused
from tests.api.conformance_responses import RESPONSES
from tests.api.conforming import Refusal, Row, Use, fields_of
from tests.api.responses.asking import PATH

CASES = list(RESPONSES.cases())


def test_the_table_has_every_field_once_and_no_other() -> None:
    fields = [row.field for row in RESPONSES.rows]
    assert len(fields) == len(set(fields))
    assert set(fields) == fields_of(RESPONSES.request)


@pytest.mark.parametrize(
    ("row", "case"), [(row, case) for _, row, case in CASES], ids=[name for name, _, _ in CASES]
)
def test_a_field_does_what_the_table_says(
    lookout: httpx.Client, row: Row, case: Use | Refusal
) -> None:
    answer = lookout.post(PATH, json={**RESPONSES.base, **case.fields})
    if isinstance(case, Refusal):
        refused(answer, case.status, case.code, case.param)
    else:
        assert answer.status_code == 200, answer.text
        assert case.shows(answer), answer.text
