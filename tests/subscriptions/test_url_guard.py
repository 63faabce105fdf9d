"""Webhook targets: a fixed corpus of hostile URLs, one of good ones, and the table of addresses."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import Settings
from app.subscriptions.transport.http_connection import open_request
from app.subscriptions.transport.ip_ranges import METADATA, SPECIAL_V4, SPECIAL_V6, UNICAST_V6, is_public
from app.subscriptions.transport.url_guard import (
    CODES,
    TargetPolicy,
    TargetRefused,
    WebhookUrl,
    check_addresses,
    parse_webhook_url,
)

DEFAULT = TargetPolicy()
LOOPBACK = TargetPolicy(private=(ip_network("127.0.0.0/8"),))
EVERYTHING = TargetPolicy(
    private=(ip_network("0.0.0.0/0"), ip_network("::/0")), http=True, ports=frozenset(range(1, 65536))
)

HOSTILE = [
    # Text that two parsers read differently.
    ("https://example.org/" + "a" * 1981, "length"),
    ("https://example.org\\@127.0.0.1/", "characters"),
    ("https:\\\\example.org/", "characters"),
    ("https://127.0.0.1\\.example.org/", "characters"),
    ("https://example.org/a\\b", "characters"),
    (" https://example.org/", "characters"),
    ("https://example.org/ ", "characters"),
    ("https://exa mple.org/", "characters"),
    ("https://example.org/\n", "characters"),
    ("https://example.org/\r\nhost: inside", "characters"),
    ("https://exam\tple.org/", "characters"),
    ("https://example.org\0.evil.example/", "characters"),
    ("https://example.org/\x7f", "characters"),
    ("https://example.org/\x85", "characters"),
    ("https://example.org/\xa0", "characters"),
    ("https://exam\xadple.org/", "characters"),
    ("https://exam\u200bple.org/", "characters"),
    ("https://exam\u200dple.org/", "characters"),
    ("https://example.org/\u202egro.elpmaxe", "characters"),
    ("https://exam\u2060ple.org/", "characters"),
    ("https://exam\u3164ple.org/", "characters"),
    ("https://exam\u034fple.org/", "characters"),
    ("https://exam\ufe0fple.org/", "characters"),
    ("https://exam\U000e0101ple.org/", "characters"),
    ("\ufeffhttps://example.org/", "characters"),
    ("https://example.org/\ud800", "characters"),
    ("https://example.org/\ue000", "characters"),
    ("https://example.org/\u2028", "characters"),
    ("https://example\u3000.org/", "characters"),
    # Form and scheme.
    ("", "form"),
    ("example.org/hook", "form"),
    ("//example.org/hook", "form"),
    ("https:", "form"),
    ("https:example.org", "form"),
    ("https:/example.org", "form"),
    ("https://", "form"),
    ("https:///example.org", "form"),
    ("https:////example.org", "form"),
    ("https://?x", "form"),
    ("file:///etc/passwd", "scheme"),
    ("gopher://example.org/", "scheme"),
    ("ftp://example.org/", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("ws://example.org/", "scheme"),
    ("httpſ://example.org/", "form"),
    ("unix:///var/run/docker.sock", "scheme"),
    ("https://example.org/#", "fragment"),
    ("https://example.org/a#b", "fragment"),
    ("https://example.org#@127.0.0.1/", "fragment"),
    ("https://127.0.0.1#.example.org/", "fragment"),
    # User names.
    ("https://user@example.org/", "userinfo"),
    ("https://user:pass@example.org/", "userinfo"),
    ("https://@example.org/", "userinfo"),
    ("https://:@example.org/", "userinfo"),
    ("https://example.org@127.0.0.1/", "userinfo"),
    ("https://example.org:443@127.0.0.1/", "userinfo"),
    ("https://127.0.0.1@example.org@169.254.169.254/", "userinfo"),
    ("https://example.org%40127.0.0.1/", "host"),
    # Ports.
    ("https://example.org:/", "port"),
    ("https://example.org:0/", "port"),
    ("https://example.org:65536/", "port"),
    ("https://example.org:99999999999/", "port"),
    ("https://example.org:-1/", "port"),
    ("https://example.org:+443/", "port"),
    ("https://example.org:0443/", "port"),
    ("https://example.org:44_3/", "port"),
    ("https://example.org:443a/", "port"),
    ("https://example.org:443:443/", "port"),
    ("https://example.org:٤٤٣/", "port"),
    ("https://[2606:4700::1111]:/", "port"),
    ("https://93.184.215.14:22/", "port"),
    ("http://93.184.215.14/", "scheme"),
    # Every way to write 127.0.0.1 and others as a number.
    ("https://127.0.0.1/", "address"),
    ("https://127.1/", "host"),
    ("https://127.0.1/", "host"),
    ("https://2130706433/", "host"),
    ("https://017700000001/", "host"),
    ("https://0x7f000001/", "host"),
    ("https://0x7f.0.0.1/", "host"),
    ("https://0x7f.1/", "host"),
    ("https://0X7F.0.0.0X1/", "host"),
    ("https://0177.0.0.1/", "host"),
    ("https://127.0.0.01/", "host"),
    ("https://127.000.000.001/", "host"),
    ("https://127.0.0.1./", "host"),
    ("https://127.0.0.256/", "host"),
    ("https://127.0.0.0.1/", "host"),
    ("https://4294967296/", "host"),
    ("https://18446744073709551617/", "host"),
    ("https://0/", "host"),
    ("https://0x/", "host"),
    ("https://example.0x/", "host"),
    ("https://example.1/", "host"),
    ("https://example.org.0x7f/", "host"),
    ("https://0.0.0.0/", "address"),
    ("https://10.0.0.1/", "address"),
    ("https://100.64.0.1/", "address"),
    ("https://169.254.1.1/", "address"),
    ("https://172.31.255.255/", "address"),
    ("https://192.168.0.1/", "address"),
    ("https://198.19.255.255/", "address"),
    ("https://224.0.0.1/", "address"),
    ("https://255.255.255.255/", "address"),
    ("https://168.63.129.16/", "address"),
    ("https://192.88.99.1/", "address"),
    # Letters, digits and full stops of other scripts.
    ("https://１２７.0.0.1/", "host"),
    ("https://①②⑦.0.0.1/", "host"),
    ("https://127。0。0。1/", "host"),
    ("https://127．0．0．1/", "host"),
    ("https://127｡0｡0｡1/", "host"),
    ("https://127․0․0․1/", "host"),
    ("https://example。org/", "host"),
    ("https://١٢٧.٠.٠.١/", "host"),
    ("https://१२७.०.०.१/", "host"),
    ("https://ⓔⓧⓐⓜⓟⓛⓔ.org/", "host"),
    ("https://ｌｏｃａｌｈｏｓｔ/", "host"),
    ("https://\u212aexample.org/", "host"),
    ("https://example.org／@inside/", "userinfo"),
    ("https://example.org／x/", "host"),
    ("https://example.org？x/", "host"),
    ("https://ex℀mple.org/", "host"),
    ("https://\u0301example.org/", "host"),
    ("https://e\u0301xample.org/", "host"),
    ("https://☃.example.org/", "host"),
    ("https://xn--a.example.org/", "host"),
    ("https://xn--.example.org/", "host"),
    # Hosts that are not LDH names.
    ("https://%31%32%37.0.0.1/", "host"),
    ("https://example%2eorg/", "host"),
    ("https://example.org./", "host"),
    ("https://example..org/", "host"),
    ("https://.example.org/", "host"),
    ("https://exa_mple.org/", "host"),
    ("https://-example.org/", "host"),
    ("https://example-.org/", "host"),
    ("https://*.example.org/", "host"),
    ("https://exam'ple.org/", "host"),
    ("https://example.org,inside/", "host"),
    ("https://example.org;inside/", "host"),
    ("https://" + "a" * 64 + ".org/", "host"),
    ("https://" + "a." * 125 + "org.uk/", "host"),
    # Names that mean something inside only.
    ("https://localhost/", "internal-name"),
    ("https://LOCALHOST/", "internal-name"),
    ("https://localhost./", "host"),
    ("https://receiver/", "internal-name"),
    ("https://printer.local/", "internal-name"),
    ("https://app.localhost/", "internal-name"),
    ("https://metadata.google.internal/", "internal-name"),
    ("https://Metadata.Google.INTERNAL/", "internal-name"),
    ("https://router.home.arpa/", "internal-name"),
    ("https://home.arpa/", "internal-name"),
    ("https://api.default.svc.cluster.local/", "internal-name"),
    # IPv6.
    ("https://[::1]/", "address"),
    ("https://[::]/", "address"),
    ("https://[0:0:0:0:0:0:0:1]/", "address"),
    ("https://[::127.0.0.1]/", "address"),
    ("https://[::ffff:127.0.0.1]/", "address"),
    ("https://[::ffff:7f00:1]/", "address"),
    ("https://[::ffff:0:127.0.0.1]/", "address"),
    ("https://[64:ff9b::7f00:1]/", "address"),
    ("https://[64:ff9b::8.8.8.8]/", "address"),
    ("https://[64:ff9b:1::10.0.0.1]/", "address"),
    ("https://[2002:7f00:1::]/", "address"),
    ("https://[2002:808:808::1]/", "address"),
    ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "address"),
    ("https://[2001:db8::1]/", "address"),
    ("https://[2001:10::1]/", "address"),
    ("https://[3fff::1]/", "address"),
    ("https://[5f00::1]/", "address"),
    ("https://[100::1]/", "address"),
    ("https://[fc00::1]/", "address"),
    ("https://[fe80::1]/", "address"),
    ("https://[fec0::1]/", "address"),
    ("https://[ff02::1]/", "address"),
    ("https://[4000::1]/", "address"),
    ("https://[fe80::1%25eth0]/", "host"),
    ("https://[fe80::1%eth0]/", "host"),
    ("https://[::1/", "host"),
    ("https://::1/", "port"),
    ("https://[]/", "host"),
    ("https://[v1.a]/", "host"),
    ("https://[1.2.3.4]/", "host"),
    ("https://[::1]x/", "host"),
    ("https://x[::1]/", "host"),
    ("https://[[::1]]/", "host"),
    ("https://[::ffff:127.0.0.01]/", "host"),
]

METADATA_URLS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/v2/credentials",
    "http://168.63.129.16/machine",
    "http://100.100.100.200/latest/",
    "http://192.0.0.192/opc/v2/",
    "http://[fd00:ec2::254]/latest/",
    "http://[fd20:ce::254]/computeMetadata/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::169.254.169.254]/",
    "http://[::ffff:0:169.254.169.254]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[::ffff:168.63.129.16]/",
    "http://[2001:0:a9fe:a9fe::1]/",
]

BENIGN = [
    ("https://example.org", "https://example.org/"),
    ("https://example.org/hook?a=b&c=%20d", "https://example.org/hook?a=b&c=%20d"),
    ("https://example.org?a=b", "https://example.org/?a=b"),
    ("HTTPS://Example.ORG:443/Hook", "https://example.org/Hook"),
    ("https://example.org:8443/", "https://example.org:8443/"),
    ("https://example.org:80/", "https://example.org:80/"),
    ("https://example.org/a@b:c//d/../e", "https://example.org/a@b:c//d/../e"),
    ("https://example.org/?q=http://user@inside/", "https://example.org/?q=http://user@inside/"),
    ("https://example.org/київ", "https://example.org/%D0%BA%D0%B8%D1%97%D0%B2"),
    ('https://example.org/<a>|^`{}"', "https://example.org/%3Ca%3E%7C%5E%60%7B%7D%22"),
    ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ("https://Bücher.example/", "https://xn--bcher-kva.example/"),
    ("https://faß.example/", "https://xn--fa-hia.example/"),
    ("https://приклад.укр/", "https://xn--80aikifvh.xn--j1amh/"),
    ("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/"),
    ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
    ("https://r3---sn-x.example/", "https://r3---sn-x.example/"),
    ("https://1.example/", "https://1.example/"),
    ("https://127.0.0.1.nip.example/", "https://127.0.0.1.nip.example/"),
    ("https://0x7f.example/", "https://0x7f.example/"),
    ("https://mylocal.example/", "https://mylocal.example/"),
    ("https://internal.example/", "https://internal.example/"),
    ("https://notlocalhost.mylocalhost/", "https://notlocalhost.mylocalhost/"),
    ("https://8.8.8.8/", "https://8.8.8.8/"),
    ("https://[2606:4700:0::1111]/", "https://[2606:4700::1111]/"),
    ("https://[2606:4700::1111]:8443/x", "https://[2606:4700::1111]:8443/x"),
    ("https://[::ffff:8.8.8.8]/", "https://[::ffff:808:808]/"),
    ("https://" + "a" * 63 + ".example/", "https://" + "a" * 63 + ".example/"),
    ("https://example.org/" + "a" * 1980, "https://example.org/" + "a" * 1980),
]


def as_requested(target: WebhookUrl) -> str:
    """The URL that the head of a request to the target says, to whoever reads it by the standard."""
    (method, path, version), host = (line.split(" ") for line in open_request(target).split("\r\n")[:2])
    assert (method, version, host[0], len(host)) == ("POST", "HTTP/1.1", "host:", 2)
    return f"{target.scheme}://{host[1]}{path}"


def code_of(url: str, rules: TargetPolicy = DEFAULT) -> str | None:
    """The code for which a URL is refused, None if it is not."""
    try:
        parse_webhook_url(url, rules)
    except TargetRefused as refused:
        return refused.code
    return None


@pytest.mark.parametrize(("url", "code"), HOSTILE, ids=lambda value: ascii(value)[:60])
def test_a_hostile_url_is_refused_for_what_is_wrong_with_it(url: str, code: str) -> None:
    assert code_of(url) == code


@pytest.mark.parametrize(("url", "requested"), BENIGN, ids=lambda value: ascii(value)[:60])
def test_a_good_url_is_requested_as_it_was_meant(url: str, requested: str) -> None:
    target = parse_webhook_url(url, DEFAULT)
    assert (target.url, target.only_private) == (requested, None)
    assert parse_webhook_url(target.url, DEFAULT) == target
    assert as_requested(target) == requested


def test_every_code_is_met_and_none_is_made_up() -> None:
    assert {code for _, code in HOSTILE} == set(CODES)


@pytest.mark.parametrize(("url", "code"), HOSTILE, ids=lambda value: ascii(value)[:60])
def test_a_refusal_never_repeats_the_url(url: str, code: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        parse_webhook_url(url, DEFAULT)
    assert refused.value.code == code
    assert refused.value.detail in {CODES[code], "The port is not a number from 1 to 65535."}


@pytest.mark.parametrize("url", METADATA_URLS)
def test_metadata_stays_shut_when_everything_is_open(url: str) -> None:
    assert code_of(url, EVERYTHING) == "address"


def test_every_metadata_address_is_outside_public_space() -> None:
    assert [address for address in METADATA if is_public(address)] == []


def test_open_networks_allow_http_and_any_port_inside_them_only() -> None:
    assert code_of("http://127.0.0.1:9000/", LOOPBACK) is None
    assert code_of("http://[::ffff:127.0.0.1]:9000/", LOOPBACK) is None
    assert code_of("http://10.0.0.1:9000/", LOOPBACK) == "address"
    assert code_of("http://8.8.8.8/", LOOPBACK) == "scheme"
    assert code_of("https://8.8.8.8:9000/", LOOPBACK) == "port"
    assert code_of("https://[::1]/", LOOPBACK) == "address"
    assert code_of("http://localhost:9000/", LOOPBACK) == "internal-name"


def test_a_name_may_use_http_only_if_all_it_leads_to_is_private() -> None:
    target = parse_webhook_url("http://receiver.example:9000/", LOOPBACK)
    inside, outside = ip_address("127.0.0.1"), ip_address("8.8.8.8")
    assert target.only_private == "scheme"
    assert check_addresses([inside, inside], target, LOOPBACK) == [inside]
    with pytest.raises(TargetRefused, match="scheme"):
        check_addresses([inside, outside], target, LOOPBACK)


def test_one_bad_address_among_good_ones_refuses_all() -> None:
    target = parse_webhook_url("https://receiver.example/", DEFAULT)
    good = [ip_address("8.8.8.8"), ip_address("2606:4700::1111")]
    assert check_addresses(good, target, DEFAULT) == good
    for bad in ("10.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254", "fe80::1%1"):
        with pytest.raises(TargetRefused, match="address"):
            check_addresses([*good, ip_address(bad)], target, DEFAULT)


def test_settings_make_the_rules() -> None:
    network, ports = ip_network("10.0.0.0/8"), frozenset({443, 9000})
    rules = TargetPolicy.of(Settings(allow_private_targets=(network,), allow_http_targets=True, target_ports=ports))
    assert rules == TargetPolicy((network,), http=True, ports=ports)
    assert TargetPolicy.of(Settings()) == DEFAULT
    assert code_of("http://8.8.8.8:9000/", rules) is None
    assert code_of("http://8.8.8.8/", rules) == "port"


@given(st.one_of(st.ip_addresses(), *(st.ip_addresses(network=str(block)) for block in (*SPECIAL_V4, *SPECIAL_V6))))
def test_no_literal_outside_public_space_ever_passes(address: IPv4Address | IPv6Address) -> None:
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    meant = getattr(address, "ipv4_mapped", None) or address
    special = SPECIAL_V4 if isinstance(meant, IPv4Address) else SPECIAL_V6
    public = not any(meant in block for block in special) and (isinstance(meant, IPv4Address) or meant in UNICAST_V6)
    assert code_of(f"https://{host}/") == (None if public else "address")
    assert meant.is_global or not public


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_what_it_maps(address: IPv4Address) -> None:
    assert code_of(f"https://[::ffff:{address}]/") == code_of(f"https://{address}/")


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "{:#x}", "0{:o}", "0x{:08X}", "{}."]))
def test_no_number_is_a_host(number: int, form: str) -> None:
    assert code_of(f"https://{form.format(number)}/") == "host"


@given(
    st.one_of(st.text(max_size=30), st.from_regex(r"[a-zé-ж0-9.:\[\]%@-]{1,20}\.[a-z]{2,5}", fullmatch=True)),
    st.text(max_size=30),
)
def test_whatever_follows_is_read_or_refused_and_reads_the_same_again(authority: str, path: str) -> None:
    try:
        target = parse_webhook_url(f"https://{authority}/{path}", DEFAULT)
    except TargetRefused:
        return
    assert target.url.isascii()
    assert parse_webhook_url(target.url, DEFAULT).url == target.url
    assert as_requested(target) == target.url
