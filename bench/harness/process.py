"""Programs on cores of their own, directories of their own, and nothing left behind.

Every server is ended by its pid. Everything lies under the work directory, which is removed.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("DB_BUILD", TOP / "build/release")).resolve()
# run.py's --cpus; the scripts of bench/peers get it from the environment, too.
CPUS = "DB_BENCH_CPUS"
LOAD_CPU, SERVER_CPU = (int(cpu) for cpu in os.environ.get(CPUS, "0,1").split(","))


class Skipped(Exception):
    """Something can't run here; the text says why."""


class Failed(Exception):
    """Something ran and failed: it gives no figure."""


def end_session(leader, seconds=10):
    """Ends what a session's leader started: first the leader, so that it removes what it made."""
    if leader.poll() is None:
        leader.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            leader.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)


def need(program):
    """The path of a program; Skipped, with what brings it, if it isn't there."""
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/usr/lib/postgresql/15/bin")
    if path is None:
        raise Skipped(f"{program} is not installed (tools/setup/setup.sh bench)")
    return path


def need_built(name):
    path = BIN / "bench" / name
    if not path.exists():
        raise Skipped(f"{name} was not built: its client library is missing "
                      "(tools/setup/setup.sh bench, then make bench-built)")
    return str(path)


@contextlib.contextmanager
def work_directory(name):
    """On the disk that is measured; removed at the end."""
    parent = TOP / "build"
    parent.mkdir(exist_ok=True)
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{name}.", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def tail(path, lines=5):
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


class Server:
    """A process on the server's core, with its output in files."""

    def __init__(self, work, name, command, cpu=SERVER_CPU, env=None):
        self.name = name
        self.out = work / f"{name}.out"
        self.err = work / f"{name}.err"
        prefix = ["taskset", "-c", str(cpu)] if cpu is not None else []
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(prefix + [str(word) for word in command], stdout=out,
                                            stderr=err, stdin=subprocess.DEVNULL, env=env)

    def wait_for(self, ready, seconds=600, pause=0.02):
        """Waits until ready() is true; Failed with its output if it ends or time runs out."""
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode} at its start: "
                             + tail(self.err) + tail(self.out))
            if time.monotonic() > end:
                self.kill()
                raise Failed(f"{self.name} was not ready in {seconds} s: " + tail(self.err))
            time.sleep(pause)

    def says(self, word):
        return word in self.out.read_text(errors="replace")

    def stop(self, how=signal.SIGTERM, seconds=600, good=(0,)):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not end in {seconds} s") from None
        if code not in good:
            raise Failed(f"{self.name} ended with {code}: " + tail(self.err))

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def serving(server, **stop):
    """The server until the end of the block; killed if that fails."""
    try:
        yield server
    except BaseException:
        server.kill()
        raise
    server.stop(**stop)


def run_json(command, cpu=LOAD_CPU, good=(0,), seconds=1200):
    """The JSON object on the last line of what a program prints."""
    prefix = ["taskset", "-c", str(cpu)] if cpu is not None else []
    done = subprocess.run(prefix + [str(word) for word in command], capture_output=True, text=True,
                          timeout=seconds, stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in good:
        raise Failed(f"{pathlib.Path(str(command[0])).name} ended with {done.returncode}: "
                     + (done.stderr or done.stdout)[-600:])
    return json.loads(done.stdout.splitlines()[-1])


def script(measure):
    """The main of a script in bench/peers: prints what measure() returns as a line of JSON."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(json.dumps(measure()))
    except Skipped as skipped:
        print(f"skipped: {skipped}", file=sys.stderr)
        return 77
    except (Failed, subprocess.TimeoutExpired) as failed:
        print(f"failed: {failed}", file=sys.stderr)
        return 1
    return 0
