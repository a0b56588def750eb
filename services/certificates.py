"""Certificates: made on the hub where they are missing, and copied to the web servers that need them.

Keys are born readable for their owner alone, on both sides; no key is ever an argument of a program.
"""

from __future__ import annotations

from dataclasses import dataclass

from provision_py.errors import ProcessError, ServiceError
from provision_py.system.host import Host

KEY = "openssl.key"
REQUEST = "openssl.csr"
LEAF = "openssl.crt"
CHAIN = "openssl_chain.crt"

#: The certificate with what leads to its authority behind it, made from the two above for the web servers.
BUNDLE = "openssl_bundle.crt"

_KEY_BITS = "2048"
_DAYS = "365"

#: A common name may not be longer (RFC 5280); browsers look at the alternative names anyway.
_COMMON_NAME_LIMIT = 64


@dataclass(frozen=True)
class Certificate:
    """Where a certificate lies: ``source`` is its folder on the hub, ``target`` the one on the web server.

    ``key`` is its name (``ssl_key``), ``common_name`` the host name that it is made for when it is missing.
    """

    key: str
    common_name: str
    source: str
    target: str

    @property
    def target_files(self) -> tuple[str, ...]:
        """Every file that may be on the web server, receipts left out."""
        return tuple(f"{self.target}/{name}" for name in (KEY, LEAF, CHAIN, BUNDLE))

    @property
    def key_file(self) -> str:
        return f"{self.target}/{KEY}"

    @property
    def bundle_file(self) -> str:
        return f"{self.target}/{BUNDLE}"

    def receipt(self, uri: str) -> str:
        """The empty file that says that a site uses the certificate on that server."""
        return f"{self.target}/{uri}.receipt"


def ensure_certificates(hub: Host, server: Host, certificate: Certificate, *, uri: str | None = None) -> bool:
    """Make the certificate where it is missing and bring it to the web server; True when something changed.

    ``uri`` is the site that uses it from now on; None for the server's own certificate. Certificates that exist are
    never made anew. Raises ServiceError (SSL_KEY_GEN_FAIL, SSL_CERT_GEN_FAIL) and HostError.
    """
    changed = _generate(hub, certificate)
    leaf = hub.read(f"{certificate.source}/{LEAF}")
    has_chain = hub.stat(f"{certificate.source}/{CHAIN}") is not None
    chain = hub.read(f"{certificate.source}/{CHAIN}") if has_chain else b""
    files = {
        KEY: (hub.read(f"{certificate.source}/{KEY}"), 0o600),
        LEAF: (leaf, 0o644),
        BUNDLE: (_bundle(leaf, chain), 0o644),
    }
    if has_chain:
        files[CHAIN] = (chain, 0o644)
    server.mkdir(certificate.target, mode=0o700)
    for name, (content, mode) in files.items():
        changed |= _write(server, f"{certificate.target}/{name}", content, mode)
    if not has_chain:
        changed |= server.remove(f"{certificate.target}/{CHAIN}")
    if uri is not None and server.stat(certificate.receipt(uri)) is None:
        server.write(certificate.receipt(uri), b"", mode=0o644)
    return changed


def release_certificates(server: Host, certificate: Certificate, uri: str) -> bool:
    """Note that a site no longer uses the certificate there; True when the server's copy went with the last site.

    The hub's own files stay. A folder that is a symlink belongs to somebody else and stays too.
    """
    folder = server.stat(certificate.target)
    if folder is None or folder.kind != "directory":
        return False
    server.remove(certificate.receipt(uri))
    if any(name.endswith(".receipt") for name in server.listdir(certificate.target)):
        return False
    server.remove_tree(certificate.target)
    return True


def _generate(hub: Host, certificate: Certificate) -> bool:
    source = certificate.source
    made = False
    if hub.stat(f"{source}/{KEY}") is None:
        if hub.stat(f"{source}/{LEAF}") is not None:
            raise ServiceError(
                "There is a certificate without its key",
                where=f"{hub.name}:{source}",
                hint=f"Put {KEY} beside it, or remove the certificate to have both made anew",
                code="SSL_KEY_GEN_FAIL",
            )
        hub.mkdir(source, mode=0o700)
        key = _openssl(hub, ["genrsa", _KEY_BITS], certificate, "SSL_KEY_GEN_FAIL")
        hub.write(f"{source}/{KEY}", key, mode=0o600)
        made = True
    if hub.stat(f"{source}/{LEAF}") is None:
        common = ["req", "-new", "-sha256", "-key", f"{source}/{KEY}", "-subj", _subject(certificate)]
        request = _openssl(hub, common, certificate, "SSL_CERT_GEN_FAIL")
        names = f"subjectAltName=DNS:{certificate.common_name}"
        leaf = _openssl(hub, [*common, "-x509", "-days", _DAYS, "-addext", names], certificate, "SSL_CERT_GEN_FAIL")
        hub.write(f"{source}/{REQUEST}", request, mode=0o644)
        hub.write(f"{source}/{LEAF}", leaf, mode=0o644)
        made = True
    return made


def _subject(certificate: Certificate) -> str:
    name = certificate.common_name
    return f"/CN={name[:_COMMON_NAME_LIMIT]}/emailAddress=abuse@{name}"


def _openssl(hub: Host, arguments: list[str], certificate: Certificate, code: str) -> bytes:
    try:
        return hub.run(["openssl", *arguments], timeout=120).stdout.encode()
    except ProcessError as error:
        raise ServiceError(
            f"openssl could not make the certificate {certificate.key}: {error.output.strip() or error.what}",
            where=f"{hub.name}:{certificate.source}",
            hint="Is openssl installed on the hub?",
            code=code,
        ) from error


def _bundle(leaf: bytes, chain: bytes) -> bytes:
    """Some put the certificate itself into the chain file, some do not."""
    leaf = leaf.strip() + b"\n"
    if not chain.strip() or chain.strip() == leaf.strip():
        return leaf
    return chain.strip() + b"\n" if chain.strip().startswith(leaf.strip()) else leaf + chain.strip() + b"\n"


def _write(host: Host, path: str, content: bytes, mode: int) -> bool:
    state = host.stat(path)
    if state is not None and state.kind == "file" and state.mode == mode and host.read(path) == content:
        return False
    host.write(path, content, mode=mode)
    return True
