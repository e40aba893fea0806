"""Nobody gets in without the token, and no page of another origin."""
import asyncio
import socket
import urllib.error
import urllib.request

import pytest
import websockets
from viser import _messages

from erda.labelling.guarded_server import SCRIPT, ServerError, refusal, start_server


@pytest.fixture(scope='module')
def server():
    server = start_server(port=0, token='secret')
    yield server
    server.viser.stop()


def connect(address, origin=None):
    """The first message from a WebSocket, or the status of the refusal."""
    async def first_message():
        try:
            async with websockets.connect(address, origin=origin, subprotocols=['viser-v1.1.1']) as connection:
                return await asyncio.wait_for(connection.recv(), 10)
        except websockets.InvalidStatus as error:
            return error.response.status_code

    return asyncio.run(first_message())


def test_websockets(server):
    address = server.address.replace('http', 'ws')
    host = server.address.removesuffix('/secret/')
    assert isinstance(connect(address, host), bytes) and isinstance(connect(address.rstrip('/')), bytes)
    for origin in ('http://evil.example', 'null', 'http://127.0.0.1', host.replace('127.0.0.1', 'localhost')):
        assert connect(address, origin) == 403
    for path in ('', 'secre', 'secret2/', '?secret', 'other/secret'):
        assert connect(address.replace('secret/', path), host) == 403


def test_pages(server):
    page = urllib.request.urlopen(server.address).read()
    assert b'<html' in page and SCRIPT in page
    for path in ('', 'index.html', 'secrets/', '%73ecret/'):
        with pytest.raises(urllib.error.HTTPError, match='403'):
            urllib.request.urlopen(server.address.replace('secret/', path))


def test_no_page_can_ask_for_a_public_tunnel(server):
    assert _messages.ShareUrlRequest not in server.viser._websock_server._incoming_handlers


def test_tokens_differ_and_are_long():
    servers = [start_server(port=0) for _ in range(2)]
    tokens = {server.address.rstrip('/').rsplit('/', 1)[-1] for server in servers}
    for server in servers:
        server.viser.stop()
    assert len(tokens) == 2 and min(map(len, tokens)) >= 32


def test_addresses_that_cannot_be_served(server):
    with pytest.raises(ServerError, match=r'cannot be served: .*in use.*--port'):
        start_server(port=server.viser.get_port())
    with pytest.raises(ServerError, match='no.such.host'):
        start_server('no.such.host.invalid', 0)


def test_it_serves_this_machine_alone(server):
    """Nothing listens on another interface."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.2', server.viser.get_port()))


def test_refusal_of_odd_paths():
    for path in ('', 'secret', '/\udcff', '//secret', '/secretsecret'):
        assert refusal(path, None, 'host', 'secret')
