"""The head of a U-Net that gives a distribution: what trains it, what metrics see."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats
from unet_cases import curtains, randomised

import keras_wx
from keras_wx.errors import ModelError
from keras_wx.models.unet import UNet, UNet3Plus, UNetPlusPlus
from keras_wx.transforms import Cloud

PRESET = "unet3plus_curtain_era5_prob_small"
CONFIG = {"inputs": 3, "outputs": 1, "filters": 3, "depth": 3, "head": "probabilistic"}


def small(network=UNet3Plus, **changes):
    return randomised(network(**CONFIG | {"dropout": 0.0} | changes), scale=0.2)


def compiled(model, **options):
    model.compile(
        loss=keras_wx.losses.get("cloud_likelihood"),
        optimizer=keras.optimizers.Adam(1e-2),
        weighted_metrics=[
            keras_wx.metrics.get(name, transform=Cloud()) for name in ("dice", "mae_dbz", "emd")
        ],
        **options,
    )
    return model


def observed(x, seed=4):
    """Clear air in half of the gates, cloud elsewhere."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(x.shape[:3]) < 0.5, -1, rng.uniform(-0.4, 0.9, x.shape[:3]))
    return y[..., None].astype("float32")


def likelihood(parameters, y):
    """Minus its logarithm, by SciPy."""
    logit, location, log_scale = np.moveaxis(np.asarray(parameters, "float64"), -1, 0)
    law = stats.logistic(location, np.exp(log_scale) + 0.01)
    cloud = special.log_expit(logit) + law.logpdf(y) - law.logsf(-0.5)
    return -np.where(y > -0.5, cloud, special.log_expit(-logit))


def test_two_more_numbers_for_each_head():
    """The fused decoders have 4 x 16 channels, the bottleneck 128; each kernel is 3 x 3."""
    known = keras_wx.info("unet3plus_curtain_era5_small").parameters
    more = 2 * (3 * (9 * 64 + 1) + (9 * 128 + 1))
    preset = keras_wx.info(PRESET)
    assert preset.parameters == known + more == 525_324
    model = keras_wx.load(PRESET, weights=None)
    assert model.count_params() == preset.parameters
    assert model.output_shape == (None, None, None, 3)
    assert isinstance(model.loss, keras_wx.losses.CloudLikelihood)
    assert model.distribution is keras_wx.losses.CloudDistribution


@pytest.mark.parametrize("network", [UNet, UNetPlusPlus, UNet3Plus])
def test_every_head_is_trained_by_the_likelihood_in_the_hole(network):
    model = compiled(small(network, supervision_weight=0.5, l2=0.0))
    x = curtains()
    y, mask = observed(x), x[..., -1]
    found = model.supervised(x, training=False)
    total = float(ops.convert_to_numpy(model.compute_loss(x, y, found, mask)))
    each = [(likelihood(f, y[..., 0]) * mask).sum() / mask.sum() for f in found]
    assert len(each) > 1
    assert total == pytest.approx(each[0] + 0.5 * sum(each[1:]), rel=1e-4)


def test_metrics_see_the_median():
    model = compiled(small())
    x = curtains()
    y, mask = observed(x), x[..., -1]
    scores = model.evaluate(x, y, sample_weight=mask, verbose=0, return_dict=True)

    logit, location, log_scale = np.moveaxis(np.asarray(model(x), "float64"), -1, 0)
    law, cloud = stats.logistic(location, np.exp(log_scale) + 0.01), special.expit(logit)
    with np.errstate(invalid="ignore"):
        share = 0.5 / cloud * law.sf(-0.5)
    median = np.where(cloud > 0.5, law.isf(np.minimum(share, law.sf(-0.5))), -1)
    hole = mask == 1
    forecast, truth = (Cloud().inverse(each)[hole] for each in (median, y[..., 0]))
    assert scores["mae_dbz"] == pytest.approx(np.abs(forecast - truth).mean(), rel=1e-3)
    both = ((forecast > -60) & (truth > -60)).sum()
    dice = 2 * both / ((forecast > -60).sum() + (truth > -60).sum())
    assert scores["dice"] == pytest.approx(dice, rel=1e-4)


def test_fit_with_heads_masks_and_metrics_lowers_the_loss():
    model = compiled(small(), run_eagerly=True)
    x = curtains()
    y, mask = observed(x), x[..., -1]
    history = model.fit(x, y, sample_weight=mask, epochs=8, verbose=0).history
    assert history.keys() == {"loss", "dice", "mae_dbz", "emd"}
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("loss", ["mae", keras_wx.losses.get("blind_mae")], ids=["name", "loss"])
def test_a_loss_of_values_is_refused(loss):
    model = small()
    model.compile(loss=loss, optimizer="sgd", run_eagerly=True)
    x = curtains()
    with pytest.raises(ModelError, match=r"'cloud_likelihood' trains.*Received: loss='\w*mae'"):
        model.fit(x, observed(x), verbose=0)


def test_members_come_from_the_law_or_from_dropout():
    model = small()
    assert model.stochastic
    assert not model.drops_out
    model.stochastic = False
    assert not model.stochastic
    model.stochastic = True
    assert model.stochastic
    with pytest.raises(ModelError, match="dropout that is on"):
        model.predict_members(curtains(), 2)
    dropping = small(dropout=0.3)
    assert dropping.drops_out
    dropping.stochastic = False
    assert not dropping.stochastic
    assert not dropping.drops_out
    assert not small(head="linear").stochastic
    assert small(head="linear").distribution is None
