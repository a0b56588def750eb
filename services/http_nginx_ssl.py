"""nginx with https."""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.contexts.properties import Property
from provision_py.services.http_nginx import HttpNginx
from provision_py.services.http_properties import nginx_properties, public_properties, ssl_server_properties
from provision_py.services.http_ssl import SslHttp


class HttpNginxSsl(SslHttp, HttpNginx):
    """``http_service_type`` ``nginx_ssl``."""

    type = "nginx_ssl"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (
            *public_properties(cls.application),
            *ssl_server_properties(),
            *nginx_properties(subdirs=False),
        )
