"""Serves localstripe on a loopback port, in memory alone.

Started as a program of its own localstripe listens on every interface and keeps what it knows in
/tmp. This listens on 127.0.0.1, prints its port, starts from scratch, writes nothing, and ends when
its standard input does: it never outlives the test that started it.

Usage: python serve.py [PORT]
"""

import asyncio
import sys

from localstripe import resources

# Before the rest is imported: the first object would be written to disk otherwise.
resources.Store.dump_to_disk = lambda self: None

from aiohttp import web  # noqa: E402
from localstripe.server import app  # noqa: E402


async def serve(port):
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
