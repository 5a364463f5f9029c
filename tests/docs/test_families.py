"""The pages of docs/families: one a family of the zoo, and what is generated in them is up to date."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest

from convatlas.zoo import REGISTRY

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make", DOCS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_family_has_a_page(make: ModuleType) -> None:
    assert set(make.FIGURES) == {entry.family for entry in REGISTRY.values()}


@pytest.fixture(scope="module")
def files(make: ModuleType) -> dict[Path, str]:
    return dict(make.files())


def test_generated_parts_are_up_to_date(files: dict[Path, str]) -> None:
    old = [path.name for path, text in files.items() if not path.exists() or path.read_text() != text]
    assert not old, "run `python docs/make.py`"


def test_figures_are_well_formed_and_small(files: dict[Path, str]) -> None:
    for path, text in files.items():
        if path.suffix == ".svg":
            assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
            assert len(text) < 20_000


def test_a_figure_shows_the_block_of_the_paper(files: dict[Path, str]) -> None:
    """Fig. 5 of the ResNet paper: 1x1, 3x3, 1x1, and the sum before the last ReLU."""
    text = files[DOCS / "families" / "figures" / "resnet.svg"]
    labels = [element.text for element in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert labels == [
        "256×56×56",
        "1×1 conv, 128 · BN · ReLU",
        "1×1 conv, 512, /2 · BN",
        "3×3 conv, 128, /2 · BN · ReLU",
        "1×1 conv, 512 · BN",
        "add · ReLU",
    ]


def test_a_page_without_markers_is_named(make: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "vgg.md"
    page.write_text("# VGG\n")
    with pytest.raises(ValueError, match=r"vgg\.md has 0 parts marked `cost: generated`, expected 1"):
        make.replaced(page, cost="")


@pytest.mark.parametrize("language", ["README.md", "README.zh-CN.md"])
def test_links_of_the_readme_lead_somewhere(language: str) -> None:
    readme = DOCS.parent / language
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", readme.read_text()):
        assert (readme.parent / target).exists(), target


def test_both_readmes_list_the_same_commands() -> None:
    english, chinese = (
        re.findall(r"^\| `convatlas ([a-z]+)", (DOCS.parent / name).read_text(), re.MULTILINE)
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese
