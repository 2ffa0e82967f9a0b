"""The requests of a client connection, in sequence, and their streamed answers.

Promises: each piece of an answer is forwarded as soon as received; an answer that breaks off breaks
off for the client, too; a disconnected client ends the endpoint's connection at once.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
from collections.abc import Callable, Iterable
from http import HTTPStatus

import h11

from codexmcp.codex.forwarder.peer import ClientPeer, linger
from codexmcp.codex.forwarder.upstream import Upstream

PATH = "/v1/responses"
"""The only forwarded path."""

MAX_BODY_BYTES = 256 * 1024 * 1024

KEEP_ALIVE_S = 120.0
"""Bound on an idle connection, in seconds. Codex closes its connections after 90 s."""

REQUEST_TIMEOUT_S = 60.0
"""Bound on a client's pause within a request, or while receiving an answer, in seconds."""

SILENCE_S = 1800.0
"""Bound on an endpoint's silence before and within an answer, in seconds. Codex gives up after
300 s."""

_LOOPBACK = (b"127.0.0.1", b"localhost", b"[::1]")
_OF_ONE_HOP = {
    *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"),
    *(b"proxy-authorization", b"proxy-authenticate"),
}
_REPLACED = {b"host", b"authorization", b"expect"}
_REDIRECTS = range(300, 400)
_TOO_LARGE = f"the request is larger than {MAX_BODY_BYTES} bytes"


