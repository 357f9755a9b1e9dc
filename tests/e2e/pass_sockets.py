"""Holds UDP sockets and passes them to a program, as systemd does with a socket unit.

pass_sockets.py ADDRESS:PORT[%DEVICE]... -- COMMAND...

As systemd it binds with SO_REUSEADDR. Runs the command, prints "ended CODE" when it has ended, and
runs it again for each line on its standard input; the end of that is its end.
"""
import os
import socket
import sys

FIRST = 3


def bound(text):
    """The socket that ADDRESS:PORT[%DEVICE] names."""
    text, _, device = text.partition("%")
    address, _, port = text.rpartition(":")
    address = address.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if device:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, int(port)))
    return one


def run(sockets, command):
    """Runs the command with the sockets as its descriptors from FIRST on."""
    pid = os.fork()
    if pid == 0:
        # Out of the way of each other first.
        high = [os.dup2(one.fileno(), 500 + i) for i, one in enumerate(sockets)]
        for i, fd in enumerate(high):
            os.dup2(fd, FIRST + i, inheritable=True)
            os.close(fd)
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = str(len(sockets))
        os.execvp(command[0], command)
    _, status = os.waitpid(pid, 0)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)


split = sys.argv.index("--")
held = [bound(text) for text in sys.argv[1:split]]
run(held, sys.argv[split + 1:])
for _ in sys.stdin:
    run(held, sys.argv[split + 1:])
