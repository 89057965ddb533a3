"""Tells whether a client prefers a page or JSON (RFC 9110, 12.5.1). Browsers prefer pages, programs take anything."""

import re

WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def prefers_html(accept: str) -> bool:
    """Take the value of the `Accept` header. A tie means no."""
    weights = dict(map(_weighed, accept.lower().split(",")))
    return _quality(weights, "text", "html") > _quality(weights, "application", "json")


def _weighed(item: str) -> tuple[str, float]:
    """Split `text/html;q=0.8` into range and weight. An invalid weight is 0. Other parameters do not count."""
    media_range, *parameters = (part.strip() for part in item.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            match = WEIGHT.fullmatch(parameter)
            return media_range, float(match[1]) if match else 0.0
    return media_range, 1.0


def _quality(weights: dict[str, float], kind: str, subtype: str) -> float:
    """Return the weight of the most specific range that fits."""
    for media_range in (f"{kind}/{subtype}", f"{kind}/*", "*/*"):
        if media_range in weights:
            return weights[media_range]
    return 0.0
