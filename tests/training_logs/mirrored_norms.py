"""Gradient norms of the same training in one replica and in two, on virtual processors."""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

if __name__ == "__main__":
    processor = tf.config.list_physical_devices("CPU")[0]
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, halves)

    import keras
    from telemetry_cases import Listed, trained

    found = {"one": trained(keras.optimizers.SGD(Listed()))["steps"]}
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        found["two"] = trained(keras.optimizers.SGD(Listed()))["steps"]
    np.savez(sys.argv[1], **found)
