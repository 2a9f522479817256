"""`fit` of bare Keras in one worker of a `tf.distribute.MultiWorkerMirroredStrategy`."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

if __name__ == "__main__":
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    numbers = np.arange(32, dtype="float32")[:, None]
    batches = tf.data.Dataset.from_tensor_slices((numbers, numbers)).batch(8)
    with strategy.scope():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
    try:
        model.fit(batches, verbose=0)
        print("trained")
    except ValueError as error:
        print(error)
