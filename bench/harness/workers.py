"""Several workers: one on a core, one on each of two, and two engines that have nothing in common.

With two cores a load needs one of them, too. So each worker shares its core with a load of its own,
which asks for that worker's SKUs alone and gives the core away whenever it waits: the same for one
worker as for two. Two engines, each with a core, a journal and a memory of its own, are what the
machine gives to two that share nothing; what two workers of one engine give is compared with them.
"""
import concurrent.futures
import re

from bench.harness import process
from bench.harness.engine import METRICS_ADDRESS, PATIENT_MS, Sale, engine


def backlog_max():
    """Datagrams that a lane keeps while it waits for the disk. Where there are other lanes, what
    comes after them is dropped, and this load asks once."""
    limits = (process.TOP / "engine/base/limits.h").read_text()
    return int(re.search(r"^\tBACKLOG_MAX = (\d+),$", limits, re.MULTILINE)[1])


IN_FLIGHT = backlog_max()
OTHER_METRICS_ADDRESS = "127.0.0.1:9465"


def loaded(loads, requests):
    """Loads at once, each (engine, worker of workers, core); what they gave together. They begin
    within some ms of each other and are as long, so their rates are added."""
    def run(load):
        running, worker, core = load
        return running.load("--requests", requests, "--in-flight", IN_FLIGHT, "--worker", worker,
                            "--core", core, "--timeout-ms", PATIENT_MS)

    with concurrent.futures.ThreadPoolExecutor(len(loads)) as pool:
        results = list(pool.map(run, loads))
    return {"orders_per_s": sum(result["orders_per_s"] for result in results),
            "each": [result["orders_per_s"] for result in results],
            "seconds": [result["seconds"] for result in results]}


def workers_step(requests):
    """requests: of a worker. The load of two makes as many for both, and leaves half out."""
    def measure():
        one, other = process.SERVER_CPU, process.LOAD_CPU
        room = requests * 3
        result = {}
        with engine(Sale(), orders_max=room, cores=(one,)) as running:
            result["one worker"] = loaded([(running, "0/1", one)], requests)
        with engine(Sale(), orders_max=room * 2, cores=(one, other)) as running:
            result["two workers"] = loaded([(running, "0/2", one), (running, "1/2", other)],
                                           2 * requests)
            handed_over = running
        with engine(Sale(), orders_max=room, cores=(one,)) as first, \
                engine(Sale(), orders_max=room, cores=(other,),
                       metrics=OTHER_METRICS_ADDRESS) as second:
            result["two engines"] = loaded([(first, "0/1", one), (second, "0/1", other)], requests)
        result["report"] = handed_over.report
        return result
    return measure
