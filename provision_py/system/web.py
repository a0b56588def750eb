"""One request to a web server by the address of the machine, whatever name service and certificates say."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from provision_py.errors import HostError

#: Seconds until a machine whose port does not answer counts as silent.
CONNECT_TIMEOUT = 5.0
#: Seconds that a page may take.
ANSWER_TIMEOUT = 30.0


@dataclass(frozen=True)
class Page:
    """An answer: status, headers with lower-case names (of repeated ones the last counts), the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(address: str, port: int, path: str, *, host: str, https: bool = False) -> Page:
    """The answer of the machine ``address`` to a GET with this Host header; redirections are not followed.

    With ``https`` the name goes along when the connection is made, too (SNI). Certificates are not verified: those of
    a new site are signed by nobody. Raises HostError when there is no answer.
    """
    plain = port == (443 if https else 80)
    headers = {"Host": host if plain else f"{host}:{port}", "User-Agent": "provision-py", "Connection": "close"}
    connection = _Connection(address, port, host if https else None)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return Page(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise HostError(
            f"It does not answer on port {port}: {why}",
            where=address,
            hint="Check that the web server runs and that no firewall drops the connection",
        ) from error
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, address: str, port: int, name: str | None) -> None:
        super().__init__(address, port, timeout=ANSWER_TIMEOUT)
        self._name = name

    def connect(self) -> None:
        self.sock = socket.create_connection((self.host, self.port), CONNECT_TIMEOUT)
        self.sock.settimeout(self.timeout)
        if self._name is not None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock, server_hostname=self._name)
