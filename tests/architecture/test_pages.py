"""Generated pages say what the code says."""

from pathlib import Path

from ledger.describe import events_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_events_is_what_the_registry_says() -> None:
    assert (ROOT / "docs" / "events.md").read_text() == events_page()
