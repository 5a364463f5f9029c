"""The recipes: `modern`, and one a family as its paper trained it."""

from __future__ import annotations

from ...names import unknown_name
from ..recipe import Recipe
from .imagenet import IMAGENET
from .mobile import MOBILE
from .modern import MODERN
from .small import SMALL

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (MODERN, *IMAGENET, *MOBILE, *SMALL)}


def recipe_named(name: str | Recipe) -> Recipe:
    """A recipe by its name.

    Raises:
        ConvatlasError: there is none of that name; the nearest are given.
    """
    if isinstance(name, Recipe):
        return name
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES, "see `convatlas recipes`")
    return RECIPES[name]
