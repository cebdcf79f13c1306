"""The three tiny nodes with Prefect, in an environment of its own; see `orders`.

Its own server, on SQLite, is started with the first flow. Results are kept, so that a run that is repeated finds them.
"""

import asyncio
import os
import sys

os.environ |= {
    "PREFECT_HOME": sys.argv[1],
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PYTHONWARNINGS": "ignore",
    "DO_NOT_TRACK": "1",
}

from orders import Way, take_orders  # Prefect reads its settings when it is imported
from prefect import flow, task


@task(persist_result=True)
async def measure(service):
    return {"service": service, "load": len(service)}


@task(persist_result=True)
async def judge(service, load):
    return {"service": service, "verdict": "busy" if load > 3 else "idle"}


@task(persist_result=True)
async def report(verdict):
    return {"text": f"it is {verdict}"}


@flow(persist_result=True)
async def three_nodes(service):
    first = await measure(service)
    second = await judge(first["service"], first["load"])
    third = await report(second["verdict"])
    return {"first": first, "second": second, "third": third}


async def once():
    found = await three_nodes("checkout")
    if found["third"] != {"text": "it is busy"}:
        raise AssertionError(found)


async def main():
    await once()
    await take_orders(Way(once))


if __name__ == "__main__":
    asyncio.run(main())
