"""Weight files that reach outside themselves, are damaged, or do not fit, are refused."""

from __future__ import annotations

import pickle
import shutil

import h5py
import keras
import numpy as np
import pytest

from keras_wx.errors import WeightsError
from keras_wx.zoo.hdf5 import check_file, check_fits, load_weights, shapes

INNER = "layers/sequential/layers/conv2d/vars/0"


def build(*, filters=4, layers=1, seed=0):
    """A model with a nested model, a recurrent cell, statistics and random state."""
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((6, 6, 1))
    for _ in range(layers):
        x = keras.layers.Conv2D(filters, 3, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.1, seed=1)(x)
    x = keras.Sequential([keras.layers.Conv2D(3, 3, padding="same")])(x)
    x = keras.layers.Reshape((1, 6, 6, 3))(x)
    x = keras.layers.ConvLSTM2D(2, 3)(x)
    return keras.Model(inputs, x, name="small")


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def original(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "model.weights.h5"
    model.save_weights(path)
    return path


@pytest.fixture
def path(original, tmp_path):
    """A copy to spoil."""
    return shutil.copy(original, tmp_path / "copy.weights.h5")


@pytest.fixture
def edit(path):
    def apply(change):
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return apply


def assert_equal(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


# --- Files that load -----------------------------------------------------------------------------


def test_loads_all_weights(model, path):
    other = build(seed=1)
    load_weights(other, path)
    assert_equal(other, model)


def test_shapes_hold_every_number_of_the_model(model, path):
    assert sum(int(np.prod(shape)) for shape in shapes(path).values()) == model.count_params()
    assert shapes(path)[INNER] == (3, 3, 4, 3)


def test_half_precision_storage_is_upcast(model, path, edit):
    def halve(file):
        for name in shapes(path):
            values = file[name][()]
            del file[name]
            file[name] = values.astype("float16")

    edit(halve)
    other = build(seed=1)
    load_weights(other, path)
    for stored, loaded in zip(model.get_weights(), other.get_weights(), strict=True):
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded, stored.astype("float16").astype("float32"))


def test_bfloat16_storage_by_keras_itself(tmp_path):
    def dense(dtype):
        return keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, dtype=dtype)])

    half, full = dense("bfloat16"), dense("float32")
    half.save_weights(tmp_path / "half.weights.h5")
    load_weights(full, tmp_path / "half.weights.h5")
    for stored, loaded in zip(half.get_weights(), full.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, stored.astype("float32"))


def test_compressed_storage(model, path, edit):
    def compress(file):
        values = file[INNER][()]
        del file[INNER]
        file.create_dataset(INNER, data=values, compression="gzip", shuffle=True)

    edit(compress)
    other = build(seed=1)
    load_weights(other, path)
    assert_equal(other, model)


def test_optimizer_state_is_no_obstacle(tmp_path, recwarn):
    trained = build()
    trained.compile("adam", "mse")
    trained.fit(np.zeros((2, 6, 6, 1)), np.zeros((2, 4, 4, 2)), verbose=0)
    with_state, without = tmp_path / "with.weights.h5", tmp_path / "without.weights.h5"
    trained.save_weights(with_state)
    fresh = build(seed=1)
    fresh.save_weights(without)

    load_weights(fresh, with_state)
    assert_equal(fresh, trained)
    load_weights(trained, without)
    assert not [w for w in recwarn if "optimizer" in str(w.message)]


# --- Files that are refused before they are read -------------------------------------------------


def other_file(path):
    target = path.parent / "elsewhere.h5"
    with h5py.File(target, "w") as file:
        file["values"] = np.zeros((3, 3, 4, 3), "float32")
    return target


def external_link(file, path):
    file[INNER] = h5py.ExternalLink(other_file(path), "/values")


def soft_link(file, path):
    file["copy"] = np.zeros((3, 3, 4, 3), "float32")
    file[INNER] = h5py.SoftLink("/copy")


def external_storage(file, path):
    raw = path.parent / "raw.bin"
    raw.write_bytes(bytes(432))
    file.create_dataset(INNER, (3, 3, 4, 3), "float32", external=[(str(raw), 0, 432)])


def virtual_dataset(file, path):
    layout = h5py.VirtualLayout((3, 3, 4, 3), "float32")
    layout[:] = h5py.VirtualSource(other_file(path), "values", (3, 3, 4, 3))
    file.create_virtual_dataset(INNER, layout)


def strings(file, path):
    file[INNER] = np.array([b"import", b"os"], dtype=object)


def object_references(file, path):
    file[INNER] = np.array([file["layers"].ref], dtype=h5py.ref_dtype)


def compound(file, path):
    file[INNER] = np.zeros(3, dtype=[("a", "f4"), ("b", "f4")])


def opaque(file, path):
    file[INNER] = np.zeros(3, dtype="V2")


def nothing(file, path):
    file[INNER] = h5py.Empty("f4")


def named_type(file, path):
    file[INNER] = np.dtype("f4")


def unknown_filter(file, path):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((3, 3, 4, 3))
    properties.set_filter(305, h5py.h5z.FLAG_OPTIONAL, (1,))
    space = h5py.h5s.create_simple((3, 3, 4, 3))
    h5py.h5d.create(file.id, INNER.encode(), h5py.h5t.IEEE_F32LE, space, properties)


def second_name(file, path):
    file[INNER] = file["layers/conv2d/vars/0"]


def group_in_itself(file, path):
    file[INNER] = file["layers"]


