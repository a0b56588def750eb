"""Which docroots a vhost names, ours or one that Provision has written."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.contexts.model import Server
from provision_py.services.http_apache import HttpApache
from provision_py.services.http_common import PublicHttp
from provision_py.services.http_nginx import HttpNginx
from provision_py.system.local import LocalHost

URI = "one.example.test"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (HttpApache, '<VirtualHost *:80>\n  DocumentRoot "/var/aegir/platforms/d 7"\n</VirtualHost>\n'),
        (HttpApache, "<VirtualHost *:80>\n\n  DocumentRoot /var/aegir/platforms/d 7 \n\n</VirtualHost>\n"),
        (HttpNginx, 'server {\n  root "/var/aegir/platforms/d 7";\n}\n'),
        (HttpNginx, "server {\n  root         /var/aegir/platforms/d 7;\n  # root /commented;\n}\n"),
    ],
)
def test_docroots_of_a_vhost(tmp_path: Path, kind: type[PublicHttp], text: str) -> None:
    service = kind(Server("server_master", "localhost", str(tmp_path), "aegir"))
    path = Path(service.vhost_path(URI))
    path.parent.mkdir(parents=True)
    assert service.vhost_roots(URI, LocalHost("localhost")) == ()
    path.write_text(text)
    assert service.vhost_roots(URI, LocalHost("localhost")) == ("/var/aegir/platforms/d 7",)
