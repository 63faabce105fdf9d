"""OpenSanctions: the index of a data set, its deltas from release to release, and the whole file at least once a day.

Source: OpenSanctions' documentation of delta updates; the index has `version`, `resources` and `delta_url`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from app.sources.failures import FetchFailed, describe
from app.sources.fetch import Fetcher
from app.sources.providers.base import Progress, Provider, SourceFile


class OpenSanctions(Provider):
    """`url` is that of a data set's index.json.

    Deltas are taken where they lead from the version that is in to the newest one. The whole file is taken at first,
    where a delta is missing, and once a day (`full_every`): a delta may carry an entity that was merged since into
    another, which only the whole file tells.
    """

    type = "opensanctions"

    async def files(self, progress: Progress, fetcher: Fetcher) -> AsyncGenerator[SourceFile, None]:
        """Give the deltas since the version that is in, or the whole file."""
        index = await fetcher.read_json(self.source.url)
        target = index.get("version") if isinstance(index, dict) else None
        if not isinstance(target, str):
            raise FetchFailed(f"{describe(self.source.url)} is no index of a data set: it has no version.")
        base, full_at = progress.get("version"), progress.get("full_at")
        if base is not None and target < base:
            self.notes.append(f"The index is of version {target}, older than {base}, which is in; it is left out.")
            return
        is_due = full_at is None or self.now() - datetime.fromisoformat(full_at) >= self.source.options.full_every
        if target == base and not (is_due and progress.get("has_deltas")):
            return
        deltas = [] if is_due or base is None else await self._find_deltas(index, base, target, fetcher)
        for version, url in deltas:
            try:
                fetched = await fetcher.download(url, name=f"delta-{safe(version)}.ndjson")
            except FetchFailed as failure:
                if failure.status not in {404, 410}:
                    raise
                self.notes.append(f"The delta of {version} is not there; the whole file was taken.")
                deltas = []
                break
            path = (
                fetched.path if fetched and fetched.path.stat().st_size else None
            )  # one that changes nothing is empty
            yield SourceFile(path, version, {**progress, "version": version, "has_deltas": True})
        if not deltas:
            yield await self._download_whole(index, target, fetcher)

    async def _find_deltas(self, index: Any, base: str, target: str, fetcher: Fetcher) -> list[tuple[str, str]]:
        """Find the deltas that lead to the newest version; none when they do not, which is told."""
        url = index.get("delta_url")
        if not isinstance(url, str):
            return []
        listed = await fetcher.read_json(urljoin(self.source.url, url))
        found = listed.get("versions") if isinstance(listed, dict) else None
        versions: dict[str, str] = found if isinstance(found, dict) else {}
        if target not in versions:
            last = max(versions, default="no version")
            self.notes.append(f"The deltas end at {last}, the data set is at {target}; the whole file was taken.")
            return []
        if base < min(versions):  # a version that changed nothing has no delta, so that it need not be listed
            self.notes.append(f"The deltas begin after {base}, which is in; the whole file was taken.")
            return []
        wanted = sorted(version for version in versions if base < version <= target)
        return [(version, urljoin(self.source.url, versions[version])) for version in wanted]

    async def _download_whole(self, index: Any, target: str, fetcher: Fetcher) -> SourceFile:
        wanted = self.source.options.resource
        resources = [item for item in index.get("resources") or [] if isinstance(item, dict)]
        resource = next((item for item in resources if item.get("name") == wanted and item.get("url")), None)
        if resource is None:
            names = ", ".join(sorted(str(item.get("name")) for item in resources))
            raise FetchFailed(f"{describe(self.source.url)} has no resource {wanted}; it has {names or 'none'}.")
        checksum = resource.get("checksum")
        fetched = await fetcher.download(
            urljoin(self.source.url, resource["url"]),
            name=wanted.removesuffix(".json") + ".ndjson" if wanted.endswith(".ftm.json") else wanted,
            checksum=("sha1", checksum) if isinstance(checksum, str) and checksum else None,
        )
        progress = {"version": target, "full_at": self.now().isoformat(), "has_deltas": False}
        return SourceFile(fetched.path if fetched else None, target, progress, tombstone_missing=True)


def safe(version: str) -> str:
    """Keep of a version what may stand in the name of a file."""
    return "".join(letter for letter in version if letter.isalnum() or letter in "-_.")[:80]
