"""What the U-Net family does under JAX: members, masks, a step of training. Run as a script."""

import numpy as np
from unet_cases import curtains, randomised

import keras_wx
from keras_wx.inference.network import seeded
from keras_wx.models.unet import UNet, UNet3Plus, UNetPlusPlus

for network in (UNet, UNetPlusPlus, UNet3Plus):
    model = randomised(network(3, 2, filters=3, depth=3, dropout=0.3))
    x = curtains(height=64)
    with seeded(model, 5):
        single = np.stack([model.predict(x, verbose=0) for _ in range(3)])
    with seeded(model, 5):
        together = model.predict_members(x, 3)
    assert single[:, :, :4].std(axis=0).min() > 0
    np.testing.assert_allclose(together, single, atol=1e-5 * np.abs(single).max())
    np.testing.assert_array_equal(together[0, :, 8:], x[:, 8:, :, :2])
    model.compile(loss=keras_wx.losses.get("mae"), optimizer="adam")
    before = [np.array(w) for w in model.trainable_weights]
    history = model.fit(x, x[..., :2], sample_weight=x[..., -1], verbose=0).history
    assert np.isfinite(history["loss"]).all()
    heads = [w.path for w in model.trainable_weights if w.path.startswith("head")]
    assert len(heads) == (6 if network is UNetPlusPlus else 8), heads
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert weight.path.endswith("bias") or (np.array(weight) != old).any(), weight.path
