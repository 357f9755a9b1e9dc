"""What holds and baskets cost through the whole path, by bench/hold_load.c: rates beside plain
purchases of the same engine, and what others wait while a million holds end at once."""
import os
import time

from bench.harness import process
from bench.harness.engine import PEER_PAUSE_S, SERVER_ADDRESS, Sale, engine

SKUS = 100000 // int(os.environ.get("DB_BENCH_SHRINK", "1"))
# Of the open loop that holds end in.
END_SECONDS = 1.5
# From the first hold to its end: time to hold all of them, and to prepare what comes then.
HOLD_SECONDS = 12
HOLDS_LAST_SECONDS = 600


def hold_load(running, what, cnt, *more):
    """Its JSON. Every answer was what it had to be, or it fails."""
    time.sleep(PEER_PAUSE_S)
    return process.run_json(
        [process.need_built("hold_load"), running.port, SERVER_ADDRESS, running.keys,
         process.LOAD_CPU, SKUS, what, cnt, 1, *more], cpu=None)["rounds"][0]


def rates_step(cnt):
    """BUY, HOLD and CONFIRM, full and single datagrams; baskets beside BUYs."""
    def measure():
        sale = Sale(skus=SKUS, hold_seconds=HOLDS_LAST_SECONDS, holds_max=2 * cnt + 1000)
        with engine(sale, orders_max=8 * cnt + 1000) as running:
            result = hold_load(running, "rates", cnt)
            # Full, single, in baskets, and four a datagram; what was held is counted elsewhere.
            running.told = 4 * cnt
        result["report"] = running.report
        return result
    return measure


def ends_step(cnt):
    """An open loop at half load, without and with cnt holds that end when it begins."""
    def measure():
        sale = Sale(skus=SKUS, hold_seconds=HOLD_SECONDS, holds_max=2 * cnt + 1000)
        with engine(sale, orders_max=20 * cnt) as running:
            result = hold_load(running, "ends", cnt, running.server.process.pid, HOLD_SECONDS,
                               END_SECONDS)
            loops = [result["without"], result["with"]]
            running.told = cnt + sum(loop["requests"] for loop in loops)
            running.lost = sum(loop["lost"] for loop in loops)
            result["p99.9_ratio"] = loops[1]["p99.9_us"] / loops[0]["p99.9_us"]
        result["report"] = running.report
        return result
    return measure
