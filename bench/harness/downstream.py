"""What comes after the engine: relay, consumers and sink, each with the same lane of a real sale.

Relay, consumer and sink have the server's core, brokers and the database the load's. What limits
a transfer is the side whose CPU seconds come near its seconds; if neither does, they wait for each
other or for the disk.
"""
import contextlib
import json
import os
import signal
import subprocess
import time

from bench.harness import brokers, process
from bench.harness.engine import Sale, engine

ALONE_ORDERS = 4000000
BESIDE_ORDERS = 6000000
IN_FLIGHT = 512
SINK_SECONDS = 6
# A transfer that takes longer has failed.
MOST_SECONDS = 60
NO_KAFKA = ("Debian has no Kafka server; kafka:// is tested against librdkafka's mock, "
            "whose speed says nothing")


def tool(name):
    return process.BIN / f"doorbuster-{name}"


def wait_used(child, err, seconds=MOST_SECONDS):
    """Waits for its end: (user, system) CPU seconds. Failed if it takes longer, or fails."""
    name = os.path.basename(child.args[3])
    end = time.monotonic() + seconds
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid != 0:
            break
        if time.monotonic() > end:
            child.kill()
            child.wait()
            raise process.Failed(f"{name} did not end in {seconds} s: " + process.tail(err))
        time.sleep(0.005)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise process.Failed(f"{name} ended with {child.returncode}: " + process.tail(err))
    return usage.ru_utime, usage.ru_stime


def pinned(command, err, **streams):
    with open(err, "wb") as stderr:
        return subprocess.Popen(["taskset", "-c", str(process.SERVER_CPU), *map(str, command)],
                                stdin=subprocess.DEVNULL, stderr=stderr, **streams)


def row_of(orders, began, used, servers, before):
    """A transfer's figures; used and before are CPU seconds, by name and of each server."""
    seconds = time.monotonic() - began
    cpu_s = {name: {"user": user, "system": system} for name, (user, system) in used.items()}
    for server, (user, system) in zip(servers, before):
        now = brokers.cpu_of(server.process.pid)
        cpu_s[server.name] = {"user": now[0] - user, "system": now[1] - system}
    return {"orders": orders, "seconds": seconds, "orders_per_s": orders / seconds,
            "cpu_s": cpu_s}


def used_by(servers):
    return [brokers.cpu_of(server.process.pid) for server in servers]


def relay_command(data, name, to, *flags):
    return [tool("relay"), "--data", data, "--to", to, "--name", name, "--json", *flags]


def relayed(work, data, orders, name, to, servers=(), flags=()):
    """Carries all of the lane, once; all of it must arrive."""
    out, err = work / f"relay-{name}.out", work / f"relay-{name}.err"
    before = used_by(servers)
    began = time.monotonic()
    with open(out, "wb") as stdout:
        relay = pinned(relay_command(data, name, to, "--once", *flags), err, stdout=stdout)
        used = wait_used(relay, err)
    row = row_of(orders, began, {"relay": used}, servers, before)
    lane = json.loads(out.read_text().splitlines()[-1])["lanes"][0]
    if lane["behind_records"] != 0 or not orders <= lane["records"] == lane["lsn"]:
        raise process.Failed(f"relay to {to} left some behind: {lane}")
    return row


def consumed(work, orders, source, servers=()):
    """As CSV, counted by wc on the load's core."""
    err = work / "consume.err"
    before = used_by(servers)
    began = time.monotonic()
    reader = pinned([tool("consume"), "--from", source, "--format", "csv"], err,
                    stdout=subprocess.PIPE)
    with subprocess.Popen(["taskset", "-c", str(process.LOAD_CPU), "wc", "-l"],
                          stdin=reader.stdout, stdout=subprocess.PIPE) as counter:
        reader.stdout.close()
        used = wait_used(reader, err)
        lines = int(counter.stdout.read())
    row = row_of(orders, began, {"consume": used}, servers, before)
    if lines != orders + 1:
        raise process.Failed(f"consume --from {source} printed {lines - 1} of {orders} orders")
    return row


