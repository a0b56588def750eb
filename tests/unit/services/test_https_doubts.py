"""What a site asks for in vain of a web server with https."""

from __future__ import annotations

import pytest
from http_contexts import TYPES, server, site

from provision_py.php.values import PhpValue
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_common import PublicHttp
from provision_py.services.http_nginx_ssl import HttpNginxSsl


@pytest.mark.parametrize("kind", [HttpApacheSsl, HttpNginxSsl])
@pytest.mark.parametrize("key", [None, "", False])
@pytest.mark.parametrize("enabled", [1, "1", "2"])
def test_https_without_a_certificate(kind: type[PublicHttp], key: PhpValue, enabled: PhpValue) -> None:
    (doubt,) = kind(server()).doubts(site(properties={"ssl_enabled": enabled, "ssl_key": key}))

    assert "by http alone" in doubt
    assert "ssl_key" in doubt


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("properties", [{}, {"ssl_enabled": 0}, {"ssl_enabled": "0", "ssl_key": "a"}])
def test_nothing_to_doubt(kind: type[PublicHttp], properties: dict[str, PhpValue]) -> None:
    assert list(kind(server()).doubts(site(properties=properties))) == []
