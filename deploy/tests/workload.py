"""What the containers of the tests do: `leak` grows until it is killed, `shop` does a little of everything for ever."""

import itertools
import os
import socket
import sys
import tempfile
import threading
import time

from node import DATABASE, RESOLVER

QUESTION = bytes.fromhex("000001000001000000000000") + b"\x04cart\x04shop\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01"


def leak():
    held = []
    while True:
        held.append(bytearray(b"x") * (4 << 20))
        time.sleep(0.02)


def listen(backlog):
    listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
    return listener, listener.getsockname()


def pay():
    """Connections that move bytes and are closed."""
    listener, address = listen(16)
    while True:
        with socket.create_connection(address) as client, listener.accept()[0] as server:
            client.sendall(b"x" * 1000)
            server.recv(1000)
            time.sleep(0.01)


def call_database():
    """Connects that are refused."""
    while True:
        try:
            socket.create_connection((DATABASE, 5432), timeout=1).close()
        except OSError:
            time.sleep(0.2)


def queue_up():
    """Connects to a server that takes none: they fill its queue, and are tried again by the kernel."""
    _listener, address = listen(0)
    held = []
    while True:
        try:
            held.append(socket.create_connection(address, timeout=2.5))
        except OSError:
            pass


def resolve():
    """DNS, a socket for each question as resolvers do it: most are answered, one in eight is not."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((RESOLVER, 53))
    for number in itertools.count(1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect((RESOLVER, 53))
            client.send((number % 65536).to_bytes(2, "big") + QUESTION[2:])
            question, asking = server.recvfrom(512)
            if number % 8:
                server.sendto(question[:2] + b"\x81\x80" + question[4:], asking)
                client.recv(512)
        time.sleep(0.02)


def compute():
    """More than its quota of CPU."""
    while True:
        for _ in range(100_000):
            os.getppid()


def store():
    """Writes a file that is larger than the memory of its container, and reads it again and again."""
    mib = 1 << 20
    with tempfile.TemporaryFile() as file:
        for _ in range(96):
            file.write(b"x" * mib)
        os.fsync(file.fileno())
        while True:
            file.seek(0)
            while file.read(4 * mib):
                time.sleep(0.05)
            file.seek(0)
            file.write(b"x" * mib)
            os.fsync(file.fileno())


def shop():
    if os.fork() == 0:
        compute()
    for work in [pay, call_database, queue_up, resolve, store]:
        threading.Thread(target=work, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    {"leak": leak, "shop": shop}[sys.argv[1]]()
