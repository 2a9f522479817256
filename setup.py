"""Build entry. Metadata is in pyproject.toml; here is what it cannot say.

`zoo_configs/` stands at the top level, where people look for presets, and is installed as the
package `keras_wx.zoo_configs`, so that `importlib.resources` finds it in every kind of install.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["keras_wx", "keras_wx.*"]),
        "keras_wx.data.shipped",
        "keras_wx.zoo_configs",
        "keras_wx.zoo_configs.sweeps",
        "keras_wx.zoo_configs.weights",
    ],
    package_dir={"keras_wx.zoo_configs": "zoo_configs"},
    package_data={
        "keras_wx": ["py.typed"],
        "keras_wx.data.shipped": ["*.nc", "*.npz", "*.txt"],
        "keras_wx.zoo_configs": ["*.yaml"],
        "keras_wx.zoo_configs.sweeps": ["*.yaml"],
        "keras_wx.zoo_configs.weights": ["*.weights.h5"],
    },
)
