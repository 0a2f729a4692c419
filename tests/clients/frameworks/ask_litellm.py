# ruff: noqa: T201
"""python ask_litellm.py http://127.0.0.1:9000/v1 camera question"""

import sys

import litellm

_, base_url, camera, question = sys.argv
content = [
    {"type": "image_url", "image_url": {"url": camera}},
    {"type": "text", "text": question},
]
answer = litellm.completion(
    model="openai/default",
    api_base=base_url,
    api_key="none",
    messages=[{"role": "user", "content": content}],
)
print(answer.choices[0].message.content)
