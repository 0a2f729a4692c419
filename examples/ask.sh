#!/bin/sh
# Ask a camera one question with curl. The answer is JSON; its text is in choices[0].
set -eu

curl --silent --show-error --fail-with-body \
  "${OPENAI_BASE_URL:-http://127.0.0.1:9000/v1}/chat/completions" \
  --header "Authorization: Bearer ${OPENAI_API_KEY:-none}" \
  --header "Content-Type: application/json" \
  --data '{
    "messages": [{
      "role": "user",
      "content": [
        {"type": "image_url", "image_url": {"url": "demo"}},
        {"type": "text", "text": "What do you see?"}
      ]
    }]
  }'
echo
