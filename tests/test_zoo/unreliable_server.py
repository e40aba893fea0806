"""A real HTTP server on this machine that misbehaves as it is told."""
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterable, List, Optional, Tuple


class UnreliableServer:
    """Serves one file at any path, in a thread, inside a ``with`` block.

    Args:
        content: the file.
        ranges: whether it answers a request for the rest of the file with the rest.
        cuts: after how many bytes it drops the connection, for each answer; ``None`` for a whole answer, as all later
            answers are.
        statuses: error codes of the first answers.
        chunk, pause: bytes between two pauses, in seconds.

    Attributes:
        starts: first byte of each answer that was asked for; an answer with an error counts too.
        sent: bytes of all answers.
    """

    def __init__(self,
                 content: bytes,
                 ranges: bool = True,
                 cuts: Iterable[Optional[int]] = (),
                 statuses: Iterable[int] = (),
                 chunk: int = 1 << 20,
                 pause: float = 0.) -> None:
        self.starts: List[int] = []
        self.sent = 0
        self._cuts, self._statuses = list(cuts), list(statuses)
        owner = self

        class Handler(BaseHTTPRequestHandler):

            def do_GET(self) -> None:
                asked = int(self.headers.get('Range', 'bytes=0-')[6:-1])
                owner.starts.append(asked)
                if owner._statuses:
                    self.send_error(owner._statuses.pop(0))
                    return
                if ranges and asked >= len(content):
                    self.send_error(416)
                    return
                start = asked if ranges else 0
                self.send_response(206 if start else 200)
                self.send_header('Content-Length', str(len(content) - start))
                self.end_headers()
                cut = owner._cuts.pop(0) if owner._cuts else None
                body = content[start:] if cut is None else content[start:start + cut]
                for first in range(0, len(body), chunk):
                    owner.sent += len(body[first:first + chunk])  # before the other side has it and looks
                    self.wfile.write(body[first:first + chunk])
                    self.wfile.flush()
                    time.sleep(pause)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.handle_error = lambda *args: None  # a client that has gone

    @property
    def address(self) -> Tuple[str, int]:
        return self._server.server_address

    def url(self, name: str = 'weights.pth') -> str:
        host, port = self.address
        return f'http://{host}:{port}/{name}'

    def __enter__(self) -> 'UnreliableServer':
        threading.Thread(target=self._server.serve_forever, kwargs=dict(poll_interval=0.01), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
