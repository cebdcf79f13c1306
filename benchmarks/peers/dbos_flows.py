"""The three tiny nodes with DBOS, in an environment of its own. It takes orders on stdin and answers in JSON lines.

`rate COUNT AT_ONCE` is answered with workflows per second, `alone COUNT` with the median milliseconds of one.
"""

import asyncio
import json
import statistics
import sys
import time

from dbos import DBOS


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


async def rate(count, at_once):
    gate = asyncio.Semaphore(at_once)

    async def one():
        async with gate:
            await once()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return count / (time.perf_counter() - begun)


async def alone(count):
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        await once()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


async def main():
    loop = asyncio.get_running_loop()
    answer("ready")
    while order := (await loop.run_in_executor(None, sys.stdin.readline)).split():
        word, *numbers = order
        answer(await {"rate": rate, "alone": alone}[word](*map(int, numbers)))


def answer(value):
    print(json.dumps({"answer": value}), flush=True)


if __name__ == "__main__":
    DBOS(config={"name": "bench", "system_database_url": sys.argv[1], "run_admin_server": False, "log_level": "ERROR"})
    DBOS.launch()
    try:
        asyncio.run(main())
    finally:
        DBOS.destroy()
