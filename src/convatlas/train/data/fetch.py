"""MNIST, Fashion-MNIST and CIFAR from where their authors publish them, by torchvision's downloader, which knows their hashes."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from .errors import DataError

_SETS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}


def torchvision_name(name: str) -> str:
    """The folder in which torchvision keeps a set, under the folder that it is given."""
    return _SETS[name]


def fetch(name: str, place: Path, files: str) -> None:
    """Download a set into ``place``, laid out as torchvision does. ``files`` says what a person could put there instead.

    Raises:
        DataError: torchvision is not installed, or the files could not be had.
    """
    way_out = f"with a network it is downloaded; else put {files} into a folder, and give --data {name}:FOLDER"
    try:
        from torchvision import datasets
        from torchvision.datasets.utils import download_and_extract_archive
    except ImportError as error:
        raise DataError(f"{name} is not in {place}, and to download it takes torchvision (convatlas[train]); {way_out}") from error
    published = getattr(datasets, _SETS[name])
    try:
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / f".{name}.lock"):  # the processes of one job all want the same files
            if name.startswith("cifar"):
                download_and_extract_archive(published.url, str(place), filename=published.filename, md5=published.tgz_md5)
                return
            raw = place / _SETS[name] / "raw"
            for file, md5 in published.resources:
                _first_mirror(published.mirrors, file, md5, raw)
    except (OSError, RuntimeError) as error:
        raise DataError(f"{name} is not in {place}, and could not be downloaded ({_reason(error)}); {way_out}") from error


def _first_mirror(mirrors: list[str], file: str, md5: str, raw: Path) -> None:
    from torchvision.datasets.utils import download_url

    for mirror in mirrors:
        try:
            download_url(f"{mirror}{file}", str(raw), filename=file, md5=md5)
        except (OSError, RuntimeError):
            if mirror == mirrors[-1]:
                raise
        else:
            return


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error)
