"""The one Jinja2 environment of all configuration templates.

Templates lie in the package (``provision_py/templates``), so that they are found in a checkout and in a wheel alike.
A name that a template does not get is an error, never an empty text. Jinja2 is imported when the first template is
rendered, because most commands render none.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from provision_py.services import web_quoting
from provision_py.system import shell

if TYPE_CHECKING:
    import jinja2


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("provision_py", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - no template makes HTML; each value goes through the filter of its place
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        apache=web_quoting.apache_word,
        apache_regex=web_quoting.apache_regex,
        apache_substitution=web_quoting.apache_substitution,
        nginx=web_quoting.nginx_word,
        nginx_regex=web_quoting.nginx_regex,
        regex_literal=web_quoting.regex_literal,
        haproxy=web_quoting.haproxy_word,
        sh=shell.quote,
        php=php_string,
    )
    environment.tests.update(
        needs_apache_dollar=web_quoting.needs_apache_dollar, needs_nginx_dollar=web_quoting.needs_nginx_dollar
    )
    return environment


def render(template: str, **values: object) -> str:
    """The text of a template, e.g. ``apache/vhost.conf.j2``. Raises jinja2.UndefinedError for a missing value."""
    return _environment().get_template(template).render(**values)


@cache
def compile_templates(application: str) -> None:
    """Compile the templates of a web server now: processes that are forked later have them."""
    environment = _environment()
    for name in environment.list_templates(filter_func=lambda name: name.startswith(f"{application}/")):
        environment.get_template(name)


def php_string(value: str) -> str:
    """A text as a PHP literal in single quotes, which PHP reads back unchanged."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
