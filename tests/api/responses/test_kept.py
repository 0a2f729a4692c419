"""A conversation goes on from a response that is kept; what is kept can be read and removed."""

from typing import Any

import httpx
import openai
import pytest
from redis import Redis

from bus import names
from tests.api.asking import BLUE, RED, data_url, file_of, refused, solid
from tests.api.origin import Origin
from tests.api.responses.asking import PATH, answered, ask, events_of, image, said, text, user
from tests.stack import Stack

CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}


def picture(colour: tuple[int, int, int]) -> str:
    return data_url(file_of(solid(colour)))


def id_of(answer: httpx.Response) -> str:
    response: str = answered(answer)["id"]
    return response


def go_on(http: httpx.Client, before: httpx.Response, asked: Any, **fields: Any) -> httpx.Response:
    return ask(http, asked, previous_response_id=id_of(before), **fields)


def words_of(item: Any) -> str:
    (part,) = item["content"]
    words: str = part["text"]
    return words


def heard(answer: httpx.Response) -> int:
    """How many words the model was told."""
    words: int = answered(answer)["usage"]["input_tokens"]
    return words


def test_a_conversation_goes_on_with_all_that_was_said(client: openai.OpenAI) -> None:
    first = client.responses.create(model="echo", input="one two", instructions="a b c")
    second = client.responses.create(model="echo", input="three", previous_response_id=first.id)
    third = client.responses.create(model="echo", input="four", previous_response_id=second.id)
    assert third.previous_response_id == second.id
    told = [answer.usage.input_tokens for answer in (first, second, third) if answer.usage]
    assert told == [5, 5, 7]  # with the answers, and without the instructions
    assert third.output_text == "four"


def test_a_stream_is_kept_before_it_ends(lookout: httpx.Client) -> None:
    (*_, last) = events_of(ask(lookout, "one two", stream=True).text)
    response = last["response"]
    assert lookout.get(f"{PATH}/{response['id']}").json() == response
    answer = ask(lookout, "three", previous_response_id=response["id"], stream=True)
    assert events_of(answer.text)[-1]["response"]["usage"]["input_tokens"] == 5


def test_it_goes_on_from_any_response_and_more_than_once(lookout: httpx.Client) -> None:
    first = ask(lookout, "one")
    for words in ("two", "another two"):
        assert heard(go_on(lookout, first, words)) == 2 + len(words.split())


def test_pictures_are_seen_again(lookout: httpx.Client, origin: Origin) -> None:
    url = origin.url("picture?seen-again")
    first = ask(lookout, [user(text("?"), image(picture(RED)), image(url))])
    second = go_on(lookout, first, "And now?")
    third = go_on(lookout, second, [user(text("Still?"), image(picture(BLUE)))])
    assert said(second).splitlines()[1:] == [
        "[image 1: 64x48 mean RGB 200 30 40]",
        "[image 2: 64x48 mean RGB 20 180 60]",
    ]
    assert said(third).splitlines()[1:] == [
        *said(second).splitlines()[1:],
        "[image 3: 64x48 mean RGB 10 50 220]",
    ]
    assert origin.asked.count("picture?seen-again") == 1  # it may be another one by now


def test_a_camera_is_looked_at_again(lookout: httpx.Client) -> None:
    first = ask(lookout, [user(text("?"), image("camera://demo"))])
    second = go_on(lookout, first, "And now?")
    seen = [answered(answer)["lookout"]["frames"] for answer in (first, second)]
    assert [frame["camera"] for (frame,) in seen] == ["demo", "demo"]
    assert seen[1][0]["age_ms"] < 5000
    assert seen[1][0]["captured_at"] >= seen[0][0]["captured_at"]


def test_a_camera_that_is_gone_is_the_fault_of_what_was_said_before(lookout: httpx.Client) -> None:
    camera = {"id": "passing", "url": "demo:?fps=5&size=64x48"}
    assert lookout.post("/v1/cameras", json=camera).status_code == 201
    first = ask(lookout, [user(text("?"), image("passing"))])
    assert lookout.delete("/v1/cameras/passing").status_code == 200
    refused(go_on(lookout, first, "Now?"), 404, "camera_not_found", "previous_response_id")


def test_a_picture_that_is_no_longer_kept_is_said_so(
    lookout: httpx.Client, echo_stack: Stack
) -> None:
    first = ask(lookout, [user(image(picture(RED)))])
    with Redis.from_url(echo_stack.redis_url) as redis:
        key = names.response(id_of(first))
        (digest,) = set(redis.hkeys(key)) - {b"document"}
        redis.hdel(key, digest.decode())
    reason = refused(go_on(lookout, first, "?"), 400, "bad_request", "previous_response_id")
    assert "send it again" in reason


def test_what_was_called_before_may_be_answered(lookout: httpx.Client) -> None:
    output = {"type": "function_call_output", "call_id": "c1", "output": "open"}
    first = ask(lookout, [user(text("Well?")), CALL, output])
    assert said(go_on(lookout, first, [{**output, "output": "still open"}])) == "Well?"


@pytest.mark.parametrize("response", ["resp_" + "0" * 32, "resp_1", "x" * 256, "..", "a\r\nb"])
def test_an_unknown_response_is_refused_by_name(lookout: httpx.Client, response: str) -> None:
    answer = ask(lookout, "hi", previous_response_id=response)
    refused(answer, 400, "previous_response_not_found", "previous_response_id")


def test_what_shall_not_be_kept_is_not(lookout: httpx.Client) -> None:
    answer = ask(lookout, "hi", store=False)
    assert answered(answer)["store"] is False
    refused(lookout.get(f"{PATH}/{id_of(answer)}"), 404, "response_not_found")
    answer = go_on(lookout, answer, "more")
    refused(answer, 400, "previous_response_not_found", "previous_response_id")


