"""What pages load comes from here: vendored files are what VENDOR.md says, and nothing points elsewhere."""

import re
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static" / "vendor"
_MAKERS = 'href="https://www.tradingview.com/" rel="noreferrer"'
"""A link that loads nothing until it is followed: the chart's licence asks for it."""
_LINE = re.compile(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", re.M)


def test_vendored_files_are_the_ones_that_are_listed() -> None:
    listed = dict(_LINE.findall((VENDOR / "VENDOR.md").read_text()))
    files = {
        str(path.relative_to(VENDOR)): sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDOR.md"
    }
    assert files == listed


def test_no_page_has_inline_style_or_script_or_points_elsewhere() -> None:
    forbidden = re.compile(r"style=|<style|<script(?![^>]*\bsrc=)|\bon[a-z]+=\"|hx-on|hx-vals|javascript:|https?://")
    for path in (ROOT / "templates").rglob("*.html"):
        if "admin" in path.parts:
            continue
        found = forbidden.search(path.read_text().replace(_MAKERS, ""))
        assert found is None, f"{path.name}: {found}"


def test_styles_and_scripts_point_to_nothing_outside() -> None:
    for path in [*(ROOT / "static" / "css").rglob("*.css"), *(ROOT / "static" / "js").rglob("*.js")]:
        assert not re.search(r"https?://|@import", path.read_text()), path.name
