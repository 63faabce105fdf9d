"""The log by facet value: which changes of each full block of it have a value, before or after them, as bits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, starmap
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from app.changes.tables import Change, ChangeBlock, Head, LogHead
from app.db import Database, Statement, Transaction, any_of, array_param

# Changes in a block; each of its values is one row.
BLOCK = 1024
# Values that nearly every event has of its own, whose ids are below zero, share so many rows of a block.
SHARED_SLOTS = 256
# So many blocks are written with the change that fills one, so that a log of which blocks are missing comes to its end.
AT_ONCE = 2


# Lists of values, as the index numbers them: a change must have one of each list.
Slots = Sequence[Sequence[int]]
# So many blocks stay in memory although they are stored, and so many are read at once to begin with.
KEPT = 2
# So many changes are taken into memory at once.
STEP = 256
# One statement reads about so many rows.
MOST_ROWS = 2_000


class MovedIds(NamedTuple):
    """A stored change of which the packed states were replaced."""

    seq: int
    old: tuple[bytes | None, bytes | None]
    new: tuple[bytes | None, bytes | None]


def slot_of(id: int) -> int:
    """The number under which the index has a facet value."""
    return id if id >= 0 else -1 - id % SHARED_SLOTS


def slots_of(before: bytes | None, after: bytes | None) -> set[int]:
    """The numbers of all facet values of a change, given as its two packed states."""
    ids: set[int] = set()
    for packed in (before, after):
        if packed is not None:
            ids.update(memoryview(packed).cast("q")[2:])
    return {slot_of(id) for id in ids}


def block_of(seq: int) -> int:
    """The block that a change is in."""
    return (seq - 1) // BLOCK


def bit_of(seq: int) -> int:
    """The bit that stands for a change in its block."""
    return 1 << (seq - 1) % BLOCK


def sequences(block: int, bits: int) -> Iterator[int]:
    """Give the changes of a block that bits stand for, in order."""
    first = block * BLOCK
    while bits:
        lowest = bits & -bits
        yield first + lowest.bit_length()
        bits ^= lowest


def bits_between(block: int, after: int, upto: int) -> int:
    """The bits of a block's changes after one sequence up to and including another."""
    passed = max(after - block * BLOCK, 0)
    return (1 << max(upto - block * BLOCK, passed)) - (1 << passed)


