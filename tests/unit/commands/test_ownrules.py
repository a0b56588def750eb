"""Which of an admin's own rules may refuse the hub."""

from __future__ import annotations

import pytest

from provision_py.commands.ownrules import may_refuse


@pytest.mark.parametrize(
    "text",
    [
        "allow 192.0.2.0/24;\ndeny all;",
        "if ($remote_addr != 192.0.2.1) { return 403; }",
        "location / { allow 192.0.2.1; deny all; }",
        "  auth_request /login;",
        "include /etc/nginx/office.conf;",
        "IncludeOptional /etc/apache2/office/*.conf",
        "<Location />\n  Require ip 192.0.2.1\n</Location>",
        "Order allow,deny\nDeny from all",
        "RewriteCond %{REMOTE_ADDR} !=192.0.2.1\nRewriteRule ^ - [NC,F]",
        "RewriteRule ^ - [R=403,L]",
        "Redirect 403 /",
    ],
)
def test_rules_that_may_refuse(text: str) -> None:
    assert may_refuse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# deny all;\n  # Require ip 192.0.2.1",
        "  # once: allow 192.0.2.1; deny all;",
        "client_max_body_size 64m;",
        "add_header X-Frame-Options DENY;",
        "Require all granted",
        "return 301 https://$host$request_uri;",
        "RewriteRule ^/old$ /new403 [R=301,L]",
        "RewriteRule ^/feed$ /rss [QSA,NC]",
        "Header set X-Robots-Tag noindex",
        "error_page 403 /sorry.html;",
    ],
)
def test_rules_that_refuse_nobody(text: str) -> None:
    assert not may_refuse(text)
