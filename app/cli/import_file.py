"""`sitrep import`: a file becomes events, after it was shown what that would come to."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.error_messages import print_error

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.datasets import Dataset
    from app.imports.files import DataFile
    from app.imports.report import ImportReport
    from app.imports.request import ImportOptions, ImportRequest, Progress
    from app.imports.undo import UndoReport

DateOrderName = Literal["day-first", "month-first"]
WRITER = "sitrep import"


def import_file(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATASET] FILE", help="A path, a URL, or - for stdin.", show_default=False),
    ] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Store the events.")] = False,
    lenient: Annotated[bool, typer.Option("--lenient", help="Flag events that break soft rules.")] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write refused rows to it (.csv, .ndjson).", show_default=False),
    ] = None,
    tombstone_missing: Annotated[
        bool, typer.Option("--tombstone-missing", help="Delete events that the file no longer has.")
    ] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="End after N rows.", show_default=False)] = None,
    preview: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only show the first N events.", show_default=False)
    ] = None,
    map: Annotated[  # noqa: A002 (the option's name)
        Path | None, typer.Option("--map", metavar="FILE", help="A layout of your own (TOML).", show_default=False)
    ] = None,
    date_order: Annotated[
        DateOrderName | None,
        typer.Option(metavar="ORDER", help="day-first or month-first.", show_default=False),
    ] = None,
    undo: Annotated[
        int | None, typer.Option(metavar="ID", min=1, help="Take an import back.", show_default=False)
    ] = None,
) -> None:
    """Import a file, or tell what that would come to.

    Without --write nothing is stored. DATASET is found by the columns unless it
    is named: `sitrep datasets` lists them. FILE is CSV, TSV, JSON, NDJSON, XLSX
    or Parquet, also in gzip, ZIP or Zstandard. Ends with status 1 if rows were
    refused, 2 if the file is not what it seems. An import that was interrupted
    goes on when it is repeated.

    Example: sitrep import ged251.csv --write --lenient
    """
    from app.imports.files import FileError
    from app.imports.request import ImportOptions

    if undo is not None:
        if words:
            raise typer.BadParameter("it takes the number of an import and no file.", param_hint="--undo")
        raise typer.Exit(take_back(undo))
    if not words:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    *dataset, file = words
    if len(dataset) > 1 or (dataset and map):
        raise typer.BadParameter("give one file, and before it at most one dataset or --map.", param_hint="FILE")
    options = ImportOptions(write, lenient, tombstone_missing, limit)
    try:
        with ExitStack() as stack:
            opened = stack.enter_context(open_argument(file))
            work = ImportCommand(opened, dataset[0] if dataset else None, map, date_order)
            status = work.preview(preview) if preview is not None else work.run(options, rejects)
    except FileError as refusal:
        print_error(str(refusal))
        status = 2
    except KeyboardInterrupt:
        print_error("Interrupted." + (" The same command goes on from there." if write else ""))
        status = 130
    raise typer.Exit(status)


def open_argument(file: str) -> DataFile:
    """The file at a path or URL, or stdin."""
    from app.imports.files import open_file
    from app.imports.files.download import is_url, open_url

    if file == "-":
        return open_file(sys.stdin.buffer, "stdin")
    return open_url(file) if is_url(file) else open_file(file)


class ImportCommand:
    """A file whose dataset was found, to be shown or imported. Raises FileError."""

    def __init__(
        self, data_file: DataFile, dataset: str | None, map_path: Path | None, date_order: DateOrderName | None
    ) -> None:
        """Find the dataset; of a layout of one's own the file has to have its columns."""
        from app.imports.detection import identify

        self.data_file, self.date_order = data_file, date_order
        known: Mapping[str, Dataset] | None = None
        self.reading = {}
        if map_path is not None:
            known, self.reading["map"] = read_layout(map_path)
            dataset = next(iter(known))
        self.detected = identify(data_file, dataset, known)

    def preview(self, n: int) -> int:
        """Print the first events as they would be."""
        from app.cli.import_preview import print_events
        from app.imports.detection import decide_date_order, describe
        from app.imports.import_request import read_records

        order = self.date_order or decide_date_order(self.data_file, self.detected)
        for note in describe(self.data_file, self.detected):
            print_error(note)
        return print_events(self.detected.dataset, read_records(self.data_file, self.detected, order), n)

    def run(self, options: ImportOptions, rejects: Path | None) -> int:
        """Import it, or tell what that would come to; answers the exit status."""
        from app.cli.import_progress import watch_progress
        from app.cli.import_report import Summary, print_report
        from app.cli.rejects_file import RejectsFile
        from app.imports.import_request import prepare_import

        total = self.data_file.count_rows(has_header=self.detected.layout.has_header)
        summary = Summary()
        with ExitStack() as stack:
            file = None if rejects is None else stack.enter_context(RejectsFile(rejects, self.data_file, self.detected))
            request = prepare_import(
                self.data_file,
                self.detected,
                by=WRITER,
                options=options,
                date_order=self.date_order,
                reading=self.reading,
                on_problem=None if file is None else file.add,
                on_record=None if options.write else summary.add,
            )
            progress = stack.enter_context(watch_progress(min(total, options.limit or total)))
            report = asyncio.run(run_request(request, progress))
        print_report(report, self.data_file, self.detected, summary=summary, options=options, rejects=rejects)
        return 1 if report.refused else 0


def read_layout(path: Path) -> tuple[dict[str, Dataset], str]:
    """The dataset of a layout of one's own by its name, and what tells this layout from every other."""
    from hashlib import sha256

    from app.imports.mapping import read_map

    dataset = read_map(path)
    return {dataset.name: dataset}, sha256(path.read_bytes()).hexdigest()


async def run_request(request: ImportRequest, progress: Progress) -> ImportReport:
    """Run the import on the database of the settings."""
    from app.cli.database import open_for_command
    from app.events.write.store import Store
    from app.imports.files import FileError
    from app.imports.run import run_import
    from app.kit.gc import freeze_gc
    from app.settings import read_settings

    freeze_gc()
    last: list[ImportReport] = []

    def tell(report: ImportReport) -> None:
        last[:] = [report]
        progress(report)

    async with open_for_command(read_settings()) as db:
        store = Store(db)
        store.start()
        try:
            return await run_import(db, store, request, tell)
        except FileError as refusal:
            raise FileError(f"{refusal}{what_stands(last[0]) if last else ''}") from None
        finally:
            await store.stop()


def what_stands(report: ImportReport) -> str:
    """What was stored before the file broke, and how to take it back; nothing of a rehearsal."""
    if report.dry_run or report.id is None:
        return ""
    return f"\nThe {report.rows:,} rows before that stand. To take them back: sitrep import --undo {report.id}"


def take_back(id: int) -> int:
    """Undo an import, and tell what came of it; answers the exit status."""
    from app.cli.import_report import print_undone

    report = asyncio.run(undo(id))
    print_undone(report)
    return 1 if report.left else 0


async def undo(id: int) -> UndoReport:
    """Undo an import on the database of the settings."""
    from app.cli.database import open_for_command
    from app.events.write.store import Store
    from app.imports.undo import undo_import
    from app.settings import read_settings

    async with open_for_command(read_settings()) as db:
        store = Store(db)
        store.start()
        try:
            return await undo_import(db, store, id, WRITER)
        finally:
            await store.stop()