class _RefusedError(Exception):
    """A refused request; the message is the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _ClientLeftError(Exception):
    """The client closed the connection, or violated the protocol."""


class _UpstreamError(Exception):
    """The endpoint is unreachable, or broke off an answer."""


class ForwardedExchange:
    """The service of a client connection.

    Args:
        connection: The client's connection.
        upstream: The endpoint.
        key: The API key.
        tell: Called with one line per failed request.
    """

    def __init__(
        self,
        connection: socket.socket,
        upstream: Upstream,
        key: str,
        tell: Callable[[str], None],
    ) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = ClientPeer(connection, h11.SERVER)
        self._upstream = upstream
        self._key = key
        self._tell = tell
        # Kept open for this client's next request, like the client's connection.
        self._far: ClientPeer | None = None

    def run(self) -> None:
        """Serve the client until disconnect or idle timeout."""
        try:
            with contextlib.suppress(_ClientLeftError, h11.ProtocolError, OSError):
                while self._serve_one():
                    pass
        finally:
            self._leave()

    def _serve_one(self) -> bool:
        """Forward a request, and return whether another request may follow."""
        request = self._request()
        if request is None:
            return False
        try:
            self._check(request)
            self._pass_on(request)
        except _RefusedError as refusal:
            self._answer(refusal.status, str(refusal))
        except _UpstreamError as error:
            self._leave()
            self._tell(str(error))
            if self._client.http.our_state is not h11.SEND_RESPONSE:
                # A missing last chunk shows the client that the answer broke off.
                return False
            self._answer(HTTPStatus.BAD_GATEWAY, str(error))
        http = self._client.http
        if (http.our_state, http.their_state) != (h11.DONE, h11.DONE):
            return False
        http.start_next_cycle()
        return True

    def _request(self) -> h11.Request | None:
        self._client.connection.settimeout(KEEP_ALIVE_S)
        event = self._client_event()
        self._client.connection.settimeout(REQUEST_TIMEOUT_S)
        return event if isinstance(event, h11.Request) else None

    def _check(self, request: h11.Request) -> None:
        """Refuse requests not from Codex, for example from a page in a browser."""
        names = {name for name, _ in request.headers}
        host = next((value for name, value in request.headers if name == b"host"), b"")
        if not _is_ours(host) or {b"origin", b"sec-fetch-site"} & names:
            raise _RefusedError(
                HTTPStatus.FORBIDDEN, "requests for other hosts and from pages are not forwarded"
            )
        if request.http_version != b"1.1":
            raise _RefusedError(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "requests must be of HTTP/1.1"
            )
        if (request.method, request.target) != (b"POST", PATH.encode()):
            raise _RefusedError(HTTPStatus.FORBIDDEN, f"only POST {PATH} is forwarded")
        for name, value in request.headers:
            if name == b"content-length" and int(value) > MAX_BODY_BYTES:
                raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)

    def _pass_on(self, request: h11.Request) -> None:
        far = self._connected(request)
        self._send_body(far)
        self._pass_back(far)
        if far.http.our_state is h11.DONE and far.http.their_state is h11.DONE:
            far.http.start_next_cycle()
        else:
            self._leave()

    def _connected(self, request: h11.Request) -> ClientPeer:
        """Return a connection to the endpoint, after sending the head of a request."""
        if self._far is not None and self._far.is_readable:
            # The endpoint has closed the connection meanwhile.
            self._leave()
        try:
            if self._far is None:
                self._far = ClientPeer(self._upstream.connect(), h11.CLIENT)
            self._far.send(self._head(request))
        except (OSError, ssl.SSLError) as error:
            raise _UpstreamError(self._upstream.explain(error)) from error
        return self._far

    def _head(self, request: h11.Request) -> h11.Request:
        own = [
            (b"Host", self._upstream.host.encode()),
            (b"Authorization", f"Bearer {self._key}".encode()),
            *self._upstream.proxy_headers,
        ]
        kept = _kept(request.headers.raw_items(), _REPLACED)
        return h11.Request(method="POST", target=self._upstream.target, headers=[*own, *kept])

    def _send_body(self, far: ClientPeer) -> None:
        size_bytes = 0
        while True:
            event = self._client_event()
            if isinstance(event, h11.Data):
                size_bytes += len(event.data)
                if size_bytes > MAX_BODY_BYTES:
                    self._leave()
                    raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
            elif not isinstance(event, h11.EndOfMessage):
                raise _ClientLeftError
            try:
                far.send(event)
            except OSError as error:
                if far.is_readable and isinstance(event, h11.Data):
                    # The endpoint has answered before reading everything, for example with 413.
                    self._skip_body()
                    return
                raise _UpstreamError(self._broken_off(error)) from error
            if isinstance(event, h11.EndOfMessage):
                return

    def _skip_body(self) -> None:
        while isinstance(self._client_event(), h11.Data):
            pass

    def _pass_back(self, far: ClientPeer) -> None:
        """Forward the answer piece by piece, until the end."""
        while True:
            try:
                event = self._far_event(far)
            except (OSError, h11.RemoteProtocolError) as error:
                self._client.flush()
                reason = "it closed the connection" if far.has_ended else error
                raise _UpstreamError(self._broken_off(reason)) from error
            if isinstance(event, h11.Response):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._client.queue(event)
            elif isinstance(event, h11.EndOfMessage):
                self._client.send(h11.EndOfMessage())
                return
            elif not isinstance(event, h11.InformationalResponse):
                raise _UpstreamError(self._broken_off("it closed the connection"))

    def _begin(self, response: h11.Response) -> None:
        status = response.status_code
        if status in _REDIRECTS:
            where = dict(response.headers).get(b"location", b"elsewhere").decode("latin-1")
            raise _UpstreamError(
                f"{self._upstream.base_url} redirects to {where}, and the key is not sent there; "
                "set OPENAI_BASE_URL to the endpoint itself"
            )
        headers = list(_kept(response.headers.raw_items(), set()))
        self._client.queue(
            h11.Response(status_code=status, headers=headers, reason=response.reason)
        )

    def _far_event(self, far: ClientPeer) -> object:
        """Return the endpoint's next event, and watch the client during the wait."""
        while (event := far.http.next_event()) is h11.NEED_DATA:
            if not far.has_more:
                self._client.flush()
                if not self._is_answering(far):
                    raise TimeoutError(f"silent for {SILENCE_S:g} s")
            far.receive()
        return event

    def _is_answering(self, far: ClientPeer) -> bool:
        """Wait for data from the endpoint; return False after the bound."""
        poll = select.poll()
        poll.register(far.connection, select.POLLIN)
        poll.register(self._client.connection, select.POLLIN)
        for descriptor, _ in poll.poll(SILENCE_S * 1000):
            if descriptor == self._client.connection.fileno():
                # Codex sends no request before the end of the answer, so this is a disconnect.
                raise _ClientLeftError
            return True
        return False

    def _client_event(self) -> object:
        while (event := self._client.http.next_event()) is h11.NEED_DATA:
            self._client.receive()
        return event

    def _broken_off(self, error: Exception | str) -> str:
        has_begun = self._client.http.our_state is not h11.SEND_RESPONSE
        what = "broke off its answer" if has_begun else "gave no answer"
        return f"{self._upstream.base_url} {what}: {getattr(error, 'strerror', None) or error}"

    def _answer(self, status: int, reason: str) -> None:
        """Send an own answer, in the form of an endpoint's error."""
        error = {"message": reason, "type": "codexmcp_forwarder", "code": None, "param": None}
        body = json.dumps({"error": error}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        # The rest of the request stays unread, so this connection cannot take another request.
        is_last = self._client.http.their_state is h11.SEND_BODY
        headers += [("Connection", "close")] if is_last else []
        self._client.queue(h11.Response(status_code=status, headers=headers))
        self._client.queue(h11.Data(data=body))
        self._client.send(h11.EndOfMessage())
        if is_last:
            linger(self._client.connection)

    def _leave(self) -> None:
        if self._far is not None:
            self._far.connection.close()
            self._far = None


def _kept(
    headers: Iterable[tuple[bytes, bytes]], replaced: set[bytes]
) -> Iterable[tuple[bytes, bytes]]:
    """Return the forwarded headers, in their original spelling."""
    given = list(headers)
    named = b",".join(value for name, value in given if name.lower() == b"connection")
    dropped = _OF_ONE_HOP | replaced | {each.strip().lower() for each in named.split(b",")}
    return [(name, value) for name, value in given if name.lower() not in dropped]


def _is_ours(host: bytes) -> bool:
    return host in _LOOPBACK or host.rpartition(b":")[0] in _LOOPBACK
