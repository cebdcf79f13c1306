"""A webhook receiver for tests: real HTTP, scripted answers."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[int], int | None]


@dataclass
class Received:
    """One request that came in."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Where it listens, what has come in, and what it answers.

    Attributes:
        answer: The status for the n-th request; None says nothing until the receiver is released.
    """

    url: str
    answer: Answer
    received: list[Received] = field(default_factory=list[Received])
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def listening(answer: Answer = lambda _: 202) -> Generator[Receiver]:
    """Listen on loopback for the length of a `with`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(Received(dict(self.headers.items()), body))
            status = receiver.answer(len(receiver.received))
            if status is None:
                receiver.released.wait()
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
