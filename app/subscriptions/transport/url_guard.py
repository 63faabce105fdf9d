"""The guard of webhook targets: what a URL may say, and which of the addresses behind it may be dialled; no I/O."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Self
from urllib.parse import quote

import idna

from app.settings import Settings
from app.subscriptions.transport.ip_ranges import Address, Network, is_opened, is_public

# Why a target is refused: the codes that a RefusedTarget carries.
CODES = {
    "length": "The URL is longer than 2,000 characters.",
    "characters": "The URL has spaces, backslashes, control characters or invisible ones.",
    "form": "The URL is not of the form https://host/path.",
    "fragment": "The URL has a fragment.",
    "userinfo": "The URL has a user name or a password.",
    "scheme": "The scheme is not https, nor http where that is allowed.",
    "port": "The port is not one of those that are allowed.",
    "host": "The host is neither a name in DNS nor an address in its usual form.",
    "internal-name": "The host is a name that only means something inside a network.",
    "address": "The host is, or leads to, an address that is not public.",
}

MAX_LENGTH = 2000
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
AUTHORITY = re.compile(r"//([^/?]+)(.*)", re.DOTALL)
HOST_AND_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)
PORT = re.compile(r"[1-9][0-9]{0,4}")
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
DEFAULTS = {"https": 443, "http": 80}
SAFE_IN_PATH = "%/?:@!$&'()*+,;=-._~[]"

# Source: RFC 6761 (localhost), RFC 6762 (local), RFC 8375 (home.arpa), ICANN's reservation of `internal`,
# and Kubernetes, whose names end in the last.
INTERNAL = ("local", "localhost", "internal", "home.arpa", "svc.cluster.local")

# Source: Default_Ignorable_Code_Point of Unicode 16, less what is in the categories C* and Z*, refused anyway.
IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class TargetRefused(Exception):
    """A URL or an address that no webhook is sent to; `code` is one of CODES, `detail` never repeats the URL."""

    def __init__(self, code: str, detail: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail or CODES[code]


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """What the operator allows: networks that are not public, http, and ports."""

    private: tuple[Network, ...] = ()
    http: bool = False
    ports: frozenset[int] = frozenset({443, 80, 8443})

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The rules that the settings make."""
        return cls(settings.allow_private_targets, settings.allow_http_targets, settings.target_ports)


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """A URL that may be requested, as it will be.

    `only_private` is the code for which it is refused, unless every address it leads to is in a private network
    of the rules: there, http and any port are allowed.
    """

    url: str
    scheme: str
    host: str
    port: int
    literal: Address | None
    only_private: str | None


def parse_webhook_url(url: str, rules: TargetPolicy) -> WebhookUrl:
    """All that can be told of a URL without asking DNS; raises RefusedTarget."""
    reject_text(url)
    scheme, authority, path = split(url)
    host, port = split_authority(authority, DEFAULTS[scheme])
    literal = read_literal(host)
    name = f"[{literal}]" if isinstance(literal, IPv6Address) else str(literal) if literal else read_name(host)
    place = name if port == DEFAULTS[scheme] else f"{name}:{port}"
    slash = "" if path.startswith("/") else "/"
    target = WebhookUrl(
        url=f"{scheme}://{place}{slash}{quote(path, safe=SAFE_IN_PATH)}",
        scheme=scheme,
        host=name.strip("[]"),
        port=port,
        literal=literal,
        only_private=reserved_for_private(scheme, port, rules),
    )
    if literal:
        check_addresses([literal], target, rules)
    return target


def check_addresses(addresses: Iterable[Address], target: WebhookUrl, rules: TargetPolicy) -> list[Address]:
    """The addresses if all of them may be dialled for the target; one bad among them refuses all (RefusedTarget)."""
    vetted = list(dict.fromkeys(addresses))
    for address in vetted:
        if not is_opened(address, rules.private):
            if not is_public(address):
                raise TargetRefused("address")
            if target.only_private:
                raise TargetRefused(target.only_private)
    return vetted


def reserved_for_private(scheme: str, port: int, rules: TargetPolicy) -> str | None:
    """The code of what is allowed inside private networks only."""
    if scheme == "http" and not rules.http:
        return "scheme"
    return "port" if port not in rules.ports else None


def reject_text(url: str) -> None:
    """Refuse what two parsers could read differently, before any reads it."""
    if len(url) > MAX_LENGTH:
        raise TargetRefused("length")
    if any(is_unseen(letter) for letter in url):
        raise TargetRefused("characters")
    if "#" in url:
        raise TargetRefused("fragment")


def is_unseen(letter: str) -> bool:
    """Whether a character is a backslash, a space, a control character, or shows nothing."""
    return letter == "\\" or unicodedata.category(letter)[0] in "CZ" or IGNORABLE.match(letter) is not None


def split(url: str) -> tuple[str, str, str]:
    """Scheme, authority, and what follows it."""
    parts = SCHEME.fullmatch(url)
    if parts is None:
        raise TargetRefused("form")
    scheme = parts[1].lower()
    if scheme not in DEFAULTS:
        raise TargetRefused("scheme")
    rest = AUTHORITY.fullmatch(parts[2])
    if rest is None:
        raise TargetRefused("form")
    return scheme, rest[1], rest[2]


def split_authority(authority: str, default: int) -> tuple[str, int]:
    """Host in small letters, an IPv6 address still in its brackets, and port."""
    if "@" in authority:
        raise TargetRefused("userinfo")
    parts = HOST_AND_PORT.fullmatch(authority)
    if parts is None or "%" in parts[1] or unicodedata.normalize("NFKC", parts[1]) != parts[1]:
        raise TargetRefused("host")
    if parts[2] is None:
        return parts[1].lower(), default
    if not PORT.fullmatch(parts[2]) or int(parts[2]) > 65535:
        raise TargetRefused("port", "The port is not a number from 1 to 65535.")
    return parts[1].lower(), int(parts[2])


def read_literal(host: str) -> Address | None:
    """The address that a host is; None for a name, while a number that is no dotted quad is refused.

    Source: the URL standard's "ends in a number": browsers, libc and others read 127.1, 0x7f.1 and 2130706433
    as addresses, each in its own way, so that only the form that all read alike may pass.
    """
    try:
        if host.startswith("["):
            return IPv6Address(host[1:-1])
        if not NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
            return None
        address = IPv4Address(host)
    except AddressValueError:
        raise TargetRefused("host") from None
    if str(address) != host:
        raise TargetRefused("host")
    return address


def read_name(host: str) -> str:
    """A name in ASCII as DNS knows it."""
    labels = [to_ascii(label) for label in host.split(".")]
    name = ".".join(labels)
    if len(name) > 253:
        raise TargetRefused("host")
    if len(labels) == 1 or any(f".{name}".endswith(f".{inner}") for inner in INTERNAL):
        raise TargetRefused("internal-name")
    return name


def to_ascii(label: str) -> str:
    """One label of letters, digits and hyphens; another script's as its A-label (RFC 5891)."""
    # Another script's digits and full stops are letters to DNS, but some readers take them for an address.
    if any(letter.isdigit() and letter not in "0123456789" for letter in label):
        raise TargetRefused("host")
    try:
        if not label.isascii():
            label = idna.alabel(label).decode("ascii")
        elif label.startswith("xn--"):
            idna.ulabel(label)
    except idna.IDNAError:
        raise TargetRefused("host") from None
    if not LABEL.fullmatch(label):
        raise TargetRefused("host")
    return label
