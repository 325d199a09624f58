"""A proxy in front of a real service, which fails as told. Loopback, standard library, a thread a connection.

    with Proxy(port_of_the_service) as proxy:
        proxy.mode = "500"            # until told otherwise
        proxy.fail("lost answer", 3)  # the next 3 requests; then as 'mode' says

Modes: pass; down (no connection is taken); slow (each answer late); 500, 503 and 429 (with Retry-After);
garbage (bytes that are not HTTP); half body (the connection ends in the middle of the request's body, part of which the service
got); half answer (it ends in the middle of the answer); lost answer (the service did it, the client never hears)."""
import socket
import struct
import threading

MODES = ("pass", "down", "slow", "500", "503", "429", "garbage", "half body", "half answer", "lost answer")


class Gone(Exception):
    pass


def read_head(source, rest):
    while b"\r\n\r\n" not in rest:
        piece = source.recv(65536)
        if not piece:
            raise Gone
        rest += piece
    head, rest = rest.split(b"\r\n\r\n", 1)
    return head + b"\r\n\r\n", rest


def length_of(head):
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def read_exactly(source, rest, size):
    pieces, have = [rest], len(rest)
    while have < size:
        piece = source.recv(65536)
        if not piece:
            raise Gone
        pieces.append(piece)
        have += len(piece)
    whole = b"".join(pieces)
    return whole[:size], whole[size:]


class Proxy:
    def __init__(self, port, slow_s=1.0, retry_after_s=3):
        self.target, self.slow_s, self.retry_after_s = ("127.0.0.1", port), slow_s, retry_after_s
        self.lock = threading.Lock()
        self.mode_now, self.failures, self.seen = "pass", [], {}
        self.listener = None
        self.listen(0)
        self.port = self.listener.getsockname()[1]
        self.connections = set()

    def listen(self, port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections.add(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @property
    def mode(self):
        return self.mode_now

    @mode.setter
    def mode(self, mode):
        assert mode in MODES, mode
        with self.lock:
            was, self.mode_now = self.mode_now, mode
            self.failures = []
            open_ones = list(self.connections)
        if mode == "down" and was != "down":
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            for connection in open_ones:
                self.reset(connection)
        elif was == "down" and mode != "down":
            self.listen(self.port)

    def fail(self, mode, count=1):
        assert mode in MODES and mode != "down", mode
        with self.lock:
            self.failures += [mode] * count

    def pending(self):
        with self.lock:
            return len(self.failures)

    def next_mode(self):
        with self.lock:
            mode = self.failures.pop(0) if self.failures else self.mode_now
            self.seen[mode] = self.seen.get(mode, 0) + 1
            return mode

    @staticmethod
    def reset(connection):
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def serve(self, client):
        try:
            rest = b""
            while True:
                head, rest = read_head(client, rest)
                if b"100-continue" in head.lower():
                    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                mode = self.next_mode()
                if mode == "half body":
                    self.half_body(client, head, rest)
                    return
                body, rest = read_exactly(client, rest, length_of(head))
                if not self.answer(client, mode, head, body):
                    return
        except (Gone, OSError):
            pass
        finally:
            with self.lock:
                self.connections.discard(client)
            client.close()

    def half_body(self, client, head, rest):
        size = length_of(head)
        body, _ = read_exactly(client, rest, size // 2) if len(rest) < size // 2 else (rest[:size // 2], b"")
        with socket.create_connection(self.target, 10) as service:
            service.sendall(head + body)
        self.reset(client)

    def answer(self, client, mode, head, body):
        """True: the connection goes on."""
        if mode in ("500", "503", "429"):
            text = b"<?xml version=\"1.0\"?><Error><Code>ServerBusy</Code></Error>"
            client.sendall(b"HTTP/1.1 " + mode.encode() + b" Told\r\nContent-Length: %d\r\n" % len(text) +
                           (b"Retry-After: %d\r\n" % self.retry_after_s if mode == "429" else b"") + b"\r\n" + text)
            return True
        if mode == "garbage":
            client.sendall(b"\x00\xff\x16\x03 this is not HTTP\r\n\r\n" * 20)
            return False
        if mode == "slow":
            threading.Event().wait(self.slow_s)
        answer = self.forward(head, body)
        if mode == "lost answer":
            self.reset(client)
            return False
        if mode == "half answer":
            client.sendall(answer[:len(answer) // 2])
            self.reset(client)
            return False
        client.sendall(answer)
        return True

    def forward(self, head, body):
        with socket.create_connection(self.target, 60) as service:
            service.sendall(head + body)
            service.settimeout(60)
            while True:
                answer, rest = read_head(service, b"")
                if not answer.startswith(b"HTTP/1.1 100"):
                    break
            if b"chunked" in answer.lower():
                while not rest.endswith(b"0\r\n\r\n"):
                    piece = service.recv(65536)
                    if not piece:
                        break
                    rest += piece
                return answer + rest
            has_body = not head.startswith(b"HEAD ") and not answer.startswith(b"HTTP/1.1 304")
            rest, _ = read_exactly(service, rest, length_of(answer) if has_body else 0)
            return answer + rest

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        with self.lock:
            open_ones = list(self.connections)
        for connection in open_ones:
            self.reset(connection)
