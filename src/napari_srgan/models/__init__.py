"""Models: network, model card, model file, registry and cache."""

from .card import ModelCard
from .file import ModelError, load_file, read_card, save_model
from .model import Model
from .registry import list_models, load_model, user_folder

__all__ = [
    "Model",
    "ModelCard",
    "ModelError",
    "list_models",
    "load_file",
    "load_model",
    "read_card",
    "save_model",
    "user_folder",
]
