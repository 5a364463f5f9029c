"""Writes the table of docs/speed.md anew, from the shipped profiles: python docs/make_speed.py."""

from __future__ import annotations

from math import expm1
from pathlib import Path

from convatlas.devices.profile import list_profiles, shipped

PAGE = Path(__file__).with_name("speed.md")
BEGIN, END = "<!-- validation -->\n", "<!-- end of validation -->\n"


def table() -> str:
    """How each shipped profile did on networks that were left out of its fit."""
    lines = [
        "| profile | timings | within 10 % | within 5 % | median error | within 10 %, families left out | 90 % interval |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for name in list_profiles():
        profile = shipped(name)
        single, families = profile.validation["networks"], profile.validation["families"]
        low, high = (f"{100 * expm1(-error):+.0f}" for error in reversed(profile.interval["ordinary"]))
        lines.append(
            f"| {name} | {profile.networks} | {single['within_10_percent']:.1%} | {single['within_5_percent']:.1%} "
            f"| {single['median_error']:.1%} | {families['within_10_percent']:.1%} | {low} to {high} % |"
        )
    return "\n".join(lines) + "\n"


def page() -> str:
    """The page with its table as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    return f"{text.partition(BEGIN)[0]}{BEGIN}\n{table()}\n{END}{text.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
