"""``python -m convatlas.catalogue`` writes the catalogue anew."""

from .build import main

main()
