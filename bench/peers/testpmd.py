#!/usr/bin/python3
"""testpmd 5tswap on a memif port: what the port carries when nothing is done but turn it round.

testpmd takes memif's role=server (half as fast otherwise), the generator connects as it does to an
engine. Datagrams of the size that requests have; closed loop, or open loop at --rate.

  bench/peers/testpmd.py [--fill 1..29] [--datagrams N] [--in-flight N]
                         [--rate N [--arrivals constant|poisson]]
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from bench.harness import process  # noqa: E402


def command(work):
    device = f"net_memif0,role=server,socket-abstract=no,socket={work}/memif.sock,rsize=11"
    return [process.need("dpdk-testpmd"), "--lcores",
            f"0@{process.SERVER_CPU},1@{process.SERVER_CPU}", "--no-huge",
            f"--file-prefix=bench-{work.name}", "-m", "512", "--no-pci", "--log-level=warning",
            f"--vdev={device}", "--", "--forward-mode=5tswap", "--auto-start", "--no-flush-rx",
            "--total-num-mbufs=32767", "--burst=64", "--stats-period=1000"]


def measure(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fill", type=int, default=29)
    parser.add_argument("--datagrams", type=int, default=1000000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--rate", type=int, default=0, help="open loop: datagrams a second")
    parser.add_argument("--arrivals", choices=("constant", "poisson"), default="poisson")
    options = parser.parse_args(argv)
    pace = (["--rate", options.rate, "--arrivals", options.arrivals] if options.rate else
            ["--in-flight", options.in_flight])
    with process.work_directory("testpmd") as work:
        server = process.Server(work, "testpmd", command(work))
        # It may die of its peer's leaving (DPDK 22.11 unmaps rings that a burst is reading), when
        # all is measured.
        with process.serving(server, good=(0, -11)):
            server.wait_for(lambda: server.says("Port statistics"))
            return process.run_json(
                [process.BIN / "doorbuster-load", "--scenario", "echo", "--server",
                 "198.18.0.1:7700", "--port", f"memif:{work}/memif.sock", "--core",
                 process.LOAD_CPU, "--requests", options.datagrams, "--fill", options.fill, *pace,
                 "--timeout-ms", 200, "--json"], cpu=None, good=(0, 1))


if __name__ == "__main__":
    sys.exit(process.script(lambda: measure(sys.argv[1:])))
