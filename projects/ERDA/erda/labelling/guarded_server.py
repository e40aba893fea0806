"""viser's server, on a port that was free, for nobody but who has the token in the address."""
import contextlib
import hmac
import io
import secrets
import socket
from http import HTTPStatus
from typing import Any, Callable, NamedTuple, Optional
from unittest import mock
from urllib.parse import urlsplit

import viser
import websockets.asyncio.server
from viser import _messages
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from ..files.data_error import DataError

# viser leaves the keys to the input that was used last, where they do nothing: a list that is closed again, a box.
SCRIPT = b'''<script>
addEventListener('click', () => setTimeout(() => {
  const input = document.activeElement;
  if (input.type === 'checkbox' || input.role === 'combobox' && input.ariaExpanded !== 'true') input.blur();
}, 200));
</script>'''
EVERYWHERE = '0.0.0.0', '::'  # no address that one could open
TITLES = b'<title>Viser</title>', b'<title>Labels</title>'  # viser has no setting
ProcessRequest = Callable[[ServerConnection, Request], Optional[Response]]


class ServerError(DataError):
    """An address that cannot be served."""


class GuardedServer(NamedTuple):
    """A server and the address of its page."""
    viser: viser.ViserServer
    address: str


def start_server(host: str = '127.0.0.1', port: int = 8080, token: Optional[str] = None) -> GuardedServer:
    """Serve a page of viser.

    Every request, those of WebSockets included, must have the token in its path and, if a browser says which page makes
    it, must come from a page of this server: the rule that keeps other pages away from answers does not keep them from
    opening WebSockets.

    Args:
        host: name or number of the interface.
        port: 0 for any that is free.
        token: a random one if ``None``.

    Raises:
        ServerError: if the port is taken or the host is none of this machine.
    """
    token = token or secrets.token_urlsafe(24)
    listener = _listen(host, port)
    serve = websockets.asyncio.server.serve

    def serve_guarded(handler: Any, _host: str, _port: int, process_request: ProcessRequest, **settings: Any) -> Any:
        return serve(handler, sock=listener, process_request=_guarded(process_request, token), **settings)

    # viser has no setting for either: it takes the next port where one is taken, and lets everybody in. It is started
    # before this returns, and announces an address without the token.
    with (mock.patch.object(websockets.asyncio.server, 'serve', serve_guarded),
          contextlib.redirect_stdout(io.StringIO())):
        server = viser.ViserServer(host, listener.getsockname()[1], verbose=False)
    # A page could otherwise ask for a tunnel to a public address.
    server._websock_server.unregister_handler(_messages.ShareUrlRequest)
    shown = '127.0.0.1' if host in EVERYWHERE else f'[{host}]' if ':' in host else host
    return GuardedServer(server, f'http://{shown}:{listener.getsockname()[1]}/{token}/')


def refusal(path: str, origin: Optional[str], host: Optional[str], token: str) -> Optional[str]:
    """Why a request is refused; ``None`` if it is not.

    Args:
        path: of the request.
        origin: the page that makes it, as the browser says.
        host: the server that it asks for.
        token: which the path must begin with.

    Examples:
        >>> refusal('/secret/', None, '127.0.0.1:8080', 'secret')
        >>> refusal('/secret', 'http://evil.example', '127.0.0.1:8080', 'secret')
        'Requests of other pages are refused.'
        >>> refusal('/', 'http://127.0.0.1:8080', '127.0.0.1:8080', 'secret')
        'Open the address that the command has printed: it has a token in it.'
    """
    first = path.partition('?')[0].split('/')[1:2]
    if not first or not hmac.compare_digest(first[0].encode(errors='surrogateescape'), token.encode()):
        return 'Open the address that the command has printed: it has a token in it.'
    if origin is not None and urlsplit(origin).netloc != host:
        return 'Requests of other pages are refused.'
    return None


def _guarded(process_request: ProcessRequest, token: str) -> ProcessRequest:
    def check(connection: ServerConnection, request: Request) -> Optional[Response]:
        headers = request.headers
        if why := refusal(request.path, headers.get('Origin'), headers.get('Host'), token):
            return connection.respond(HTTPStatus.FORBIDDEN, f'{why}\n')
        request.path = request.path[1 + len(token):] or '/'
        if 'Accept-Encoding' in headers:
            del headers['Accept-Encoding']  # the page stays legible
        response = process_request(connection, request)
        if response is not None:
            response.body = response.body.replace(b'</head>', SCRIPT + b'</head>', 1).replace(*TITLES, 1)
            del response.headers['Content-Length']
            response.headers['Content-Length'] = str(len(response.body))
        return response

    return check


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a restart waits for a minute
        listener.bind(address)
        listener.listen()
    except OSError as error:
        raise ServerError(f'{host}:{port} cannot be served: {error.strerror}. Choose another port with --port, or 0 '
                          'for any that is free.') from error
    return listener
