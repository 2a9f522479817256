"""The table of scores against means taken by hand."""

from __future__ import annotations

import numpy as np
import pytest
from verification_fields import forecast_of, random_fields

from keras_wx.errors import DataError
from keras_wx.verification import to_frame, verify


def test_means_over_lead_times():
    scores = verify(*random_fields())
    table = to_frame(scores)
    assert list(table.index) == ["made_up"]
    assert table.index.name == "model"
    assert table.loc["made_up", "CSI@20"] == pytest.approx(scores.csi.values[1].mean())
    assert table.loc["made_up", "rainfall MSE"] == pytest.approx(scores.rainfall_mse.values.mean())
    assert list(table.columns[:4]) == ["CSI@10", "CSI@20", "CSI@30", "FAR@10"]


def test_a_row_for_each_model_and_the_columns_asked_for():
    one, two = (verify(*random_fields(seed)) for seed in (0, 1))
    table = to_frame({"ours": one, "persistence": two}, columns=("mse", "hss"))
    assert table.shape == (2, 4)
    assert list(table.columns) == ["MSE", "HSS@10", "HSS@20", "HSS@30"]
    assert table.loc["persistence", "MSE"] == pytest.approx(two.mse.values.mean())


def test_scores_of_neighbourhoods_and_ensembles():
    forecast, truth = random_fields()
    two = forecast_of(np.stack([forecast.reflectivity, forecast.reflectivity + 5]))
    scores = verify(two, truth, scales=(1, 4))
    table = to_frame(scores)
    expected = scores.fss.sel(threshold=20, scale=4).values.mean()
    assert table.loc["made_up", "FSS@20/4"] == pytest.approx(expected)
    assert table.loc["made_up", "CRPS"] == pytest.approx(scores.crps.values.mean())
    assert table.loc["made_up", "spread/skill"] == pytest.approx(
        scores.spread_skill_ratio.values.mean()
    )
    titles = list(to_frame(scores, columns=("fss", "brier")).columns)
    assert titles[:3] == ["FSS@10/1", "FSS@10/4", "FSS@20/1"]
    assert titles[-1] == "Brier@30"


def test_undefined_lead_times_are_left_out():
    scores = verify(*random_fields())
    scores["csi"][0, 0] = np.nan
    expected = scores.csi.values[0, 1:].mean()
    assert to_frame(scores).loc["made_up", "CSI@10"] == pytest.approx(expected)


def test_scores_already_pooled_over_lead_times():
    scores = verify(*random_fields(), preserve_dims=())
    assert to_frame(scores).loc["made_up", "CSI@10"] == pytest.approx(scores.csi.values[0])


def test_what_it_refuses():
    cases = verify(*random_fields(), preserve_dims=("init_time", "lead_time"))
    with pytest.raises(DataError, match=r"pool\(scores, \['init_time'\]\)"):
        to_frame(cases)
    with pytest.raises(DataError, match=r"No such score: \['CSI'\]"):
        to_frame(cases, columns=("CSI",))
    with pytest.raises(DataError, match="Received none"):
        to_frame({})
