"""Ask a camera one question with OpenAI's client: `python ask.py "Is the gate open?"`"""
# ruff: noqa: T201

import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:9000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
question = sys.argv[1] if len(sys.argv) > 1 else "What do you see?"

answer = client.chat.completions.create(
    model="default",
    messages=[
        {
            "role": "user",
            "content": [
                # A camera's id, or its URL: rtsp://user:password@10.0.0.5/stream1
                {"type": "image_url", "image_url": {"url": "demo"}},
                {"type": "text", "text": question},
            ],
        }
    ],
)
print(answer.choices[0].message.content)