def deep_nesting(file, path):
    file.create_group(INNER + "/deeper" * 100)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (external_link, "is an external link"),
        (soft_link, "is a soft link"),
        (external_storage, "keeps its data in another file, .*raw.bin"),
        (virtual_dataset, "is a virtual dataset"),
        (strings, "holds object values, not numbers"),
        (object_references, "holds object values, not numbers"),
        (compound, "not numbers"),
        (opaque, "not numbers"),
        (nothing, "is an empty dataset"),
        (named_type, "is a Datatype"),
        (unknown_filter, "is compressed with unknown filter 305"),
        (second_name, "is a second name of another object"),
        (group_in_itself, "is a second name of another object"),
        (deep_nesting, "is nested too deeply"),
    ],
)
def test_refused(path, edit, spoil, reason):
    def change(file):
        del file[INNER]
        spoil(file, path)

    edit(change)
    with pytest.raises(WeightsError, match=f"(?s)copy.weights.h5 is refused: .*{reason}"):
        check_file(path)
    unchanged = build(seed=1)
    with pytest.raises(WeightsError, match="is refused"):
        load_weights(unchanged, path)
    assert_equal(unchanged, build(seed=1))


def test_external_link_to_a_missing_file_is_not_followed(path, edit):
    edit(lambda file: file.__setitem__("extra", h5py.ExternalLink("/nowhere/x.h5", "/")))
    with pytest.raises(WeightsError, match="'extra' is an external link"):
        check_file(path)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (pickle.dumps({"weights": [1.0]}), "a pickle"),
        (b"PK\x03\x04rest of the archive", "a ZIP archive, such as a .keras file"),
        (b"<!DOCTYPE html><title>Please log in</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"", "something that starts with b''"),
        (bytes(512) + b"\x89HDF\r\n\x1a\n", "something that starts with"),
    ],
)
def test_other_formats_under_the_right_name(tmp_path, start, kind):
    path = tmp_path / "model.weights.h5"
    path.write_bytes(start)
    with pytest.raises(WeightsError, match=f"is no HDF5 file; it looks like {kind}"):
        check_file(path)


@pytest.mark.parametrize("name", ["model.keras", "model.pkl", "model.h5", "model.weights.json"])
def test_other_names(path, name):
    renamed = path.rename(path.with_name(name))
    with pytest.raises(WeightsError, match=r"ends in \.weights\.h5"):
        check_file(renamed)


def test_no_file(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read: No such file"):
        check_file(tmp_path / "model.weights.h5")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_truncated(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match="is a damaged HDF5 file"):
        check_file(path)


# --- Files that do not fit -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "complaints"),
    [
        (
            {"filters": 5},
            [
                r"other shape: layers/conv2d/vars/0 \(3, 3, 1, 4\), the model has \(3, 3, 1, 5\)",
                r"other shape: layers/batch_normalization/vars/3 \(4,\), the model has \(5,\)",
            ],
        ),
        ({"layers": 2}, [r"missing: layers/conv2d_1/vars/0 \(3, 3, 4, 4\)"]),
    ],
)
def test_other_configuration(path, other, complaints):
    target = build(**other)
    before = target.get_weights()
    with pytest.raises(WeightsError, match=r"does not fit the model 'small'") as error:
        load_weights(target, path)
    for complaint in complaints:
        assert error.match(complaint)
    for one, two in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_extra_layer_in_the_file(model, path):
    build(layers=2).save_weights(path)
    with pytest.raises(WeightsError, match=r"unexpected: layers/conv2d_1/vars/1 \(4,\)"):
        check_fits(path, model)


def test_same_shapes_under_another_name(model, path, edit):
    edit(lambda file: file.move("layers/conv2d", "layers/conv2d_transpose"))
    with pytest.raises(WeightsError) as error:
        check_fits(path, model)
    assert error.match("missing: layers/conv2d/vars/0")
    assert error.match("unexpected: layers/conv2d_transpose/vars/0")


def test_long_lists_are_cut(model, path, edit):
    edit(lambda file: [file.create_dataset(f"extra/{i}", data=0.0) for i in range(30)])
    with pytest.raises(WeightsError, match="and 10 more"):
        check_fits(path, model)


def test_declared_size_is_not_allocated(model, path, edit):
    """A dataset may declare petabytes and store nothing."""

    def inflate(file):
        del file[INNER]
        file.create_dataset(INNER, (1 << 50,), "float32", chunks=(1024,))

    edit(inflate)
    with pytest.raises(WeightsError, match=rf"other shape: {INNER} \({1 << 50},\)"):
        load_weights(model, path)


def test_model_that_is_not_built(path):
    with pytest.raises(WeightsError, match="has no weights yet"):
        load_weights(keras.Sequential([keras.layers.Dense(1)]), path)


def test_failure_while_reading_takes_everything_back(path, edit):
    """A damaged chunk passes every look at names and shapes; only reading finds it."""

    def compress(file):
        values = file[INNER][()]
        del file[INNER]
        file.create_dataset(INNER, data=values, compression="gzip", fletcher32=True)
        return file[INNER].id.get_chunk_info(0)

    with h5py.File(path, "r+") as file:
        chunk = compress(file)
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"?" * chunk.size)
    check_file(path)
    target, untouched = build(seed=1), build(seed=1)
    check_fits(path, target)
    with pytest.raises(WeightsError, match="cannot be loaded into 'small'"):
        load_weights(target, path)
    assert_equal(target, untouched)
