# The other end of replay_pace.sh: a listener that ignores all, and the comparison of two captures
# by the echo of each datagram, which numbers it.
import select, socket, struct, sys


def listen():
    sockets = []
    for port in range(7700, 7702):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("198.18.9.2", port))
        sockets.append(s)
    while True:
        for s in select.select(sockets, [], [])[0]:
            s.recv(2048)


def read(path):
    """(echo, ns) of each packet of a nanosecond pcap."""
    out = []
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        seconds, ns, kept, _ = struct.unpack_from("<IIII", data, at)
        at += 16
        if at + kept > len(data):
            break
        if kept >= 14 + 28 + 24:
            out.append((struct.unpack_from("<Q", data, at + 14 + 28 + 16)[0],
                        seconds * 10**9 + ns))
        at += kept
    return out


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def compare(name, speed, sent_path, seen_path):
    sent = dict(read(sent_path))
    first = min(sent.values())
    errors = [at - (sent[echo] - first) / speed for echo, at in read(seen_path) if echo in sent]
    if len(errors) < 200:
        print(f"{name:34} {len(errors):8} packets seen, too few")
        return
    base = sorted(errors[:100])[50]
    off = [e - base for e in errors]
    late = sorted(abs(e) for e in off)
    drift = sorted(off[-100:])[50]
    print(f"{name:34} {len(errors):8} {quantile(late, .5) / 1e3:8.1f} "
          f"{quantile(late, .99) / 1e3:8.1f} {quantile(late, .999) / 1e3:9.1f} "
          f"{late[-1] / 1e3:9.1f} {drift / 1e3:9.1f}")


if sys.argv[1] == "listen":
    listen()
compare(sys.argv[2], float(sys.argv[3]), sys.argv[4], sys.argv[5])
