"""What is drawn: Vega-Lite specifications, made into SVG here, so that a page needs neither a script nor a network.

The colours are the page's own (`var(--c1)`, ...), so a drawing follows its light, dark and printed forms.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

COLOURS = 8
"""Series that the page has colours for; those beyond begin again, and their dashes tell them apart."""


class Point(NamedTuple):
    """A point of a curve, with the interval around it where there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


class Axis(NamedTuple):
    """What an axis shows, and how its numbers are written: d3's format."""

    title: str
    format: str = ",.0f"


def curves(series: Mapping[str, Sequence[Point]], x: Axis, y: Axis) -> str:
    """Curves with bands, as SVG."""
    return _svg(layers(series, x, y))


def layers(series: Mapping[str, Sequence[Point]], x: Axis, y: Axis, *, marked: bool = True) -> dict[str, Any]:
    """Curves with bands, as a specification: a view that has no size yet."""
    rows = [{"series": name, **point._asdict()} for name, curve in series.items() for point in curve]
    scale = {"zero": False}
    across = {"field": "x", "type": "quantitative", "title": x.title, "axis": _axis(x)}
    up = {"field": "y", "type": "quantitative", "title": y.title, "axis": _axis(y), "scale": scale}
    names = list(series)
    dashed = {"field": "series", "scale": {"domain": names}, "legend": _legend(names, "stroke")}
    band = {
        "mark": {"type": "area", "opacity": 0.18},
        "encoding": {
            "y": {**up, "field": "low"},
            "y2": {"field": "high"},
            "color": _coloured(names, "stroke"),
        },
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 2, **({"point": {"size": 40}} if marked else {})},
        "encoding": {"y": up, "color": _coloured(names, "stroke"), "strokeDash": dashed},
    }
    banded = any(row["low"] is not None for row in rows)
    return {"data": {"values": rows}, "encoding": {"x": across}, "layer": [band, line] if banded else [line]}


def bars(rounds: Mapping[int, Mapping[str, float]], y: Axis) -> str:
    """A bar a round, stacked of its parts, as SVG."""
    names = list(dict.fromkeys(name for parts in rounds.values() for name in parts))
    rows = [
        {"round": str(round), "series": name, "y": value, "order": names.index(name)}
        for round, parts in rounds.items()
        for name, value in parts.items()
    ]
    encoding = {
        "x": {"field": "round", "type": "ordinal", "sort": None, "title": "round", "axis": {"labelAngle": 0}},
        "y": {"field": "y", "type": "quantitative", "title": y.title, "axis": _axis(y)},
        "color": _coloured(names),
        "order": {"field": "order"},
    }
    mark = {"type": "bar", "stroke": "var(--paper)", "strokeWidth": 1}
    return _svg({"data": {"values": rows}, "mark": mark, "encoding": encoding})


def _coloured(names: list[str], symbol: str = "square") -> dict[str, Any]:
    scale = {"domain": names, "range": [f"var(--c{i % COLOURS + 1})" for i in range(len(names))]}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": _legend(names, symbol)}


def _axis(axis: Axis) -> dict[str, Any]:
    return {"labelExpr": f"datum.value ? format(datum.value, '{axis.format}') : '0'", "tickCount": 6}


def _legend(names: list[str], symbol: str) -> dict[str, Any] | None:
    looks = {
        "title": None,
        "orient": "bottom",
        "columns": 3,
        "columnPadding": 30,
        "symbolType": symbol,
        "symbolStrokeWidth": 3,
        "symbolOpacity": 1,
        "labelLimit": 200,
    }
    return looks if len(names) > 1 else None


def _svg(spec: dict[str, Any]) -> str:
    size = {"width": 480, "height": 240, "autosize": {"type": "fit-x", "contains": "padding"}}
    return drawn({**spec, **size})


def drawn(spec: Mapping[str, Any]) -> str:
    """A specification that has sizes, as SVG in the page's looks."""
    return _drawn(json.dumps({**spec, "background": None, "config": _LOOKS}))


@lru_cache(maxsize=256)
def _drawn(spec: str) -> str:
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec)
    return svg


_INK, _LINE = "var(--ink)", "var(--line)"
_LOOKS = {
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _INK,
        "gridColor": _LINE,
        "domainColor": _LINE,
        "tickColor": _LINE,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
    },
    "legend": {"labelColor": _INK, "labelFontSize": 12},
}

_LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#3d3d3d", "#8f8f8f")
_DARK = ("#4aa8e0", "#f08a4b", "#2bc79a", "#e6a3c7", "#f2b944", "#a5dcff", "#d0d0d0", "#8f8f8f")
"""The page's (Okabe and Ito, but for the last two), for drawings that stand alone."""


def standalone(svg: str) -> str:
    """A drawing as a file of its own, with the colours and the paper that a page would give it, light or dark."""
    light = _named(_LIGHT, ink="#1b1f24", line="#d8dee4", paper="#ffffff")
    dark = _named(_DARK, ink="#e6edf3", line="#343c46", paper="#10151b")
    style = f"svg{{background:var(--paper);{light}}}@media screen and (prefers-color-scheme:dark){{svg{{{dark}}}}}"
    begins = svg.index(">") + 1
    return f"{svg[:begins]}<style>{style}</style>{svg[begins:]}\n"


def _named(colours: Sequence[str], **others: str) -> str:
    named = {**{f"c{i}": colour for i, colour in enumerate(colours, start=1)}, **others}
    return ";".join(f"--{name}:{value}" for name, value in named.items())
