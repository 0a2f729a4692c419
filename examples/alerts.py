"""Show alerts as they come, over a WebSocket: `python alerts.py`; `--all` begins with old ones."""
# ruff: noqa: T201

import json
import os
import sys
from time import sleep

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

base = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:9000/v1").replace("http", "ws", 1)
headers = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}"}
since = "&since=0" if "--all" in sys.argv else ""

while True:
    try:
        url = f"{base}/alerts/ws?format=full{since}"
        with connect(url, additional_headers=headers) as socket:
            for message in socket:
                told = json.loads(message)
                event = told["event"]
                about = event["rule"]["question"] if "rule" in event else event["error"]
                print(event["at"], event["type"], event["camera"], about, flush=True)
                since = f"&since={told['log_id']}"  # so that nothing is missed, whatever happens
    except (ConnectionClosed, ConnectionError) as error:
        print(error, file=sys.stderr)
    sleep(1)
