#!/bin/sh
# Show alerts as they come, one JSON document on a line, with nothing but redis-cli.
# A stack on this machine has its Redis at a port after `lookout up --redis-port 6379`.
set -eu

redis-cli -u "${REDIS_URL:-redis://127.0.0.1:6379}" subscribe lookout:alerts |
  grep --line-buffered '^{'
