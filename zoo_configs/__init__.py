"""Presets of the zoo, one YAML file each, and the weight files that ship with the package."""
