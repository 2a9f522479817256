"""Part of the recipes of downscaling: what their reports and cards say alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from keras_wx.verification.markdown import markdown_table


def number(value: float, digits: int) -> str:
    """A score, or a dash where a model has none."""
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def crps_cell(row: pd.Series, digits: int) -> str:
    """The CRPS of a row of scores.csv with its interval."""
    value, low, high = (f"{row[key]:.{digits}f}" for key in ("CRPS", "CRPS low", "CRPS high"))
    return f"{value} ({low} to {high})"


def rivals(ahead: pd.DataFrame, units: str, digits: int) -> str:
    """A section with what `downscaling.lead` gave."""
    rows = [
        [
            f"`{row.rival}`",
            f"{row.difference:+.{digits}f} ({row.low:+.{digits}f} to {row.high:+.{digits}f})",
        ]
        for row in ahead.itertuples(index=False)
    ]
    head = ["rival", f"CRPS of {ahead['model'][0]} minus its own [{units}]"]
    return "## CRPS minus that of the rivals\n\n" + markdown_table(head, rows)


def pictures(files: Mapping[str, str]) -> str:
    """A section for each picture: title -> file."""
    return "\n".join(f"## {title}\n\n![{title}]({file})\n" for title, file in files.items())


def card_scores(row: pd.Series, test: str, units: str, digits: int) -> dict[str, str]:
    """What a model card says of a row of scores.csv, but for the variogram.

    Args:
        row: of the model.
        test: on what.
        units: of the field.
        digits: of the CRPS; the summary has one less.
    """
    return {
        "summary": f"CRPS {row['CRPS']:.{digits - 1}f} {units}, RMSE {row['RMSE']:.2f} {units}",
        "test": test,
        "CRPS": f"{crps_cell(row, digits)} {units}",
        "RMSE": f"{row['RMSE']:.3f} {units}",
        "spectrum error": f"{row['spectrum error [dB]']:.2f} dB",
    }
