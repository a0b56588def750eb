"""Apache with https."""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.contexts.properties import Property
from provision_py.services.http_apache import HttpApache
from provision_py.services.http_properties import PHP_FPM_SOCKET, public_properties, ssl_server_properties
from provision_py.services.http_ssl import SslHttp


class HttpApacheSsl(SslHttp, HttpApache):
    """``http_service_type`` ``apache_ssl``."""

    type = "apache_ssl"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (*public_properties(cls.application), *ssl_server_properties(), PHP_FPM_SOCKET)
