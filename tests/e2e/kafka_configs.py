"""A Kafka broker, as far as it is asked what a topic is set to: librdkafka's mock cluster doesn't
know that request. One empty partition a topic; prints its address, ends when it is killed.

  kafka_configs.py CLUSTER-ID TOPIC KEY=VALUE...
"""

import socketserver
import struct
import sys

VERSIONS = {2: 1, 3: 2, 18: 0, 32: 0}  # ListOffsets, Metadata, ApiVersions, DescribeConfigs
UNSUPPORTED_VERSION = 35

cluster, topic = sys.argv[1:3]
settings = [text.split("=", 1) for text in sys.argv[3:]]


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def array(*items):
    return struct.pack(">i", len(items)) + b"".join(items)


def api_versions(version):
    error = 0 if version == 0 else UNSUPPORTED_VERSION
    return struct.pack(">h", error) + array(
        *(struct.pack(">hhh", key, 0, most) for key, most in VERSIONS.items()))


def metadata(host, port):
    broker = struct.pack(">i", 1) + text(host) + struct.pack(">ih", port, -1)
    one = struct.pack(">i", 1)
    partition = struct.pack(">hii", 0, 0, 1) + array(one) + array(one)
    return (array(broker) + text(cluster) + one +
            array(struct.pack(">h", 0) + text(topic) + b"\0" + array(partition)))


def list_offsets():
    return array(text(topic) + array(struct.pack(">ihqq", 0, 0, -1, 0)))


def describe_configs():
    configs = (text(key) + text(value) + b"\0\0\0" for key, value in settings)
    resource = struct.pack(">hhb", 0, -1, 2) + text(topic) + array(*configs)
    return struct.pack(">i", 0) + array(resource)


class Broker(socketserver.BaseRequestHandler):
    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.request.recv(count - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def handle(self):
        try:
            while True:
                size, key, version, number = struct.unpack(">ihhi", self.read(12))
                self.read(size - 8)
                if key == 18:
                    body = api_versions(version)
                elif key == 3:
                    body = metadata(*self.server.server_address)
                elif key == 2:
                    body = list_offsets()
                elif key == 32:
                    body = describe_configs()
                else:
                    return
                self.request.sendall(struct.pack(">ii", len(body) + 4, number) + body)
        except ConnectionError:
            return


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Broker) as server:
    print(f"127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
