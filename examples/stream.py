"""Show a camera for two seconds, in four frames, and read the answer as it is generated."""
# ruff: noqa: T201

import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:9000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
question = sys.argv[1] if len(sys.argv) > 1 else "What is moving?"

stream = client.chat.completions.create(
    model="default",
    stream=True,
    messages=[
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "demo?frames=4&span=2s"}},
                {"type": "text", "text": question},
            ],
        }
    ],
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
