"""
What n8n's nodes send is answered with what they read, and the workflows fit its nodes.

`recorded/` has the bodies, as a running n8n sent them (one is from its source).
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from bus import alerts

RECORDED = Path(__file__).parent / "recorded"
WORKFLOWS = sorted((Path(__file__).parents[2] / "examples/n8n").glob("*.json"))
BODIES = sorted(file.stem for file in RECORDED.glob("n8n-*.json") if file.stem != "n8n-nodes")
TOLD = {  # what the echo engine says to each: the last text of the user
    "chain": "What do you see?",
    "history": "Is it open?",
    "image": "What do you see?",
    "json": {"open": True},
    "schema": {"open": True},
    "text-and-image": "",  # its last message is the picture alone
    "text-v1": "Say hello",
    "text": "What do you see?",
}
PICTURES = {"image": 2, "chain": 1, "text-and-image": 1}


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


def kind(name: str, table: dict[str, Any]) -> Any:
    """What *table* has for the longest beginning of the body's *name*."""
    fits = [key for key in table if name.removeprefix("n8n-").startswith(key)]
    return table[max(fits, key=len)] if fits else None


@pytest.mark.parametrize("name", BODIES)
def test_what_n8n_sends_is_answered_with_what_it_reads(lookout: httpx.Client, name: str) -> None:
    sent = recorded(name)
    headers = {"Authorization": "Bearer none", "OpenAI-Organization": ""}  # as it sends them
    answer = lookout.post(sent["path"], json=sent["body"], headers=headers)
    assert answer.status_code == 200, answer.text
    read = read_response if sent["path"].endswith("/responses") else read_completion
    text = read(answer.json())
    told = kind(name, TOLD)
    if isinstance(told, dict):  # n8n reads it as JSON
        assert json.loads(text) == told
    elif told:
        assert told in text
    assert text.count("[image ") == (kind(name, PICTURES) or 0)


def read_completion(answer: Any) -> str:
    """As the OpenAI node 1.8 and the Chat Model do."""
    usage, choice = answer["usage"], answer["choices"][0]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert not choice["message"].get("tool_calls")
    return str(choice["message"]["content"])


def read_response(answer: Any) -> str:
    """As the OpenAI node 2 and the Chat Model with its Responses API do."""
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert (answer["status"], answer.get("error")) == ("completed", None)
    (message,) = [item for item in answer["output"] if item["type"] == "message"]
    assert not [item for item in answer["output"] if item["type"] == "function_call"]
    assert message["role"] == "assistant"
    return "".join(part["text"] for part in message["content"] if part["type"] == "output_text")


@pytest.mark.parametrize("name", ["n8n-tool-v1", "n8n-tool-v2"])
def test_a_tool_of_n8n_is_called_where_it_must_be(lookout: httpx.Client, name: str) -> None:
    sent = recorded(name)
    answer = lookout.post(sent["path"], json={**sent["body"], "tool_choice": "required"}).json()
    if sent["path"].endswith("/responses"):
        (call,) = [item for item in answer["output"] if item["type"] == "function_call"]
        assert call["call_id"]
    else:
        call = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"].startswith("Calculator_")
    assert json.loads(call["arguments"]) == {"input": "1+1"}


def test_the_credential_test_and_the_model_list_of_n8n_work(lookout: httpx.Client) -> None:
    answer = lookout.get("/v1/models", headers={"Authorization": "Bearer none"})
    assert [model["id"] for model in answer.json()["data"]] == ["echo"]


def parameters(workflow: Path) -> str:
    nodes = json.loads(workflow.read_text())["nodes"]
    return json.dumps([node["parameters"] for node in nodes])


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.stem))
def test_a_workflow_can_be_imported(file: Path) -> None:
    workflow = json.loads(file.read_text())
    assert {"name", "nodes", "connections", "settings"} <= set(workflow)
    names = [node["name"] for node in workflow["nodes"]]
    assert len(set(names)) == len(names)
    ends = [
        end["node"]
        for outputs in workflow["connections"].values()
        for output in outputs["main"]
        for end in output
    ]
    assert {*workflow["connections"], *ends} <= set(names)
    assert set(names) - set(ends) == {names[0]}  # only the trigger has nothing before it


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.stem))
def test_a_workflow_has_nodes_that_n8n_has(file: Path) -> None:
    known = recorded("n8n-nodes")["versions"]
    for node in json.loads(file.read_text())["nodes"]:
        assert node["typeVersion"] in known[node["type"]]
        assert {"id", "name", "parameters", "position"} <= set(node)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.stem))
def test_a_workflow_holds_no_secret(file: Path) -> None:
    for node in json.loads(file.read_text())["nodes"]:
        for credential in node.get("credentials", {}).values():
            assert set(credential) == {"id", "name"}
    assert not re.search("bearer|apikey|password", file.read_text(), re.IGNORECASE)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.stem))
def test_a_workflow_about_alerts_reads_fields_that_alerts_have(file: Path) -> None:
    fields = {*alerts.AlertEvent.__struct_fields__, "rule.question", "type", "snapshot"}
    read = re.findall(r"\$json\.(?:body|message)\.([a-z_]+(?:\.question)?)", parameters(file))
    assert set(read) <= fields
    if file.stem.startswith("alert"):
        assert {"type", "id", "camera", "rule.question", "score"} <= set(read)


def test_the_request_of_the_http_workflow_is_answered(lookout: httpx.Client) -> None:
    (workflow,) = [file for file in WORKFLOWS if file.stem == "describe-camera-http"]
    (node,) = [node for node in json.loads(workflow.read_text())["nodes"] if "http" in node["type"]]
    body = json.loads(node["parameters"]["jsonBody"])
    answer = lookout.post("/v1/chat/completions", json=body).json()
    assert answer["choices"][0]["message"]["content"]
    assert answer["lookout"]["frames"][0]["captured_at"]
