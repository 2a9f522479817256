"""The model card: a preset as plain text that a terminal of 80 columns holds."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_wx.spec import Component, Preset, Sample, Training, Variable, Weights

WIDTH = 80
INDENT = " " * 14
LONG = 16
"""Numbers of a list that are not shown one by one from here on."""
MANY = 8
"""The same of groups of statistics."""


def render(preset: Preset) -> str:
    """The card of a preset: what it is, eats, gives, was trained on and scores."""
    lines = [preset.full_name, "=" * len(preset.full_name)]
    lines += [*textwrap.wrap(preset.title, WIDTH), ""]
    if preset.description:
        lines += [*textwrap.wrap(preset.description, WIDTH), ""]
    lines.append(_row("task", preset.task))
    config = ", ".join(f"{key}={_value(value)}" for key, value in preset.config.items())
    lines.append(_row("architecture", f"{preset.architecture}({config})"))
    if preset.parameters is not None:
        lines.append(_row("parameters", f"{preset.parameters:,}"))
    if preset.aliases:
        lines.append(_row("also known as", ", ".join(preset.aliases)))
    lines += _sample(preset.sample)
    if preset.training:
        lines.append(_row("training", ", ".join(_recipe(preset.training))))
    lines += _weights(preset)
    for reference in preset.references:
        lines.append(_row("reference", reference))
    return "\n".join(lines)


def _value(value: Any) -> str:
    """An argument; of a long list, such as quantiles that were fitted, only the ends."""
    if isinstance(value, (list, tuple)) and len(value) > LONG:
        return f"[{value[0]}, ... {len(value):,} in all ..., {value[-1]}]"
    return str(value)


def _recipe(training: Training) -> list[str]:
    """The recipe in words, as far as it is not what every recipe has."""
    schedule, precision = training.schedule, training.mixed_precision
    rate = training.optimizer.arguments.get("learning_rate")
    parts = [
        f"{_loss(training.loss)} loss",
        training.optimizer.name + (f" at {rate:g}" if rate else ""),
        f"batch {training.batch_size}",
        training.accumulate > 1 and f"{training.accumulate} batches an update",
        training.warmup_steps and f"{training.warmup_steps} steps of warm-up",
        *(f"rate x {factor:g} after {epoch} epochs" for epoch, factor in schedule.drops.items()),
        schedule.cosine and f"cosine to {schedule.end:g}",
        schedule.fall and f"linear fall over the last {schedule.fall:.0%}",
        training.ema and f"moving average {training.ema:g}",
        precision and f"mixed {precision}",
    ]
    return [part for part in parts if part]


def _loss(loss: Component) -> str:
    """Its name, or the sum that it is."""
    terms = [(term.get("factor", 1), term["name"]) for term in loss.arguments.get("terms", ())]
    sums = [name if factor == 1 else f"{factor:g} {name}" for factor, name in terms]
    return " + ".join(sums) or loss.name


def _sample(sample: Sample) -> list[str]:
    lines = [_row("time step", sample.step_text or "any")]
    if sample.layout == "channels":
        lines.append(_row("layout", "channels: each frame of a variable is one, all on one grid"))
    for name, grid in sample.grids.items():
        sizes = zip(grid.dims, grid.shape, strict=True)
        shape = ", ".join(f"{dim}: {'any' if size is None else size}" for dim, size in sizes)
        spacing = [f"{grid.spacing_km:g} km"] if grid.spacing_km else []
        spacing += [f"{dim} {value}" for dim, value in grid.spacing.items()]
        onto = [f"{grid.method} onto {grid.onto}"] if grid.onto else []
        lines.append(_row(f"grid {name}", ", ".join([shape, *spacing, *onto])))
    lines += [_row(variable.role, _variable(variable)) for variable in sample.variables]
    return lines


def _variable(variable: Variable) -> str:
    text = f"{variable.name} [{variable.units}]"
    if variable.steps:
        text += f", steps {variable.steps[0]} to {variable.steps[1]}"
    transform = variable.transform.to_config()
    steps = transform if isinstance(transform, list) else [transform]
    return ", ".join([text, *(_transform(step) for step in steps), *_groups(variable)])


def _groups(variable: Variable) -> list[str]:
    """What the numbers of its transform are of, and the numbers where they are few."""
    if not variable.statistics_by:
        return []
    text = f"numbers by {' and '.join(variable.statistics_by)}"
    if not variable.statistics:
        return [text]
    if len(variable.statistics) > MANY:
        return [f"{text} of {len(variable.statistics)} groups"]
    groups = (f"{group}({_parameters(each)})" for group, each in variable.statistics.items())
    return [f"{text}: {', '.join(groups)}"]


def _transform(step: dict[str, dict]) -> str:
    ((name, parameters),) = step.items()
    return f"{name}({_parameters(parameters) or 'from the training part'})"


def _parameters(parameters: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in parameters.items()
        if value is not None
    )


def _weights(preset: Preset) -> list[str]:
    variants = preset.weights.variants
    if not variants:
        return [_row("weights", "none: nothing to train, or not trained yet")]
    lines = [_row("weights", ", ".join(_named(preset, name) for name in variants))]
    if preset.variant:
        lines += _provenance(variants[preset.variant])
    return lines


def _named(preset: Preset, variant: str) -> str:
    mark = " (default)" if variant == preset.weights.default else ""
    return f"{preset.name}.{variant}{mark}"


def _provenance(weights: Weights) -> list[str]:
    facts = {
        "trained on": weights.trained_on,
        "recipe": weights.recipe,
        "duration": weights.duration,
        "seed": weights.seed,
        "terms": weights.terms,
        "file": f"{weights.file}, {weights.bytes / 1e6:.1f} MB",
    }
    lines = [_row(key, str(value)) for key, value in facts.items() if value not in ("", None)]
    for key, value in weights.scores.items():
        lines.append(_row("scores" if key == next(iter(weights.scores)) else "", f"{key}: {value}"))
    return lines


def _row(key: str, text: str) -> str:
    wrapped = textwrap.wrap(text, WIDTH, initial_indent=f"{key:<13} ", subsequent_indent=INDENT)
    return "\n".join(wrapped)
