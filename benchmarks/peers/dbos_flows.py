"""The three tiny nodes with DBOS, in an environment of its own; see `orders`."""

import asyncio
import sys

from dbos import DBOS
from orders import Way, take_orders


@DBOS.step()
async def measure(service):
    return {"service": service, "load": len(service)}


@DBOS.step()
async def judge(service, load):
    return {"service": service, "verdict": "busy" if load > 3 else "idle"}


@DBOS.step()
async def report(verdict):
    return {"text": f"it is {verdict}"}


@DBOS.workflow()
async def three_nodes(service):
    first = await measure(service)
    second = await judge(first["service"], first["load"])
    third = await report(second["verdict"])
    return {"first": first, "second": second, "third": third}


async def once():
    found = await three_nodes("checkout")
    if found["third"] != {"text": "it is busy"}:
        raise AssertionError(found)


if __name__ == "__main__":
    DBOS(config={"name": "bench", "system_database_url": sys.argv[1], "run_admin_server": False, "log_level": "ERROR"})
    DBOS.launch()
    try:
        asyncio.run(take_orders(Way(once)))
    finally:
        DBOS.destroy()
