"""ELAD: distil a large model's reasoning into a small one for the least money.

from elad import distil, load_recipe
distil(load_recipe(Path("recipes/elad.yaml")), Path("runs/elad"))
"""
