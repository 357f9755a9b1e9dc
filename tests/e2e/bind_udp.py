"""Binds a UDP port, as any program of the machine might.

bind_udp.py ADDRESS PORT [reuseaddr] [reuseport] [device=IFACE] [hold]
bind_udp.py --any PORT

Prints "bound" or "taken", exit code 0 for both; with hold it keeps the port until it is killed.
With --any it tries addresses and options, and prints those that it gets the port with.
"""
import errno
import signal
import socket
import sys

ADDRESSES = "127.0.0.1", "127.0.0.7", "0.0.0.0", "::1", "::"
OPTIONS = [], ["reuseaddr"], ["reuseport"], ["reuseaddr", "reuseport"], ["device=lo"]


def bind(address, port, options):
    """The socket, or None if the port is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for option in options:
        if option == "reuseaddr":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif option == "reuseport":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        elif option.startswith("device="):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, option[7:].encode())
    try:
        one.bind((address, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        one.close()
        return None
    return one


if sys.argv[1] == "--any":
    for one_address in ADDRESSES:
        for some in OPTIONS:
            got = bind(one_address, int(sys.argv[2]), some)
            if got:
                print(one_address, *some)
                got.close()
    sys.exit(0)
held = bind(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
print("bound" if held else "taken", flush=True)
if held and "hold" in sys.argv:
    signal.pause()
