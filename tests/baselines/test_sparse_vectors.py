"""Scattered vectors: outliers, and the field between the others."""

import numpy as np

from keras_wx.baselines.optical_flow.sparse import agrees_with_neighbours, interpolate


def test_an_outlier_is_found_and_a_gradient_is_none():
    generator = np.random.default_rng(0)
    points = generator.uniform(0, 60, size=(50, 2))
    vectors = np.stack([1 + 0.02 * points[:, 1], np.zeros(50)], axis=1)
    vectors += generator.normal(0, 0.02, size=vectors.shape)
    vectors[[7, 30]] = [[1.5, 3.0], [-4.0, 0.0]]
    found = np.flatnonzero(~agrees_with_neighbours(points, vectors))
    np.testing.assert_array_equal(found, [7, 30])


def test_too_few_for_a_majority_are_all_kept():
    for count in (0, 1, 2):
        points = np.arange(2.0 * count).reshape(count, 2)
        assert agrees_with_neighbours(points, 100 * points).tolist() == [True] * count


def test_interpolation_is_the_formula():
    generator = np.random.default_rng(0)
    points, vectors = generator.uniform(0, 9, size=(5, 2)), generator.normal(size=(5, 2))
    field = interpolate(points, vectors, (7, 10), softening=1.5)
    for row, column in ((0, 0), (3, 8), (6, 9)):
        weights = [((column - px) ** 2 + (row - py) ** 2 + 1.5**2) ** -2 for px, py in points]
        np.testing.assert_allclose(
            field[:, row, column], np.average(vectors, axis=0, weights=weights)
        )


def test_a_large_grid_is_interpolated_from_nodes():
    """Nodes some points apart lose little, and keep their places."""
    points = np.array([[40.0, 60.0], [220.0, 150.0]])
    vectors = np.array([[1.0, 0.0], [0.0, -2.0]])
    field = interpolate(points, vectors, (200, 300), softening=30)
    y, x = np.indices((200, 300))
    weights = [((x - px) ** 2 + (y - py) ** 2 + 30**2) ** -2.0 for px, py in points]
    share = weights[0] / (weights[0] + weights[1])
    np.testing.assert_allclose(field, [share, -2 * (1 - share)], atol=0.03)


def test_one_vector_is_everywhere():
    field = interpolate(np.array([[3.0, 2.0]]), np.array([[0.7, -0.2]]), (5, 6))
    np.testing.assert_allclose(field, np.broadcast_to([[[0.7]], [[-0.2]]], (2, 5, 6)))
