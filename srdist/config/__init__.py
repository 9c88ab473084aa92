"""Typed configuration of an experiment: one YAML file, one class per room."""

from srdist.config.load import load_config
from srdist.config.schema import Config

__all__ = ["Config", "load_config"]
