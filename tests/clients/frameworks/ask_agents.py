# ruff: noqa: T201
"""
python ask_agents.py http://127.0.0.1:9000/v1 camera question

By the Responses API, which an agent uses unless it is told otherwise.
"""

import sys

from agents import Agent, OpenAIResponsesModel, Runner, set_tracing_disabled
from openai import AsyncOpenAI

_, base_url, camera, question = sys.argv
set_tracing_disabled(True)
client = AsyncOpenAI(base_url=base_url, api_key="none")
model = OpenAIResponsesModel(model="default", openai_client=client)
content = [
    {"type": "input_image", "image_url": camera, "detail": "auto"},
    {"type": "input_text", "text": question},
]
agent = Agent(name="watch", model=model)
print(Runner.run_sync(agent, [{"role": "user", "content": content}]).final_output)
