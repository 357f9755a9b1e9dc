#!/usr/bin/python3
"""The kernel's UDP, and nothing else: what goes through sockets costs at least this.

A server that sends every datagram back (recvmmsg and sendmmsg, 64 a call, busy), the same
generator, over loopback.

  bench/peers/udp_echo.py [--fill 1..29] [--datagrams N] [--in-flight N]
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from bench.harness import process  # noqa: E402

PORT = 17799


def measure(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fill", type=int, default=29)
    parser.add_argument("--datagrams", type=int, default=200000)
    parser.add_argument("--in-flight", type=int, default=128)
    options = parser.parse_args(argv)
    with process.work_directory("udp_echo") as work:
        server = process.Server(work, "udp_echo", [process.need_built("peers/udp_echo"), PORT])
        with process.serving(server, good=(0, -15)):
            server.wait_for(lambda: server.says("ready"))
            # 1: some were lost; the result says how many.
            return process.run_json(
                [process.BIN / "doorbuster-load", "--scenario", "echo", "--server",
                 f"127.0.0.1:{PORT}", "--requests", options.datagrams, "--fill", options.fill,
                 "--in-flight", options.in_flight, "--timeout-ms", 200, "--json"], good=(0, 1))


if __name__ == "__main__":
    sys.exit(process.script(lambda: measure(sys.argv[1:])))
