"""Tables of layers as the lecture prints them: a row of data becomes a claim for each cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .. import measure as m
from ..claim import Claim, Found, Value, printed


@dataclass(frozen=True, kw_only=True)
class Row:
    """A layer as the slide has it; empty where the slide prints nothing.

    Attributes:
        path: of the module that is this layer in the zoo's network.
        geometry: "3x227 -> 64x56, k11 s4 p2".
        kb, k_params, m_flop: memory in KB, parameters in thousands, FLOPs in the lecture's sense in millions.
        bias: whether the slide's parameters include the bias.
        whys: for a column ("flop") why it differs, in English and Chinese.

    """

    label: str
    path: str
    geometry: str = ""
    kb: str = ""
    k_params: str = ""
    m_flop: str = ""
    bias: bool = True
    whys: dict[str, tuple[str, str]] = field(default_factory=dict)


def cells(
    rows: list[Row], *, table: str, section: str, network: str, size: int | None = None, found: Found = "slide"
) -> list[Claim]:
    """A claim for each cell of a table."""
    claims = []
    for row in rows:
        columns: list[tuple[str, str, str, str, str, Callable[[], Value]]] = [
            ("geometry", row.geometry, "", "shape", "形状", partial(m.geometry, network, row.path, size)),
            ("memory", row.kb, "KB", "memory of the output", "输出占用内存", partial(_memory, network, row.path, size)),
            ("params", row.k_params, "k params", "parameters", "参数量", partial(_params, network, row.path, row.bias)),
            (
                "flop",
                row.m_flop,
                "M MACs",
                "FLOPs (1 = multiply + add)",
                "FLOPs（乘加算一次）",
                partial(_flop, network, row.path, size),
            ),
        ]
        for column, text, unit, en, zh, compute in columns:
            if not text:
                continue
            pooling = column == "flop" and "pool" in row.label
            why_en, why_zh = row.whys.get(column, ("", ""))
            no_bias_en, no_bias_zh = (", bias left out", "（不含偏置）") if column == "params" and not row.bias else ("", "")
            claims.append(
                Claim(
                    id=f"{table}.{row.label}.{column}",
                    section=section,
                    text_en=f"{row.label}: {en}{no_bias_en}",
                    text_zh=f"{row.label}：{zh}{no_bias_zh}",
                    published=printed(text, "M operations" if pooling else unit),
                    compute=compute,
                    found=found,
                    why_en=why_en,
                    why_zh=why_zh,
                    table=(table, row.label, column),
                )
            )
    return claims


def _memory(network: str, path: str, size: int | None) -> int:
    layer = m.layer(network, path, size)
    return (
        m.graph(network, size).values[m.node(network, path, size).outputs[0]].nbytes
        if layer.activation_bytes == 0
        else layer.activation_bytes
    )


def _params(network: str, path: str, bias: bool) -> int:
    return m.layer(network, path).params if bias else m.weight_params(network, path)


def _flop(network: str, path: str, size: int | None) -> int:
    return m.operations(m.layer(network, path, size))
