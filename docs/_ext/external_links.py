"""List what a built site links to elsewhere, and from where: `python external_links.py docs/_build/html`."""

import sys
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in ("href", "src") and value and "://" in value}


def external_links(site: Path) -> dict[str, list[str]]:
    """Pages of a site by what they link to elsewhere."""
    pages = defaultdict(list)
    for page in sorted(site.rglob("*.html")):
        links = _Links()
        links.feed(page.read_text())
        for link in sorted(links.found):
            pages[link].append(str(page.relative_to(site)))
    return dict(sorted(pages.items()))


if __name__ == "__main__":
    for link, pages in external_links(Path(sys.argv[1])).items():
        more = f" and {len(pages) - 1} more" if len(pages) > 1 else ""
        print(f"{link}  ({pages[0]}{more})")
