"""What a check has found, part by part, as an operator reads it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ReportPart:
    """One thing that was checked: its faults and an example, or what an operator may want to know besides."""

    name: str
    derived: bool = True
    faults: int = 0
    detail: str = ""
    note: str = ""

    def fault(self, detail: str, count: int = 1) -> None:
        """Count a fault; the first is kept as the example."""
        self.faults += count
        self.detail = self.detail or detail

    def line(self) -> str:
        """The part in a line."""
        if not self.faults:
            return f"{self.name:<20} ok{f' ({self.note})' if self.note else ''}"
        return f"{self.name:<20} {self.faults:,} wrong: {self.detail}"


@dataclass(slots=True)
class Report:
    """All parts, in the order in which they were checked."""

    events: int = 0
    changes: int = 0
    cursor: str = ""
    parts: dict[str, ReportPart] = field(default_factory=dict)

    def part(self, name: str, *, derived: bool = True) -> ReportPart:
        """The part of that name; one that is not `derived` cannot be rebuilt."""
        return self.parts.setdefault(name, ReportPart(name, derived))

    @property
    def faults(self) -> int:
        """Faults in all parts."""
        return sum(part.faults for part in self.parts.values())

    @property
    def lasting(self) -> list[str]:
        """The parts with faults that no rebuilding mends."""
        return [part.name for part in self.parts.values() if part.faults and not part.derived]

    @property
    def is_sound(self) -> bool:
        """The stored versions, from which all else is rebuilt, are in order."""
        return not (self.parts[LOG].faults or self.parts[VERSIONS].faults)

    def lines(self) -> list[str]:
        """The report."""
        head = f"{self.events:,} events, {self.changes:,} changes, up to {self.cursor}"
        return [head, *(part.line() for part in self.parts.values())]


LOG = "change log"
VERSIONS = "versions"
