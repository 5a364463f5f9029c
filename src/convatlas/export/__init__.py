"""Networks in files that others can load, ONNX, torch.export and OpenVINO, each checked against the network before it lands."""

from .card import Card
from .reading import Opened
from .write import DiffersError, Written, open_exported, write_network

__all__ = ["Card", "DiffersError", "Opened", "Written", "open_exported", "write_network"]
