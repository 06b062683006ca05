"""A store behind TLS and a password: ``rediss://``, with the certificate checked."""

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from urllib.parse import unquote, urlsplit

import pytest
import uvloop

from app.contracts import StageError
from app.state.store import Store
from tests.state import url

__all__ = ["url"]  # a fixture

# Made for this test, and used nowhere else; for 127.0.0.1 alone, valid from 2020 to 2120.
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIZRaanoEpncTiU5J
JfDb2XE3TLvi+N8SqnXXGQ2q89mhRANCAAQv8PL7noXo91UZ/J1qwgSgMNrp12Bi
ilo6N9jV6CfmP4oReKiXhdm3xRgnHI78tKY/mEZGmrC1ZgLHyS36mOBl
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBZjCCAQygAwIBAgIBATAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5yZWNmdW5u
ZWwtdGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowGTEXMBUG
A1UEAwwOcmVjZnVubmVsLXRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQv
8PL7noXo91UZ/J1qwgSgMNrp12Biilo6N9jV6CfmP4oReKiXhdm3xRgnHI78tKY/
mEZGmrC1ZgLHyS36mOBlo0MwQTAPBgNVHREECDAGhwR/AAABMA8GA1UdEwEB/wQF
MAMBAf8wHQYDVR0OBBYEFDBd4oO5+Y/GgzjkB2klfahMkRH5MAoGCCqGSM49BAMC
A0gAMEUCIQDg+b15DC2ONowAf3zejjxD/9mXjjpKBPwyqO2ZZ0NkIQIgKJ1NCkGi
Xj7TRfzXk2EBMjeUw9sWPFUPavFs9dKEJjk=
-----END CERTIFICATE-----
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The file of the certificate, which stands for that of a private authority."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_text(CERTIFICATE)
    path.with_name("key.pem").write_text(KEY)
    return path


async def copy(reader, writer):
    with suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
    writer.close()


@asynccontextmanager
async def behind_tls(url, certificate):
    """Yield the port on which the server of ``url`` can be reached by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))

    async def serve(reader, writer):
        server = await asyncio.open_unix_connection(unquote(urlsplit(url).path))
        await asyncio.gather(copy(reader, server[1]), copy(server[0], writer))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield listener.sockets[0].getsockname()[1]
    listener.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_store_behind_tls_is_used_by_a_user_with_a_password(url, certificate, run):
    async def use():
        async with (
            behind_tls(url, certificate) as port,
            Store.connect(url) as admin,
        ):
            rights = ("on", ">p/ss w:rd", "~recfunnel:*", "+@all")
            await admin.command("ACL", "SETUSER", "service", "reset", *rights)
            address = (
                f"rediss://service:p%2Fss%20w%3Ard@127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
            )
            async with Store.connect(address, timeout=5.0) as store:
                assert await store.command("SET", "recfunnel:k", "v" * 100_000) == b"OK"
                assert await store.command("ACL", "WHOAMI") == b"service"
                many = [("GET", "recfunnel:k")] * 50
                assert {len(reply) for reply in await store.pipeline("many", many)} == {100_000}
                with pytest.raises(StageError, match="refused GET"):
                    await store.command("GET", "another")
            async with Store.connect(address.replace("p%2F", "x"), timeout=5.0) as wrong:
                with pytest.raises(StageError, match="invalid username-password pair"):
                    await wrong.command("GET", "recfunnel:k")

    run(use())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize(
    ("host", "trusts", "fault"),
    [("127.0.0.1", False, "self.signed certificate"), ("localhost", True, "[Hh]ostname mismatch")],
)
def test_a_server_is_refused_whose_certificate_is_unknown_or_of_another_host(
    url, certificate, run, host, trusts, fault
):
    async def use():
        async with behind_tls(url, certificate) as port:
            trusted = f"?ssl_ca_certs={certificate}" if trusts else ""
            address = f"rediss://{host}:{port}/0{trusted}"
            async with Store.connect(address, timeout=5.0) as store:
                with pytest.raises(StageError, match=fault):
                    await store.command("PING")

    run(use())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_connection_by_tls_that_breaks_is_replaced(url, certificate, run):
    async def use():
        async with behind_tls(url, certificate) as port:
            address = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
            async with Store.connect(address, timeout=5.0) as store, Store.connect(url) as admin:
                name = await store.command("CLIENT", "ID")
                await admin.command("CLIENT", "KILL", "ID", name)
                assert await store.command("PING") == b"PONG"

    run(use())