def stored(work, data):
    """What a sink stores in some seconds."""
    conninfo, servers = brokers.postgres(work)
    err = work / "sink.err"
    with process.serving(servers[0], how=signal.SIGINT):
        before = used_by(servers)
        began = time.monotonic()
        sink = pinned([tool("sink"), "--from", f"data:{data}", "--to", conninfo], err,
                      stdout=subprocess.PIPE, text=True)
        time.sleep(SINK_SECONDS)
        sink.send_signal(signal.SIGTERM)
        used = wait_used(sink, err)
        orders = int(sink.stdout.read().rpartition("orders=")[2])
        sink.stdout.close()
        return row_of(orders, began, {"sink": used}, servers, before)


def through_jetstream(work, data, orders, start, name, flags=()):
    """{row: figures}: into a JetStream of its own and out again."""
    rows = {}
    url, servers = start(work)
    with contextlib.ExitStack() as running:
        for server in servers:
            # 1 is how it ends by SIGTERM.
            running.enter_context(process.serving(server, good=(0, 1)))
        rows[f"relay {name}"] = relayed(work, data, orders, name.lower().replace(" ", "-"), url,
                                        servers, flags)
        rows[f"consume {name}"] = consumed(work, orders, url, servers)
    return rows


def last_report(relay):
    lines = relay.out.read_text().splitlines()
    return json.loads(lines[-1])["lanes"][0] if lines and lines[-1].endswith("}") else {}


def beside(running, work):
    """The relay tails the engine into files at the engine's full rate, on the load's core: there is
    no third. Returns its row and the number of orders."""
    relay = process.Server(work, "relay-beside", relay_command(
        work / "data", "beside", f"file:{work / 'beside'}"), cpu=process.LOAD_CPU)
    with process.serving(relay):
        relay.wait_for(lambda: last_report(relay).get("behind_records") == 0
                       and last_report(relay)["lsn"] >= ALONE_ORDERS)
        seen = len(relay.out.read_text().splitlines())
        before = brokers.cpu_of(relay.process.pid)
        began = time.monotonic()
        load = running.closed_loop(BESIDE_ORDERS, in_flight=IN_FLIGHT)
        sold = time.monotonic()
        told = len(relay.out.read_text().splitlines())
        relay.wait_for(lambda: len(relay.out.read_text().splitlines()) > told
                       and last_report(relay).get("behind_records") == 0)
        caught_up = time.monotonic()
        reports = [json.loads(line) for line in relay.out.read_text().splitlines()[seen:]]
        row = row_of(load["orders"], began, {}, [relay], [before])
    lags = [report["lanes"][0] for report in reports]
    row.update({
        "seconds": load["seconds"], "orders_per_s": load["orders_per_s"],
        "behind_records": [lag["behind_records"] for lag in lags],
        "behind_s": max(lag["behind_s"] for lag in lags), "caught_up_s": caught_up - sold})
    return row, load["orders"]


def skipping(rows, names, measure):
    try:
        rows.update(measure())
    except process.Skipped as skipped:
        rows.update({name: {"skipped": str(skipped)} for name in names})


def downstream_step():
    rows = {}
    with engine(Sale(limit=0), "durable", ALONE_ORDERS + BESIDE_ORDERS + 2000000) as running:
        work = running.keys.parent
        data = work / "data"
        load = running.closed_loop(ALONE_ORDERS, in_flight=IN_FLIGHT)
        rows["engine alone, durable"] = {key: load[key]
                                         for key in ("orders", "seconds", "orders_per_s")}
        rows["engine, relay beside it"], more = beside(running, work)
        # From here on both cores are theirs.
        running.stop()
        orders = load["orders"] + more
        rows["relay file"] = relayed(work, data, orders, "file", f"file:{work / 'copy'}")
        rows["consume data"] = consumed(work, orders, f"data:{data}")
        rows["consume file"] = consumed(work, orders, f"file:{work / 'copy'}")
        for start, name, flags in ((brokers.jetstream_alone, "nats R1", ()),
                                   (brokers.jetstream_cluster, "nats R3",
                                    ("--set", "replicas=3"))):
            skipping(rows, (f"relay {name}", f"consume {name}"),
                     lambda start=start, name=name, flags=flags: through_jetstream(
                         work, data, orders, start, name, flags))
        rows["relay kafka"] = {"skipped": NO_KAFKA}
        skipping(rows, ("sink postgres",), lambda: {"sink postgres": stored(work, data)})
    return {"rows": rows, "report": running.report}
