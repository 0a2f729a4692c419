# ruff: noqa: T201
"""python ask_langchain.py http://127.0.0.1:9000/v1 camera question"""

import sys

from langchain_openai import ChatOpenAI

_, base_url, camera, question = sys.argv
model = ChatOpenAI(base_url=base_url, api_key="none", model="default")
content = [
    {"type": "image_url", "image_url": {"url": camera}},
    {"type": "text", "text": question},
]
print(model.invoke([{"role": "user", "content": content}]).text)
