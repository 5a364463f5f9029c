"""From the words that stand for a network to the network: of the zoo, of a library, in the user's code, or a graph's file.

The Python functions and the commands both ask here, so that a word means the same to each. Importing this imports no torch.
"""

from .loading import (
    EXPORTED,
    FORMS,
    Loaded,
    is_exported_file,
    is_graph_file,
    is_run_folder,
    is_scripted_file,
    load,
    read_graph,
    unknown_network,
)

__all__ = [
    "EXPORTED",
    "FORMS",
    "Loaded",
    "is_exported_file",
    "is_graph_file",
    "is_run_folder",
    "is_scripted_file",
    "load",
    "read_graph",
    "unknown_network",
]
