"""Downloads end with the right file or with one sentence, whatever the server does on the way."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_network
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from publisher import LOOPBACK, Fault, Naps, Publisher, fetching, publishing

from app.sources.failures import FetchFailed
from app.sources.fetch import Validators
from app.sources.http_client import FetchTools
from app.subscriptions.transport.url_guard import TargetPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.subscriptions.transport.ip_ranges import Address

BODY = bytes(range(256)) * 400
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing() as opened:
        opened.files["/f.csv"] = BODY
        yield opened


async def refused(publisher: Publisher, folder: Path, path: str = "/f.csv", **more: object) -> FetchFailed:
    """The failure of a download."""
    async with fetching(publisher, folder, **more) as fetcher:  # type: ignore[arg-type]
        with pytest.raises(FetchFailed) as caught:
            await fetcher.download(publisher.url + path)
    return caught.value


async def test_a_download_that_breaks_off_goes_on_where_it_was_if_the_file_is_still_the_same(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.faults["/f.csv"] = [Fault(cut=30_000), Fault(cut=1000), Fault(status=503)]
    async with fetching(publisher, tmp_path) as fetcher:
        fetched = await fetcher.download(f"{publisher.url}/f.csv", checksum=("md5", MD5))
        assert fetched is not None
        assert fetched.path.read_bytes() == BODY
        assert fetched.path.name == "f.csv"
        ranges = [request.headers.get("range") for request in publisher.asked]
        assert ranges == [None, "bytes=30000-", "bytes=31000-", "bytes=31000-"]
        assert publisher.asked[1].headers["if-range"] == fetched.validators.etag

        # Another file meanwhile, a server without ranges, one without validators: each begins anew.
        for name in ("changed", "without_ranges", "without_validators"):
            publisher.asked.clear()
            publisher.files["/f.csv"] = BODY
            publisher.faults["/f.csv"] = [Fault(cut=30_000)]
            setattr(publisher, name, True)
            if name == "changed":
                first = publisher.reply

                def reply(*asked: object, first: object = first) -> object:
                    told = first(*asked)  # type: ignore[operator]
                    publisher.files["/f.csv"] = BODY[::-1]
                    return told

                publisher.reply = reply  # type: ignore[method-assign,assignment]
            fetched = await fetcher.download(f"{publisher.url}/f.csv")
            assert fetched is not None
            assert fetched.path.read_bytes() == (BODY[::-1] if name == "changed" else BODY), name
            assert len(publisher.asked) == 2
            publisher.__dict__.pop("reply", None)


async def test_what_has_not_changed_is_not_sent_again(publisher: Publisher, tmp_path: Path) -> None:
    async with fetching(publisher, tmp_path) as fetcher:
        fetched = await fetcher.download(f"{publisher.url}/f.csv")
        assert fetched is not None
        assert await fetcher.download(f"{publisher.url}/f.csv", known=fetched.validators) is None
        assert await fetcher.download(f"{publisher.url}/f.csv", known=Validators('"other"')) is not None
        end = await fetcher.download(f"{publisher.url}/f.csv", tail=100)
        assert end is not None
        assert (end.path.read_bytes(), end.is_whole) == (BODY[-100:], False)
        whole = await fetcher.download(f"{publisher.url}/f.csv", tail=10**7)
        assert whole is not None
        assert whole.is_whole


async def test_faults_are_tried_again_with_pauses_and_told_in_a_sentence(publisher: Publisher, tmp_path: Path) -> None:
    naps = Naps()
    tools = FetchTools(sleep=naps.sleep, chance=lambda: 1.0)
    publisher.faults["/f.csv"] = [Fault(status=429, headers={"retry-after": "7"}), Fault(status=500), Fault(status=502)]
    async with fetching(publisher, tmp_path, tools=tools) as fetcher:
        assert await fetcher.download(f"{publisher.url}/f.csv") is not None
    assert naps.seconds == [7.0, 5.0, 10.0]

    place = publisher.url.removeprefix("http://")
    publisher.faults["/f.csv"] = [Fault(status=503, headers={"retry-after": "3600"})]
    late = await refused(publisher, tmp_path)
    assert (late.retry_after, late.detail) == (
        timedelta(hours=1),
        f"{place}/f.csv answered 503: the server has a fault.",
    )
    publisher.faults["/f.csv"] = [Fault(cut=9)] + [Fault(cut=0)] * 3
    assert "broke off after 9 of 102,400 bytes." in (await refused(publisher, tmp_path)).detail
    assert "404: there is no such file." in (await refused(publisher, tmp_path, "/g.csv?key=s3cret")).detail
    assert "s3cret" not in (await refused(publisher, tmp_path, "/g.csv?key=s3cret")).detail
    assert "larger than the limit of 1,000 bytes" in (await refused(publisher, tmp_path, max_bytes=1000)).detail
    publisher.faults["/f.csv"] = [Fault(drip=True)]
    assert "took longer than 0.1 s." in (await refused(publisher, tmp_path, timeout_s=0.1)).detail
    publisher.asked.clear()
    publisher.faults["/f.csv"] = [Fault(body=BODY[:-1] + b"!", headers={})]
    async with fetching(publisher, tmp_path) as fetcher:
        assert await fetcher.download(f"{publisher.url}/f.csv", checksum=("md5", MD5)) is not None
        with pytest.raises(FetchFailed, match=f"has the MD5 checksum {MD5}, not 00 as published."):
            await fetcher.download(f"{publisher.url}/f.csv", checksum=("md5", "00"))
    assert len(publisher.asked) == 4
    publisher.is_down = True
    assert "did not answer" in (await refused(publisher, tmp_path)).detail


async def test_redirects_are_followed_one_by_one_and_each_is_vetted(publisher: Publisher, tmp_path: Path) -> None:
    async with publishing() as other:
        other.files["/f.csv"] = BODY
        for status in (301, 302, 303, 307, 308):
            publisher.faults["/r"].append(Fault(status=status, headers={"location": f"{other.url}/f.csv#end"}))
        async with fetching(publisher, tmp_path, headers={"x-token": "s3cret"}) as fetcher:
            for _ in range(5):
                fetched = await fetcher.download(f"{publisher.url}/r")
                assert fetched is not None
                assert fetched.path.read_bytes() == BODY
            await fetcher.download(f"{other.url}/f.csv")
        assert {request.headers.get("x-token") for request in publisher.asked} == {"s3cret"}
        assert {request.headers.get("x-token") for request in other.asked} == {None}

    for place in (
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/",
        "http://[::1]/",
        "http://localhost/",
        "ftp://a.example/",
    ):
        publisher.faults["/r"] = [Fault(status=302, headers={"location": place})]
        assert "is not asked:" in (await refused(publisher, tmp_path, "/r")).detail, place
    publisher.faults["/r"] = [Fault(status=302, headers={"location": "/r"})] * 9
    assert "more than 5 redirects" in (await refused(publisher, tmp_path, "/r")).detail


async def test_the_guard_of_webhooks_guards_downloads(publisher: Publisher, tmp_path: Path) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[Address]:
        asked.append(f"{host}:{port}")
        return [IPv4Address("127.0.0.1")] if host == "inside.example" else [IPv4Address("93.184.215.14")]

    tools = FetchTools(resolve=resolve, sleep=Naps().sleep)
    port = publisher.url.rpartition(":")[2]
    closed = await refused(publisher, tmp_path, policy=TargetPolicy(http=True))
    assert "SITREP_ALLOW_PRIVATE_TARGETS" in closed.detail
    publisher.url = f"http://inside.example:{port}"
    inside = await refused(publisher, tmp_path, policy=TargetPolicy(http=True), tools=tools)
    assert "not public" in inside.detail
    publisher.url = "http://outside.example"
    plain = await refused(publisher, tmp_path, policy=LOOPBACK, tools=tools)
    assert "allow_http = true" in plain.detail
    assert publisher.asked == []

    # The vetted address is the one that is dialled, under the name of the URL.
    publisher.url = f"http://inside.example:{port}"
    policy = TargetPolicy(private=(ip_network("127.0.0.0/8"),))
    async with fetching(publisher, tmp_path, policy=policy, tools=tools) as fetcher:
        assert await fetcher.download(f"{publisher.url}/f.csv") is not None
    assert publisher.asked[0].headers["host"] == f"inside.example:{port}"
    assert asked == [f"inside.example:{port}", "outside.example:80", f"inside.example:{port}"]


async def test_tls_proves_the_name_of_the_url_to_each_host(tmp_path: Path) -> None:
    """The vetted address is dialled, and the certificate is checked against the name, not against the address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "data.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("data.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "data.pem").write_bytes(key.private_bytes(*plain) + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "data.pem")

    async def resolve(_host: str, _port: int) -> list[Address]:
        return [IPv4Address("127.0.0.1")]

    trusting = ssl.create_default_context(cadata=pem.decode())
    tools = FetchTools(resolve=resolve, sleep=Naps().sleep, chance=lambda: 0.0, ssl=trusting)
    async with publishing(ssl=server) as publisher:
        publisher.files["/f.csv"] = BODY
        port = publisher.url.rpartition(":")[2]
        async with fetching(publisher, tmp_path, tools=tools) as fetcher:
            fetched = await fetcher.download(f"https://data.example:{port}/f.csv")
            assert fetched is not None
            assert fetched.path.read_bytes() == BODY
            with pytest.raises(FetchFailed, match=r"other.example:\d+/f.csv cannot be reached: .*certificate"):
                await fetcher.download(f"https://other.example:{port}/f.csv")
    assert len(publisher.asked) == 1
