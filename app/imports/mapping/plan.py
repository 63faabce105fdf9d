"""What the file of a layout means: where each field of an event comes from, and what in the file cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.datasets import RowError
from app.datasets.cells import as_json
from app.imports.mapping.dataset import PLACE, Plan, Source
from app.imports.mapping.fields import EACH, Field, Path, Sort, fields_of, find_field, lacking, suggestion
from app.imports.mapping.file import ColumnUse, LayoutMap, leaves, tables
from app.imports.mapping.values import Reader, Style, folded, moment_text
from app.kinds import KINDS
from app.kinds.timestamps import zone_named, zone_names

SERVER_SET = frozenset({"id", "version", "created_at", "updated_at", "quality_flags"})
JOINED: frozenset[Sort] = frozenset({"text", "lines", "moment", "day"})  # what several columns may give together
JOINT = "\x1f"  # stands in no text


class MapReading:
    """Reads the file of a layout, and collects a sentence for each mistake in it."""

    def __init__(self, table: LayoutMap) -> None:
        self.table = table
        self.mistakes: list[str] = []
        self._tables: dict[str, Mapping[str, Any]] = dict(tables(table.values))

    def plan(self) -> Plan:
        """What the file comes to; it holds only where there are no mistakes."""
        table = self.table
        if table.kind not in KINDS:
            self.mistakes.append(f'`kind`: there is no kind "{table.kind}"{suggestion(table.kind, KINDS)}')
            return Plan(table.kind, (), (), {}, (), Style(), None, ())
        style = self._style()
        sources = [*self._sources(), *self._templates()]
        constants = dict(self._constants(style))
        given = [*(source.reader.field.path for source in sources), *constants]
        self._check_paths(given)
        self._check_tables(sources)
        needed = tuple(lacking(table.kind, given))
        return Plan(
            table.kind,
            tuple(table.keys),
            tuple(sources),
            constants,
            tuple(table.ignore),
            style,
            table.time_zone,
            needed,
        )

    def _style(self) -> Style:
        table, zone = self.table, self.table.time_zone
        if table.decimal == table.thousands:
            self.mistakes.append("`decimal` and `thousands` cannot be the same character.")
        if zone is not None and zone not in zone_names():
            self.mistakes.append(f'`time_zone`: there is no zone "{zone}"{suggestion(zone, zone_names())}')
            zone = None
        return Style(zone_named(zone), table.date_order, table.decimal, table.thousands)

    def _field(self, where: str, text: str) -> Field | None:
        """The field of that name, or a mistake."""
        field = find_field(self.table.kind, text)
        if field is None and text in {*SERVER_SET, "kind"}:
            whose = "`kind` above sets it for every row" if text == "kind" else "the server sets it"
            self.mistakes.append(f"{where}: no column can give {text}; {whose}.")
        elif field is None:
            near = suggestion(text, fields_of(self.table.kind))
            self.mistakes.append(f'{where}: an event of kind {self.table.kind} has no field "{text}"{near}')
        elif field.path.count(EACH) > 1:
            self.mistakes.append(f"{where}: only one `*` can stand in a field.")
        return field

    def _sources(self) -> Iterator[Source]:
        """A source for each field that columns give."""
        found: dict[Path, tuple[Field, list[str], str | None]] = {}
        for column, uses in self.table.columns.items():
            for use in uses if isinstance(uses, list) else [uses]:
                name, split = (use.field, use.split) if isinstance(use, ColumnUse) else (use, None)
                field = self._field(where := f'[columns] "{column}"', name)
                if field is None:
                    continue
                if EACH in field.path and split is None:
                    self.mistakes.append(f'{where}: `*` needs a split: {{ field = "{name}", split = ";" }}.')
                if split is not None and EACH not in field.path and not field.many:
                    self.mistakes.append(f"{where}: {name} is one value, so it cannot be split.")
                _, columns, _ = found.setdefault(field.path, (field, [], split))
                columns.append(column)
        for field, columns, split in found.values():
            several = len(columns) > 1
            if several and not field.many and EACH not in field.path and field.sort not in JOINED:
                self.mistakes.append(f"[columns]: {' and '.join(columns)} give {field.name}, which takes one column.")
            joint = split or (JOINT if several and field.many else None)
            reader = Reader(field, columns[0], joint, self._table(field, columns[0]))
            yield Source(reader, tuple(columns), joint=joint or " ")

    def _templates(self) -> Iterator[Source]:
        for name, text in leaves(self.table.templates):
            field = self._field(where := f'[templates] "{name}"', name)
            columns = tuple(dict.fromkeys(PLACE.findall(text))) if isinstance(text, str) else ()
            if not columns:
                self.mistakes.append(
                    f"{where}: name a column in braces, such as {{Where}}; what is fixed is a constant."
                )
            elif field is not None:
                yield Source(Reader(field, columns[0], None, self._table(field, name)), columns, str(text))

    def _constants(self, style: Style) -> Iterator[tuple[Path, Any]]:
        for name, value in leaves(self.table.constants):
            field = self._field(where := f'[constants] "{name}"', name)
            if field is None:
                continue
            if isinstance(value, list) and not field.many:
                self.mistakes.append(f"{where}: {name} is one value, and no list.")
            for one in value if isinstance(value, list) else [value]:
                self._check_word(where, field, one)
            try:
                yield field.path, constant(field, value, style)
            except RowError as refusal:
                if field.sort != "choice":
                    self.mistakes.append(f"{where}: {refusal.detail.removeprefix(f'{name}: ')}")

    def _check_word(self, where: str, field: Field, value: Any) -> None:
        if field.choices and folded(str(value)) not in {"", *map(folded, field.choices)}:
            self.mistakes.append(
                f'{where}: "{value}" is no word of {field.name}{suggestion(str(value), field.choices)}'
            )

    def _table(self, field: Field, column: str) -> dict[str, Any]:
        """The words of a column, or of its field, and what they mean."""
        names = {name.casefold(): name for name in self._tables}
        name = names.get(column.casefold(), names.get(field.name.casefold()))
        return {} if name is None else {folded(word): value for word, value in self._tables[name].items()}

    def _check_tables(self, sources: Sequence[Source]) -> None:
        known = {name for source in sources for name in (source.reader.column, source.reader.field.name)}
        for name, words in self._tables.items():
            where = f'[values."{name}"]'
            if name.casefold() not in {text.casefold() for text in known}:
                self.mistakes.append(f"{where}: no column has that name or gives that field{suggestion(name, known)}")
            odd = [word for word, value in words.items() if not isinstance(value, str | int | float)]
            self.mistakes += [f'{where} "{word}": give a text, a number, true or false.' for word in odd]
            for source in sources:
                if name.casefold() in {source.reader.column.casefold(), source.reader.field.name.casefold()}:
                    for word, value in words.items():
                        self._check_word(f'{where} "{word}"', source.reader.field, value)

    def _check_paths(self, paths: Sequence[Path]) -> None:
        """No field is given twice, and none of a list both by number and by `*`."""
        seen: set[Path] = set()
        for path in paths:
            above = {path[:n] for n in range(1, len(path) + 1)}
            if above & seen or any(other[: len(path)] == path for other in seen):
                self.mistakes.append(f"{'.'.join(path)} is given twice, by a column, a template or a constant.")
            seen.add(path)
        for path in seen:
            at = path.index(EACH) if EACH in path else len(path)
            if any(
                other[:at] == path[:at] and other[at : at + 1] not in {(), (EACH,)} for other in seen if EACH in path
            ):
                self.mistakes.append(
                    f"{'.'.join(path)}: give the entries of {'.'.join(path[:at])} by number or by `*`."
                )


def constant(field: Field, value: Any, style: Style) -> Any:
    """A constant as its field takes it. Raises RowError."""
    reader = Reader(field, field.name)
    if isinstance(value, list):
        return [part for one in value for part in reader.read(one, style) or ()]
    return as_json(value) if field.path[0] == "extra" else moment_text(reader.read(value, style))
