"""Forecasts of a model from physical fields to physical fields."""
