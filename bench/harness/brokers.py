"""Brokers and databases of a run's own, on loopback inside its namespace, files under its work."""
import json
import os
import pathlib
import socket
import subprocess

from bench.harness import process

CLUSTER = (1, 2, 3)
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """(user, system) seconds of a process, of those it has waited for, and of its living children;
    nothing of one that has ended."""
    proc = pathlib.Path(f"/proc/{pid}")
    try:
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
        children = (proc / f"task/{pid}/children").read_text().split()
    except OSError:
        return 0, 0
    user, system = (int(fields[at]) + int(fields[at + 2]) for at in (11, 12))
    below = [cpu_of(child) for child in children]
    return (user / TICKS_PER_S + sum(times[0] for times in below),
            system / TICKS_PER_S + sum(times[1] for times in below))


def nats_ask(port, subject):
    """The answer's payload, over NATS's text protocol; None while no server answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nSUB in 1\r\nPUB '
                         + subject.encode() + b" in 0\r\n\r\n")
            lines = link.makefile("rb")
            for line in lines:
                if line.startswith(b"MSG in "):
                    return lines.read(int(line.split()[-1]))
    except OSError:
        pass
    return None


def nats_ready(port):
    answer = nats_ask(port, "$JS.API.INFO")
    return answer is not None and "error" not in json.loads(answer)


def jetstream(work, name, port, more=""):
    server = process.need("nats-server")
    config = work / f"{name}.conf"
    config.write_text(f'listen: 127.0.0.1:{port}\nserver_name: {name}\njetstream {{ store_dir: '
                      f'"{work / name}", max_file: 16G, max_mem: 64M }}\n{more}')
    return process.Server(work, name, [server, "-c", config], cpu=process.LOAD_CPU)


def jetstream_alone(work):
    """(URL, servers) of one JetStream without replicas."""
    server = jetstream(work, "nats", 4222)
    server.wait_for(lambda: nats_ready(4222))
    return "nats://127.0.0.1:4222", [server]


def jetstream_cluster(work):
    """(URL, servers) of three nodes, all on one core."""
    routes = ", ".join(f"nats://127.0.0.1:523{node}" for node in CLUSTER)
    servers = [jetstream(work, f"node{node}", 4230 + node,
                         f"cluster {{ name: c, listen: 127.0.0.1:523{node}, "
                         f"routes: [ {routes} ] }}\n") for node in CLUSTER]
    try:
        for node, server in zip(CLUSTER, servers):
            server.wait_for(lambda port=4230 + node: nats_ready(port))
    except BaseException:
        for server in servers:
            server.kill()
        raise
    return ",".join(f"nats://127.0.0.1:423{node}" for node in CLUSTER), servers


def postgres(work):
    """(conninfo, servers). It refuses to run as root, so sees itself as another user."""
    initdb, server = process.need("initdb"), process.need("postgres")
    other = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    data = work / "postgres"
    done = subprocess.run([*other, initdb, "-D", data, "-U", "bench", "-A", "trust", "-N"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise process.Skipped("initdb: " + done.stderr.strip()[-300:])
    running = process.Server(work, "postgres", [
        *other, server, "-D", data, "-k", work, "-h", "", "-c", "max_wal_size=4GB", "-c",
        "shared_buffers=256MB"], cpu=process.LOAD_CPU)
    running.wait_for(lambda: "ready to accept" in running.err.read_text())
    return f"host={work} dbname=postgres user=bench", [running]
