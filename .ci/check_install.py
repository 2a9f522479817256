"""An installed keras_wx finds its presets, its shipped weights and its shipped radar sequence."""

import importlib.resources

import keras_wx

names = keras_wx.list_models()
assert "convlstm_hko" in names, names
assert (importlib.resources.files("keras_wx") / "py.typed").is_file()
for name in keras_wx.list_models(pretrained=True):
    print(name, keras_wx.fetch(name))
radar = keras_wx.open_dataset("sample_radar")
forecast = keras_wx.predict(keras_wx.load("convlstm_hko"), radar, regrid=True)
assert forecast.reflectivity.notnull().any()
print("keras_wx", keras_wx.__version__, "works from", keras_wx.__file__)
