"""A real browser, and what may be asked of a page in it."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

CHROMIUM = Path(os.environ.get("CHROMIUM") or "/usr/bin/chromium")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
OPTIONS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
SIZES = {"wide": {"width": 1400, "height": 900}, "narrow": {"width": 360, "height": 740}}
NEEDS_CHROMIUM = pytest.mark.skipif(
    not CHROMIUM.is_file(), reason=f"no Chromium: {CHROMIUM} (CHROMIUM) is no file"
)


class Opened:
    """A page with all it asked for and complained about."""

    def __init__(self, context: BrowserContext, path: Path) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())

    def draw(self, which: str = ".figure") -> None:
        """Bring each such figure into view and wait for its picture."""
        for place in self.page.locator(which).all():
            place.scroll_into_view_if_needed()
            place.locator("svg.main-svg").first.wait_for(timeout=20_000)

    def violations(self, scheme: Any) -> list[Any]:
        """What axe finds serious in light or dark."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.wait_for_function(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        found = Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        return [
            (scheme, one["id"], node["html"][:200], node["failureSummary"])
            for one in serious
            for node in one["nodes"][:3]
        ]


def cells(window: Page, label: str, column: int) -> list[str]:
    text = "row.cells[column].firstChild?.textContent.trim() ?? ''"
    read = f"(rows, column) => rows.map((row) => {text})"
    return list(window.locator(f"[aria-label='{label}'] tbody tr").evaluate_all(read, column))


def number(text: str) -> float:
    return float(text.replace(",", "").rstrip("%")) if text not in ("-", "") else float("-inf")


def channels(colour: str) -> list[int]:
    return [int(value) for value in re.findall(r"\d+", colour)[:3]]
