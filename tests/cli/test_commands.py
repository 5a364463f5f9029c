"""What the commands print: figures that are published, sums that add up, keys, widths."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
from pathlib import Path

import pytest

WIDTH = 80
# the lecture's table of AlexNet at 3x227x227: memory in KiB, parameters with biases, MACs in M
ALEXNET_227 = {
    "features.0": ("784.0", "23,296", "72.856"),
    "features.2": ("182.2", "-", "-"),
    "features.3": ("546.8", "307,392", "223.949"),
    "features.5": ("126.8", "-", "-"),
    "features.6": ("253.5", "663,936", "112.140"),
    "features.8": ("169.0", "884,992", "149.520"),
    "features.10": ("169.0", "590,080", "99.680"),
    "features.12": ("36.0", "-", "-"),
    "classifier.1": ("16.0", "37,752,832", "37.749"),
    "classifier.4": ("16.0", "16,781,312", "16.777"),
    "classifier.6": ("3.9", "4,097,000", "4.096"),
}
MEASURES = {
    *("params", "macs", "flops", "elementwise", "activation_bytes", "bytes_moved", "intensity_flops_per_byte"),
}
SUMMARY = MEASURES | {
    "name",
    "input_shape",
    "inputs",
    "batch",
    "dtype",
    "mode",
    "convention",
    "receptive_field",
    "uncounted",
    "params_unused",
    "traced",
    "traced_so_because",
}
GROUP = MEASURES | {"name", "calls", "output_shape", "macs_share"}
LAYER = MEASURES | {"name", "op", "stage", "input_shape", "output_shape", "dtype", "receptive_field_px"}
ENTRY = SUMMARY | {"family", "paper", "introduces", "accuracy", "published"}


def test_alexnets_table_is_the_lectures(run) -> None:
    rows = run("cost", "alexnet", "--input", "3x227x227").out.splitlines()
    for layer, (memory, params, macs) in ALEXNET_227.items():
        (row,) = (row.split() for row in rows if row.startswith(f"{layer} "))
        assert row[-4:-1] == [params, macs, memory]


@pytest.mark.parametrize("by", ["layer", "stage", "op", "module"])
def test_the_printed_totals_are_the_sums_of_the_printed_columns(by: str, run) -> None:
    lines = run("cost", "googlenet", "--by", by, "--format", "markdown").out.splitlines()
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    head, body, totals = cells[0], cells[2:-1], cells[-1]
    for name, half_a_unit in (("params", 0), ("MACs (M)", 0.005), ("memory (KiB)", 0.05)):
        place = head.index(name)
        numbers = [float(row[place].replace(",", "").replace("-", "0")) for row in body]
        assert float(totals[place].replace(",", "")) == pytest.approx(sum(numbers), abs=half_a_unit * len(numbers))


@pytest.mark.parametrize("by", ["layer", "stage", "op", "module"])
def test_rows_of_json_add_up_to_its_totals(by: str, run) -> None:
    data = json.loads(run("cost", "googlenet", "--by", by, "--json").out)
    assert set(data) == SUMMARY | {"by", "rows"}
    assert set(data["rows"][0]) == (LAYER if by == "layer" else GROUP)
    for key in MEASURES - {"intensity_flops_per_byte"}:
        assert sum(row[key] for row in data["rows"]) == data[key]


def test_the_parameters_are_torchs(run) -> None:
    torchvision = pytest.importorskip("torchvision")
    data = json.loads(run("cost", "torchvision:mobilenet_v2", "--json").out)
    assert data["params"] == sum(p.numel() for p in torchvision.models.mobilenet_v2().parameters())


def test_json_of_list_show_and_compare_has_its_keys(run) -> None:
    assert set(json.loads(run("list", "vgg", "--json").out)[0]) == ENTRY
    shown = json.loads(run("show", "vgg16", "--json").out)
    assert set(shown) == ENTRY | {"weights", "stages", "ops"}
    assert shown["weights"]["num_bytes"] == 553_433_881
    assert json.loads(run("show", "zfnet", "--json").out)["weights"] is None
    assert set(shown["stages"][0]) == GROUP
    compared = json.loads(run("compare", "vgg16", "alexnet", "--json").out)
    assert compared["ratios_to"] == "vgg16"
    assert set(compared["networks"][1]) > SUMMARY | {"macs_ratio", "stages", "ops"}


def test_ratios_are_to_the_first_network(run) -> None:
    first, second = json.loads(run("compare", "vgg16", "alexnet", "--json").out)["networks"]
    assert first["params_ratio"] == 1
    assert second["params_ratio"] == 61_100_840 / 138_357_544
    assert re.search(r"^alexnet .* 61\.10 +0\.44 ", run("compare", "vgg16", "alexnet").out, re.MULTILINE)


def test_compare_traces_what_the_catalogue_has_not(run, net_file: str) -> None:
    networks = json.loads(run("compare", "vgg16", "net.py:Net", "--input", "3x64x64", "--batch", "2", "--json").out)["networks"]
    assert [network["input_shape"] for network in networks] == [[2, 3, 64, 64]] * 2
    assert networks[1]["params"] == 3 * 8 * 9 + 8 + 8 * 10 + 10
    assert networks[1]["macs"] == 2 * (62 * 62 * 8 * 27 + 80)


def test_traced_and_read_from_the_catalogue_are_the_same(run) -> None:
    (read,) = json.loads(run("compare", "vgg11", "--json").out)["networks"]
    traced = json.loads(run("cost", "vgg11", "--json").out)
    assert {key: traced[key] for key in SUMMARY} == {key: read[key] for key in SUMMARY}


def test_csv_has_raw_values_under_keys_with_units(run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("cost", "vgg11", "--format", "csv").out)))
    assert sum(int(row["params"]) for row in rows) == 132_863_336
    assert rows[0]["output_shape"] == "1x64x224x224"
    assert int(rows[0]["activation_bytes"]) == 64 * 224 * 224 * 4


def test_sorting_puts_the_largest_first_and_the_best_first(run) -> None:
    macs = [row["macs"] for row in json.loads(run("cost", "vgg11", "--sort", "macs", "--json").out)["rows"]]
    assert macs == sorted(macs, reverse=True)
    years = [row["paper"]["year"] for row in json.loads(run("list", "--sort", "year", "--json").out)]
    assert years == sorted(years)
    assert json.loads(run("list", "vgg", "--sort", "top1", "--json").out)[0]["name"] == "vgg19_bn"


def test_list_takes_parts_of_names_patterns_and_families(run) -> None:
    assert [row["name"] for row in json.loads(run("list", "vgg16", "--json").out)] == ["vgg16", "vgg16_bn", "vgg16_c"]
    assert [row["name"] for row in json.loads(run("list", "vgg1?", "--json").out)] == ["vgg11", "vgg13", "vgg16", "vgg19"]
    assert {row["family"] for row in json.loads(run("list", "--family", "vgg", "--json").out)} == {"vgg"}


def test_training_is_told_from_evaluation(run) -> None:
    data = json.loads(run("cost", "googlenet", "--train", "--json").out)
    assert data["mode"] == "training"
    assert data["backward_macs"] > data["macs"]
    assert data["params"] == 13_004_888


def test_what_is_not_counted_is_said_and_not_zero(run, net_file: str) -> None:
    text = run("cost", "net.py:Exotic").out
    assert "Not counted: linalg_matrix_exp (1 call)" in text
    assert "unknown, not zero" in " ".join(text.split())
    assert re.search(r"^\(network\) .* \? ", text, re.MULTILINE)
    rows = json.loads(run("cost", "net.py:Exotic", "--json").out)["rows"]
    assert [row["macs"] for row in rows if row["op"] == "linalg_matrix_exp"] == [None]


@pytest.mark.parametrize("name", ["Net", "instance", "NeedsNumbers", "talking"])
def test_a_network_of_ones_own(name: str, run, net_file: str) -> None:
    result = run("cost", f"net.py:{name}", "--input", "3x32x32", "--json")
    assert json.loads(result.out)["macs"] == 30 * 30 * 8 * 27 + 80
    assert ("some words" in result.err) == (name == "talking")


def test_a_network_in_an_importable_module(run) -> None:
    pytest.importorskip("torchvision")
    assert json.loads(run("cost", "torchvision.models:resnet18", "--json").out)["params"] == 11_689_512


def test_a_network_that_reads_numbers_while_it_is_built(run) -> None:
    pytest.importorskip("torchvision")
    assert json.loads(run("cost", "torchvision:regnet_y_400mf", "--json").out)["params"] == 4_344_144


def test_timms_networks_come_with_their_own_input(run) -> None:
    pytest.importorskip("timm")
    assert json.loads(run("cost", "timm:efficientnet_b1", "--json").out)["input_shape"] == [1, 3, 240, 240]


def test_an_output_file_has_what_the_screen_would_have(run, tmp_path: Path) -> None:
    assert run("show", "vgg16", "-o", "card.txt").out == ""
    assert (tmp_path / "card.txt").read_text() == run("show", "vgg16").out
    assert [path.name for path in tmp_path.iterdir()] == ["card.txt"]


@pytest.mark.parametrize("by", ["layer", "stage", "op", "module"])
@pytest.mark.parametrize("model", ["inception_v3", "nasnetalarge", "torchvision:densenet121", "timm:efficientnet_b0"])
def test_no_line_of_a_table_is_wider_than_the_terminal(model: str, by: str, run) -> None:
    lines = run("cost", model, "--by", by, "--batch", "32").out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len({line.split("  ")[0] for line in lines}) > 5  # the names are still told apart


def test_no_line_of_lists_cards_and_comparisons_is_wider_than_the_terminal(run) -> None:
    import convatlas

    names = convatlas.list_models()
    texts = [run("list").out, run("compare", *names).out, *(run("show", name).out for name in names[::7])]
    links = re.compile(r"^https?://")
    assert [line for text in texts for line in text.splitlines() if len(line) > WIDTH and not links.match(line)] == []


@pytest.mark.parametrize(
    "args",
    [
        ["list", "vgg"],
        ["show", "vgg16"],
        ["show", "nasnetalarge"],
        ["cost", "googlenet"],
        ["cost", "resnet50", "--by", "op"],
        ["compare", "vgg16", "resnet50", "googlenet"],
        ["memory", "vgg16", "--fit", "8GiB"],
        ["memory", "vgg16", "--by", "layer"],
        ["recipes"],
        ["study"],
        ["notes", "vgg"],
    ],
    ids=" ".join,
)
def test_no_line_is_wider_than_a_terminal_of_40_columns(args: list[str], run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    result = run(*args)
    assert result.status == 0
    assert [line for line in result.out.splitlines() if len(line) > 40 and not line.startswith("http")] == []


def test_a_card_tells_the_paper_the_costs_and_the_accuracy(run) -> None:
    text = run("show", "vgg16").out
    for words in ("K. Simonyan", "2014", "138,357,544", "15.47 G", "212x212", "top-1 74.4 %", "14x14"):
        assert words in text


def test_nothing_asked_shows_what_there_is(run) -> None:
    result = run()
    assert result.status == 0
    for command in ("list", "show", "cost", "compare", "report"):
        assert command in result.out


def test_the_exact_way_is_told_by_every_command_that_took_it(run, net_file: str, tmp_path: Path) -> None:
    given = (f"{net_file}:Net", "--exact", "--input", "3x16x16")
    for command in ("cost", "compare", "memory"):
        assert "Traced exactly: it was asked for." in run(command, *given).out
    record = json.loads(run("cost", *given, "--json").out)
    assert (record["traced"], record["traced_so_because"]) == ("exact", "it was asked for")
    assert json.loads(run("memory", *given, "--json").out)["traced"] == "exact"
    page = tmp_path / "page.html"
    run("report", *given, "--output", str(page))
    assert "traced exactly: it was asked for" in page.read_text()


def test_nothing_is_said_of_the_quick_way(run) -> None:
    assert "Traced" not in run("cost", "lenet5").out
    assert json.loads(run("cost", "lenet5", "--json").out)["traced"] == "quick"


def test_a_graphs_file_is_not_traced_anew(run, tmp_path: Path) -> None:
    import convatlas as ca

    (path := tmp_path / "net.json").write_text(ca.trace("lenet5").to_json())
    assert "was traced already; leave it out" in run("cost", str(path), "--exact").err


def test_a_network_of_torchscript_is_counted_from_its_file(run, tmp_path: Path) -> None:
    import torch
    from torch import nn

    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(network, torch.zeros(1, 3, 8, 8)).save(path := str(tmp_path / "net.pt"))
    record = json.loads(run("cost", path, "--input", "3x8x8", "--json").out)
    assert record["macs"] == 6 * 6 * 8 * 27 + 8 * 36 * 4
    assert record["traced_so_because"] == "a scripted part"
