"""A network as plain data: Graph, Node, TensorSpec, and one class an op. No torch here."""

from .graph import Graph, Node, Parameter
from .ops import Op
from .spec import TensorSpec

__all__ = ["Graph", "Node", "Op", "Parameter", "TensorSpec"]
