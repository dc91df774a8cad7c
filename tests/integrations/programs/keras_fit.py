"""A Keras model on random points, with lazytrain's callback."""

import keras
import numpy as np

from lazytrain.integrations.keras import LazytrainCallback

points = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
labels = (points.sum(1) > 0).astype("int32")
model = keras.Sequential([keras.layers.Dense(2, activation="softmax")])
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(
    points,
    labels,
    batch_size=8,
    epochs=100_000,
    validation_split=0.25,
    verbose=0,
    callbacks=[LazytrainCallback("points", "dense", every_batches=2)],
)
print("ended")
