"""Load the built client in a browser: list, follow over a stream, write, and verify a webhook, without a bundler."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Route, sync_playwright

HERE = Path(__file__).parents[1]
SERVER, KEY = os.environ["SITREP_CHECK_URL"], os.environ["SITREP_CHECK_KEY"]
AT = f"{SERVER}/client-test/"
PAGE = """<!doctype html>
<script type="importmap">{"imports": {
  "@sitrep/client": "./packed/node_modules/@sitrep/client/dist/index.js",
  "openapi-fetch": "./node_modules/openapi-fetch/dist/index.mjs",
  "eventsource-parser": "./node_modules/eventsource-parser/dist/index.js"
}}</script>"""
SCRIPT = """async ([url, key]) => {
  const { Sitrep, verify } = await import("@sitrep/client");
  const sitrep = new Sitrep({ url, key });
  const event = { kind: "attack", title: "In a browser", started_at: "2025-09-08T04:00:00Z", detail: {},
                  sources: [{ publisher: "Example Wire" }] };
  const made = await sitrep.create(event);
  const seen = [];
  for await (const item of sitrep.follow({ kind: ["attack"] })) {
    seen.push(item.type);
    if (seen.length === 2) break;
    await sitrep.patch(made.id, { status: "confirmed" }, { ifMatch: 1 });
  }
  const titles = [];
  for await (const each of sitrep.events()) titles.push(each.title);
  const refused = await verify({ headers: {}, body: "", secret: "whsec_AAAA" }).catch((error) => error.name);
  return [seen, titles, refused];
}"""


def give_file(route: Route) -> None:
    """Answer with a file of the package or of what it depends on."""
    name = route.request.url.removeprefix(AT)
    if not name:
        route.fulfill(body=PAGE, content_type="text/html")
    else:
        route.fulfill(path=HERE / name, content_type="text/javascript")


def main() -> None:
    """Make the round trip."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.stdout.write("There is no Chromium here: the client is not tried in a browser.\n")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.route(f"{AT}**", give_file)
        page.goto(AT)
        found = page.evaluate(SCRIPT, [SERVER, KEY])
        browser.close()
    assert found == [["attack.created", "attack.updated"], ["In a browser"], "NotVerified"], found


main()
