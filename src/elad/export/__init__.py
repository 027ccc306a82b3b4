"""What others can use: the student as a Hugging Face directory with a model card, and the annotations for TRL."""

from elad.export.export import export, push

__all__ = ["export", "push"]