def test_what_is_too_long_is_answered_and_not_kept(lookout: httpx.Client) -> None:
    answer = ask(lookout, "漢" * 990_000)
    assert answered(answer)["store"] is False
    refused(lookout.get(f"{PATH}/{id_of(answer)}"), 404, "response_not_found")


def test_a_response_is_read_and_removed(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="echo", input="hi", metadata={"a": "b"})
    assert client.responses.retrieve(answer.id).to_dict() == answer.to_dict()
    client.responses.delete(answer.id)
    for again in (client.responses.retrieve, client.responses.delete):
        with pytest.raises(openai.NotFoundError):
            again(answer.id)


def test_nothing_is_cancelled_for_nothing_runs_in_the_background(lookout: httpx.Client) -> None:
    answer = ask(lookout, "hi")
    reason = refused(lookout.post(f"{PATH}/{id_of(answer)}/cancel"), 400, "bad_request")
    assert "background" in reason
    gone = lookout.post(f"{PATH}/resp_{'0' * 32}/cancel")
    refused(gone, 404, "response_not_found")


def test_a_kept_response_is_not_streamed(lookout: httpx.Client) -> None:
    answer = lookout.get(f"{PATH}/{id_of(ask(lookout, 'hi'))}", params={"stream": True})
    refused(answer, 400, "bad_request", "stream")


def test_the_items_are_listed_with_all_that_was_told(client: openai.OpenAI) -> None:
    first = client.responses.create(model="echo", input="one")
    second = client.responses.create(
        model="echo",
        input=[{"role": "user", "content": [{"type": "input_text", "text": "two"}]}],
        previous_response_id=first.id,
    )
    listed = client.responses.input_items.list(second.id)
    shown = [item.to_dict() for item in listed]
    assert [(item["role"], words_of(item)) for item in shown] == [
        ("user", "two"),
        ("assistant", "one"),
        ("user", "one"),
    ]
    assert len({item["id"] for item in shown}) == 3


def test_items_come_in_pages(client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model="echo", input=[{"role": "user", "content": str(number)} for number in range(7)]
    )
    pages = client.responses.input_items.list(answer.id, order="asc", limit=3)
    assert pages.has_more
    assert [words_of(item.to_dict()) for item in pages] == [str(number) for number in range(7)]
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.input_items.list(answer.id, after="msg_1")
    assert raised.value.param == "after"


def test_pictures_are_listed_by_their_digest(lookout: httpx.Client) -> None:
    answer = ask(lookout, [user(text("?"), image(picture(RED), detail="low"))])
    (item,) = lookout.get(f"{PATH}/{id_of(answer)}/input_items").json()["data"]
    kind, shown = item["content"]
    assert kind == text("?")
    assert (shown["type"], shown["detail"]) == ("input_image", "low")
    assert shown["image_url"].startswith("sha256:")


def test_a_reference_stands_for_an_item_that_is_kept(lookout: httpx.Client) -> None:
    first = ask(lookout, [user(text("one two"), image(picture(RED)))])
    (asked,) = lookout.get(f"{PATH}/{id_of(first)}/input_items").json()["data"]
    (told,) = answered(first)["output"]
    items = [{"type": "item_reference", "id": asked["id"]}, {"id": told["id"]}, user(text("so?"))]
    second = ask(lookout, items)
    assert said(second) == "so?\n[image 1: 64x48 mean RGB 200 30 40]"
    # the answer is the two words and what was seen, in eight
    assert heard(second) == 2 + 10 + 1
    again = go_on(lookout, second, "and?")
    assert heard(again) == 13 + 9 + 1


def test_a_reference_that_leads_nowhere_is_refused(lookout: httpx.Client) -> None:
    first = ask(lookout, "one")
    (told,) = answered(first)["output"]
    for unknown in ("msg_1", told["id"][:-1] + "f", "msg_" + "0" * 36, "rs_" + "0" * 36):
        answer = ask(lookout, [user(text("a")), {"type": "item_reference", "id": unknown}])
        refused(answer, 404, "item_not_found", "input[1].id")
    answer = ask(lookout, [{"id": told["id"]}, {"id": told["id"]}])
    refused(answer, 400, "bad_request", "input[1].id")
    many = [{"id": f"msg_{number:032x}0000"} for number in range(40)]
    refused(ask(lookout, many), 404, "item_not_found", "input[0].id")


def test_what_is_ignored_is_not_kept(lookout: httpx.Client) -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    part = {"type": "output_text", "text": "yes", "annotations": deep, "logprobs": deep}
    items = [{"role": "assistant", "content": [part], "phase": deep}, user(text("so?"))]
    answer = go_on(lookout, ask(lookout, items), "and?")
    listed = lookout.get(f"{PATH}/{id_of(answer)}/input_items", params={"order": "asc"})
    item = listed.json()["data"][0]
    assert set(item) == {"id", "type", "role", "status", "content"}
    assert item["content"] == [{"type": "output_text", "text": "yes", "annotations": []}]


def test_an_answer_longer_than_a_text_may_be_is_not_gone_on_from(lookout: httpx.Client) -> None:
    words = "word " * 199_990
    first = ask(lookout, [user(text(words), *[image(picture(RED))] * 10)], max_output_tokens=10**6)
    assert len(said(first)) > 1_000_000
    refused(go_on(lookout, first, "?"), 400, "bad_request", "previous_response_id")


def test_calls_without_an_end_are_refused(lookout: httpx.Client) -> None:
    calls = [{**CALL, "call_id": f"c{number}"} for number in range(140)]
    refused(ask(lookout, [*calls, user(text("?"))]), 400, "bad_request", "input[128]")
