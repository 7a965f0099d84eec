"""`make performance`: what `make bench` measured, as the tables, plots and plans of docs/performance.md.

``BENCH_LINES`` and ``BENCH_PLANS`` name the files that the benchmarks wrote.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from grs.settings import ROOT

PAGE = ROOT / "docs/performance.md"
PLOTS = ROOT / "docs/performance"
HEAD, PLANS = "<!-- figures -->", "<!-- plans -->"
Lines = dict[str, dict[int, dict[str, Any]]]
CHARTS = {
    "pages": ("milliseconds", ["officer's list, first page, p95", "officer's list, overdue, p95",
              "a case's page with 30 steps, p95", "first page, p95", "the same page from what the job kept, p95",
              "public search, p95", "sweep with nothing due"]),
    "jobs": ("a second", ["complaints seeded", "escalations", "escalations by two workers", "histories verified, steps",
             "letters sent over SMTP", "submissions"]),
    "figures": ("seconds", ["annex of this month, all offices", "supervisor's page, all offices, 12 months, counted",
                "the job counts every supervisor's figures", "calendar change previewed", "the same applied"]),
}  # fmt: skip


def read(path: Path) -> Lines:
    """By figure and number of complaints; the last measurement of each stands."""
    found: Lines = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        found[short(one["name"])][one["complaints"]] = one
    return found


def short(name: str) -> str:
    """A figure's name without what differs from size to size, which stands in brackets."""
    return name.partition(" (")[0]


def table(found: Lines) -> str:
    sizes = sorted({size for one in found.values() for size in one if size})
    rows = ["| figure | " + " | ".join(f"{size:,}" for size in sizes) + " | floor at the largest | ratio | goal |",
            "|---|" + "---|" * (len(sizes) + 3)]  # fmt: skip
    for name, by_size in found.items():
        last = by_size[max(by_size)]
        alike = number(last) if set(by_size) == {0} else "–"  # nothing to do with complaints
        cells = [number(by_size[size]) if size in by_size else alike for size in sizes]
        floor = f"{rounded(last['floor'])} {last['unit']} ({last['floor_is']})" if last["floor"] else "–"
        ratio = f"{last['ratio']:.2f}" if last["ratio"] else "–"
        rows.append(f"| {name} | " + " | ".join(cells) + f" | {floor} | {ratio} | {last['goal'] or '–'} |")
    return "\n".join(rows)


def number(one: dict[str, Any]) -> str:
    return f"{rounded(one['ours'])} {one['unit']}"


def rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def draw(found: Lines) -> list[str]:
    """A plot a group, both axes logarithmic: what is flat does not grow with the complaints."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "grs"  # the same figures draw the same file
    from matplotlib import pyplot as plt

    PLOTS.mkdir(exist_ok=True)
    names = []
    for name, (unit, wanted) in CHARTS.items():
        figure, axes = plt.subplots(figsize=(7, 4))
        for one in wanted:
            points = sorted((size, found[one][size]["ours"]) for size in found.get(one, {}) if size)
            if points:
                axes.loglog(*zip(*points, strict=True), marker="o", label=one)
        axes.set_xlabel("complaints")
        axes.set_ylabel(unit)
        axes.grid(visible=True, which="both", alpha=0.2)
        axes.legend(fontsize=7)
        figure.tight_layout()
        figure.savefig(PLOTS / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)
        names.append(name)
    return names


def main() -> int:
    """Write the figures, plots and plans into the page, between its own words."""
    lines, plans = Path(os.environ["BENCH_LINES"]), Path(os.environ.get("BENCH_PLANS", "/nowhere"))
    found = read(lines)
    text = PAGE.read_text(encoding="utf-8")
    before = text.partition(HEAD)[0]
    pictures = "\n\n".join(f"![{name}](performance/{name}.svg)" for name in draw(found))
    told = plans.read_text(encoding="utf-8").strip() if plans.exists() else text.partition(PLANS)[2].strip()
    page = f"{before}{HEAD}\n\n{table(found)}\n\n{pictures}\n\n## How the hot queries find their rows\n\n"
    page += f"As PostgreSQL 15 explains them at the largest size.\n\n{PLANS}\n\n{told}\n"
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