def encode_bits(bits: int) -> bytes:
    """Bits as they are stored: the numbers of the set ones, in two bytes each, where that is shorter than all."""
    if 2 * bits.bit_count() >= BLOCK // 8:
        return bits.to_bytes(BLOCK // 8, "little")
    return b"".join([(seq - 1).to_bytes(2, "little") for seq in sequences(0, bits)])


def decode_bits(data: bytes) -> int:
    """Bits as they were stored."""
    if len(data) == BLOCK // 8:
        return int.from_bytes(data, "little")
    return sum([1 << number for number in memoryview(data).cast("H")])


def block_bits(rows: Iterable[tuple[int, bytes | None, bytes | None]]) -> dict[int, int]:
    """The bits of each value, by its number, over changes of one block given as sequence and packed states."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for seq, before, after in rows:
        bit = bit_of(seq)
        for slot in slots_of(before, after):
            found[slot].append(bit)
    return {slot: sum(bits) for slot, bits in found.items()}


async def index_blocks(tx: Transaction, indexed: int, seq: int) -> int:
    """Write blocks that are full up to `seq`, from `indexed` on, and answer up to where the log is indexed now.

    The caller holds the lock of the log's head, and stores the answer there.
    """
    for _ in range(AT_ONCE):
        if seq - indexed < BLOCK:
            break
        rows = await tx.rows(PACKED, {"after": indexed, "upto": indexed + BLOCK})
        found = sorted(block_bits(rows).items())
        await insert_blocks(tx, [(slot, block_of(indexed + 1), bits) for slot, bits in found])
        indexed += BLOCK
    return indexed


async def insert_blocks(tx: Transaction, rows: Sequence[tuple[int, int, int]]) -> None:
    """Store bits, given with value and block."""
    if rows:
        found = [(slot, block, encode_bits(bits)) for slot, block, bits in rows]
        await tx.insert_tuples(ChangeBlock, ("value", "block", "changes"), found)


async def index_further(tx: Transaction) -> int:
    """Write the next blocks of a log that is older than its index; answers how many changes are left."""
    [(seq, indexed)] = await tx.rows(LOCK_HEAD)
    now = await index_blocks(tx, indexed, seq)
    if now != indexed:
        await tx.run(SET_INDEXED, {"now_indexed": now})
    return (int(seq) - now) // BLOCK * BLOCK


async def move_ids(tx: Transaction, moved: Sequence[MovedIds]) -> None:
    """Bring the blocks that are written to what changes carry now; takes the lock of the log's head."""
    if not moved:
        return
    [(_, indexed)] = await tx.rows(LOCK_HEAD)
    changed: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for seq, old, new in moved:
        if seq <= indexed:
            were, are = slots_of(*old), slots_of(*new)
            for gone, slots in enumerate((are - were, were - are)):
                for slot in slots:
                    changed[slot, block_of(seq)][gone] |= bit_of(seq)
    values = {"values": array_param(sorted({slot for slot, _ in changed}), tx.dialect)}
    blocks = {"blocks": array_param(sorted({block for _, block in changed}), tx.dialect)}
    known = {
        (slot, block): decode_bits(data) for slot, block, data in await tx.rows(stored(tx.dialect), values | blocks)
    }
    await write_bits(tx, {key: known.get(key, 0) & ~gone | new for key, (new, gone) in changed.items()})


async def write_bits(tx: Transaction, bits: Mapping[tuple[int, int], int]) -> None:
    """Replace the bits of these values and blocks."""
    keys = [{"value": slot, "block": block} for slot, block in sorted(bits)]
    await tx.delete(ChangeBlock, ("value", "block"), keys)
    await insert_blocks(tx, [(*key, found) for key, found in sorted(bits.items()) if found])


PACKED = Statement(
    sa.select(col(Change.seq), col(Change.before), col(Change.after))
    .where(col(Change.seq) > sa.bindparam("after"), col(Change.seq) <= sa.bindparam("upto"))
    .order_by(col(Change.seq))
)
LOCK_HEAD = Statement(
    sa.update(LogHead).values(indexed=col(LogHead.indexed)).returning(col(LogHead.seq), col(LogHead.indexed))
)
SET_INDEXED = Statement(sa.update(LogHead).values(indexed=sa.bindparam("now_indexed", type_=sa.BigInteger)))


@lru_cache(2)
def stored(dialect: str) -> Statement:
    """The rows of some values in some blocks."""
    columns: Any = (col(ChangeBlock.value), col(ChangeBlock.block), col(ChangeBlock.changes))
    picked = (any_of(col(ChangeBlock.value), "values", dialect), any_of(col(ChangeBlock.block), "blocks", dialect))
    return Statement(sa.select(*columns).where(*picked))


@lru_cache(2)
def stored_between(dialect: str) -> Statement:
    """The rows of some values from one block up to, but without, another, and first how far the log is indexed.

    Both are read from the same state of the database, which may be a replica's.
    """
    rows: Any = sa.select(col(ChangeBlock.value), col(ChangeBlock.block), col(ChangeBlock.changes)).where(
        any_of(col(ChangeBlock.value), "values", dialect),
        col(ChangeBlock.block) >= sa.bindparam("first", type_=sa.BigInteger),
        col(ChangeBlock.block) < sa.bindparam("last", type_=sa.BigInteger),
    )
    nothing = sa.literal_column("0", sa.BigInteger)
    return Statement(sa.select(nothing, col(LogHead.indexed), sa.null()).union_all(rows))


class OpenBlocks:
    """The newest changes by facet value, from `begin` to `end`, read once for all readers of this process."""

    def __init__(self) -> None:
        """Know no change."""
        self.clear()

    def clear(self) -> None:
        """Know no change: stored ones were indexed anew, or the log is another."""
        self.epoch = self.begin = self.end = 0
        self._blocks: dict[int, dict[int, int]] = {}

    def covers(self, after: int, head: Head) -> bool:
        """The changes that follow this one are here, as they are in the log of that head."""
        return self.epoch == head.epoch and self.begin <= after < self.end

    async def reach(self, db: Database, head: Head) -> None:
        """Take in all up to the head, or as far as a replica has it."""
        while head.epoch >= self.epoch:
            self._begin(head)
            known = self.epoch, self.end
            if self.end >= head.seq:
                return
            rows = await db.rows(PACKED, {"after": self.end, "upto": min(self.end + STEP, head.seq)})
            if (self.epoch, self.end) != known:  # another reader was faster
                continue
            for seq, before, after in rows:
                if seq != self.end + 1:
                    return
                self._add(seq, before, after)
            if not rows:
                return

    def _begin(self, head: Head) -> None:
        """Start anew where what is here does not lead to the head, and leave what is stored long since."""
        first = max(head.indexed, (head.seq // BLOCK - KEPT) * BLOCK)
        if self.epoch != head.epoch or self.end < first:
            self.clear()
            self.epoch, self.begin, self.end = head.epoch, first, first
        while self.begin < head.indexed - KEPT * BLOCK:
            self._blocks.pop(self.begin // BLOCK, None)
            self.begin += BLOCK

    def _add(self, seq: int, before: bytes | None, after: bytes | None) -> None:
        bits, block = bit_of(seq), self._blocks.setdefault(block_of(seq), {})
        for slot in slots_of(before, after):
            block[slot] = block.get(slot, 0) | bits
        self.end = seq

    def find(self, slots: Slots, after: int, upto: int) -> Iterator[int]:
        """Give the changes after one and up to another that may be meant, in order."""
        return matching(self._blocks, slots, after, upto)

    def count(self, slots: Iterable[int]) -> int:
        """How many of the newest changes have one of these values, about."""
        return sum(block.get(slot, 0).bit_count() for block in self._blocks.values() for slot in slots)


async def read_blocks(db: Database, slots: Slots, after: int, upto: int, blocks: int) -> tuple[Iterator[int], int]:
    """The changes that may be meant after `after`, from at most so many stored blocks, and up to where that is all."""
    first = block_of(after + 1)
    last = min(first + max(1, min(blocks, MOST_ROWS // sum(map(len, slots)))), block_of(upto) + 1)
    values = {"values": db.as_list(sorted({slot for some in slots for slot in some})), "first": first, "last": last}
    known: dict[int, dict[int, int]] = {}
    (_, indexed, _), *rows = sorted(await db.rows(stored_between(db.dialect), values), key=is_row)
    for slot, block, changes in rows:
        known.setdefault(block, {})[slot] = decode_bits(changes)
    end = min(upto, indexed, last * BLOCK)
    return matching(known, slots, after, end), end


def is_row(row: Sequence[object]) -> bool:
    """A row of a block, and not the one that tells how far the log is indexed."""
    return row[2] is not None


def matching(blocks: Mapping[int, Mapping[int, int]], slots: Slots, after: int, upto: int) -> Iterator[int]:
    """Give the changes after one and up to another that have, before or after them, a value of each list of now."""
    found: list[tuple[int, int]] = []
    for block in range(block_of(after + 1), block_of(upto) + 1):
        if held := blocks.get(block):
            bits = meet(any_bits(held, some) for some in slots)
            found.append((block, bits & bits_between(block, after, upto)))
    return chain.from_iterable(starmap(sequences, found))


def any_bits(held: Mapping[int, int], slots: Iterable[int]) -> int:
    """The bits of the changes with one of these values."""
    bits = 0
    for slot in slots:
        bits |= held.get(slot, 0)
    return bits


def meet(lists: Iterable[int]) -> int:
    """The bits that are in all."""
    bits = -1
    for some in lists:
        bits &= some
        if not bits:
            break
    return bits
