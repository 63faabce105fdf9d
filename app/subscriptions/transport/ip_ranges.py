"""Which internet addresses a webhook may be sent to: an own table, because `ipaddress.is_global` lets too much through.

It calls 64:ff9b::/96, 2002::/16, ::127.0.0.1, fec0::/10 and 192.0.0.192 global, each of which may lead inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Source: the IANA IPv4 Special-Purpose Address Registry (RFC 6890), all of it, also the blocks that are reachable
# from everywhere; the multicast block (RFC 5771); and the address at which Azure serves its virtual machines.
SPECIAL_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

# Source: the IANA IPv6 Address Space registry, which gives out global unicast from here only, and the blocks within
# it of the IANA IPv6 Special-Purpose Address Registry that are no hosts or hold IPv4 addresses (Teredo, 6to4).
UNICAST_V6 = IPv6Network("2000::/3")
SPECIAL_V6 = tuple(IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))

# Source: the documentation of Amazon (EC2, ECS, IPv6), Azure, Alibaba, Oracle and Google; no setting ever opens these.
METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::23",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)

# Where the last 32 bits are an IPv4 address: IPv4-compatible, mapped, and translated (RFC 4291, RFC 6052, RFC 8215).
EMBEDDING = tuple(ip_network(block) for block in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/32"))


def unmap_ipv4(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped one stands for; any other as it is, without a zone."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def is_public(address: Address) -> bool:
    """Whether the address belongs to a host that everybody can reach, by the tables above."""
    address = unmap_ipv4(address)
    if isinstance(address, IPv6Address):
        return address in UNICAST_V6 and not is_within(address, SPECIAL_V6)
    return not is_within(address, SPECIAL_V4)


def is_opened(address: Address, private: Iterable[Network]) -> bool:
    """Whether one of the private networks holds the address, and it is no metadata service in any disguise."""
    return is_within(unmap_ipv4(address), private) and METADATA.isdisjoint(meanings(address))


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks holds the address; one of the other version never does."""
    return any(address in network for network in networks)


def meanings(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses that a gateway could make of it."""
    yield unmap_ipv4(address)
    if isinstance(address, IPv6Address):
        if is_within(address, EMBEDDING):
            yield IPv4Address(int(address) & 0xFFFF_FFFF)
        yield from filter(None, (address.sixtofour, *(address.teredo or ())))
