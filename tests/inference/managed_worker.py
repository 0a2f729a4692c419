"""A process that serves the model of a URL until it is told to stop, or worse."""

import asyncio
import signal
import sys

from inference.engine import engine_module


async def main(url: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with engine_module(url).open(url):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
