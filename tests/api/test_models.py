"""Which models there are, what each can do, and what is said of one that is not there."""

import httpx
import pytest

from inference.engines import echo
from tests.api.asking import refused
from tests.api.conftest import Tight


def test_a_model_says_what_it_can_do_and_what_serves_it(lookout: httpx.Client) -> None:
    (model,) = lookout.get("/v1/models").json()["data"]
    assert (model["id"], model["object"], model["owned_by"]) == ("echo", "model", "lookout")
    serving = model["lookout"]
    assert (serving["workers"], serving["slots"]) == (1, 128)
    assert serving["abilities"] == sorted(echo.ABILITIES)


def test_the_default_model_may_be_asked_for_by_that_name(tight: Tight) -> None:
    default = tight.http.get("/v1/models/default").json()
    assert default["id"] == "slow"
    assert default == tight.http.get("/v1/models/slow").json()


@pytest.mark.parametrize("name", ["gpt-4o", "a/b/c", "echo2", "x" * 500, "%00", "%F0%9F%90%95"])
def test_a_model_that_is_not_there_is_said_so(lookout: httpx.Client, name: str) -> None:
    answer = lookout.get(f"/v1/models/{name}")
    reason = refused(answer, 404, "model_not_found", "model")
    assert reason.startswith("The model `")
    assert reason.endswith("` does not exist here: choose one of echo")
