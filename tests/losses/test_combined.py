"""Weighted sums of losses, as objects and as a preset writes them."""

import numpy as np
import pytest
import yaml
from loss_fields import GRAY

import keras_wx
from keras_wx import losses
from keras_wx.errors import ModelError, PresetError, UnknownNameError
from keras_wx.spec import Training
from keras_wx.zoo.compiling import compile_model

RECIPE = """
loss:
  name: combined
  terms:
    - {name: balanced_error, mse: 1, mae: 0.1}
    - {name: soft_csi, factor: 0.05, temperature: 3}
    - {name: mse, factor: 2}
optimizer: {name: adam, learning_rate: 1.0e-4}
"""


def test_the_weighted_sum_of_its_terms(fields, mask):
    terms = [losses.SequenceCrossEntropy(), losses.SoftCSI(GRAY), losses.get("mae")]
    for weight in (None, mask):
        parts = [float(term(*fields, weight)) for term in terms]
        loss = losses.Combined(terms, [0.01, 2, 30])
        expected = 0.01 * parts[0] + 2 * parts[1] + 30 * parts[2]
        assert float(loss(*fields, weight)) == pytest.approx(expected, rel=1e-6)
        assert float(losses.Combined(terms)(*fields, weight)) == pytest.approx(sum(parts), rel=1e-6)


def test_a_preset_holds_a_mixture_and_its_transform_reaches_the_terms(fields):
    preset = keras_wx.info("convlstm_hko").resolved("taasrad19")
    training = Training.model_validate(yaml.safe_load(RECIPE))
    preset = preset.model_copy(update={"training": training})
    model = keras_wx.load("convlstm_hko", weights=None, compile=False, filters=[2])
    compile_model(model, preset)
    transform = {"linear": {"low": 0, "high": 60}}
    expected = (
        losses.BalancedError(transform, mse=1, mae=0.1)(*fields)
        + 0.05 * losses.SoftCSI(transform, temperature=3)(*fields)
        + 2 * np.mean((fields[0] - fields[1]) ** 2)
    )
    assert float(model.loss(*fields)) == pytest.approx(float(expected), rel=1e-6)


def test_a_model_with_a_mixture_is_saved_and_loaded(tmp_path, fields):
    preset = keras_wx.info("convlstm_hko").resolved("taasrad19")
    training = Training.model_validate(yaml.safe_load(RECIPE))
    model = keras_wx.load("convlstm_hko", weights=None, compile=False, filters=[2])
    model.preset = preset.model_copy(
        update={"training": training, "config": preset.config | {"filters": [2]}}
    )
    compile_model(model, model.preset)
    again = keras_wx.load(keras_wx.save(model, tmp_path / "mixture"))
    assert again.preset.training.loss == training.loss
    assert float(again.loss(*fields)) == float(model.loss(*fields))


@pytest.mark.parametrize(
    ("terms", "error", "message"),
    [
        ([], ModelError, "at least one loss"),
        (["mse"], ModelError, r"expects terms such as.*Received: 'mse'"),
        ([{"factor": 2}], ModelError, r"expects terms such as.*factor"),
        ([{"name": "soft_cis"}], UnknownNameError, "'soft_csi'"),
    ],
)
def test_terms_that_make_no_loss(terms, error, message):
    with pytest.raises(error, match=message):
        losses.get("combined", terms=terms)


def test_a_preset_with_a_wrong_term_is_named():
    preset = keras_wx.info("convlstm_hko")
    loss = {"name": "combined", "terms": [{"name": "soft_csi", "temprature": 1}]}
    training = preset.training.model_dump() | {"loss": loss}
    preset = preset.model_copy(update={"training": Training.model_validate(training)})
    with pytest.raises(PresetError, match=r"training.loss of preset 'convlstm_hko'.*temprature"):
        compile_model(keras_wx.load("convlstm_hko", weights=None, compile=False), preset)


def test_a_factor_for_each_loss():
    with pytest.raises(ModelError, match="one factor a loss"):
        losses.Combined([losses.get("mse")], [1, 2])
