"""What n8n's OpenAI node sends, byte for byte, is answered with what it reads."""

import json

import httpx

from tests.api.responses.asking import PATH, answered

# "Analyze Image" with one URL, and nothing else chosen.
IMAGE = (
    '{"model":"echo","input":[{"role":"user","content":[{"type":"input_text",'
    '"text":"What\'s in this image?"},{"type":"input_image","detail":"auto",'
    '"image_url":"camera://demo"}]}],"max_output_tokens":300}'
)
# "Message a Model" with three messages and every option that it offers for a plain answer.
TEXT = (
    '{"model":"echo","input":[{"role":"system","content":[{"type":"input_text","text":'
    '"You are a helpful assistant designed to output JSON."}]},{"role":"assistant","content":'
    '[{"type":"input_text","text":"Hello"}]},{"role":"user","content":[{"type":"input_text",'
    '"text":"Is the gate open?"}]}],"parallel_tool_calls":true,"store":true,'
    '"instructions":"Be brief","max_output_tokens":100,"prompt_cache_key":"key",'
    '"safety_identifier":"me","service_tier":"auto","temperature":1,"top_p":1,'
    '"top_logprobs":0,"tools":[],"max_tool_calls":5,"background":false,'
    '"truncation":"auto","include":["file_search_call.results",'
    '"message.input_image.image_url"],"metadata":{"flow":"7"},"reasoning":{"effort":"medium"},'
    '"text":{"verbosity":"medium","format":{"type":"text"}}}'
)
JSON = {"content-type": "application/json"}


def test_the_image_action_works_unchanged(lookout: httpx.Client) -> None:
    answer = answered(lookout.post(PATH, content=IMAGE, headers=JSON))
    assert answer["output"][0]["content"][0]["text"].startswith("What's in this image?\n[image 1")
    assert answer["usage"]["input_tokens"] > 0
    assert answer["usage"]["output_tokens"] > 0


def test_the_text_action_works_unchanged(lookout: httpx.Client) -> None:
    answer = answered(lookout.post(PATH, content=TEXT, headers=JSON))
    (message,) = [item for item in answer["output"] if item["type"] == "message"]
    assert message["content"][0]["text"] == "Is the gate open?"
    assert answer["metadata"] == {"flow": "7"}


def test_its_loop_over_tools_works(lookout: httpx.Client) -> None:
    """It sends back the calls as it got them, and what its tools have returned."""
    body = json.loads(TEXT)
    body["tools"] = [
        {
            "type": "function",
            "name": "look",
            "description": "Looks",
            "parameters": {"type": "object", "properties": {"input": {"type": "string"}}},
            "strict": False,
        }
    ]
    body["tool_choice"] = "none"
    body["input"] += [
        {
            "id": "fc_1",
            "type": "function_call",
            "status": "completed",
            "arguments": '{"input":"gate"}',
            "call_id": "call_1",
            "name": "look",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "open"},
    ]
    answered(lookout.post(PATH, json=body))
