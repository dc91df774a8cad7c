"""The loss's gradient for the logits: where the way back begins."""

from __future__ import annotations

from lazytrain.engine.compute.fused.stages import text
from lazytrain.presets.schema import Hyperparameters


def loss_gradient(values: Hyperparameters, num_classes: int) -> str:
    """`d` becomes the gradient of the batch's mean loss for the logits `y`; the two have `count` rows."""
    if values.loss == "mse":
        return text(
            """
            def loss_gradient(y: f32[:, «classes»], targets: i64[:], d: f32[:, «classes»], count: i64):
                share = f32(«twice») / f32(count)
                for n in range(count):
                    for j in range(«classes»):
                        d[n, j] = y[n, j] * share
                    d[n, targets[n]] -= share
            """,
            classes=num_classes,
            twice=repr(2 / num_classes),
        )
    smoothing = values.label_smoothing
    return text(
        """
        def loss_gradient(y: f32[:, «classes»], targets: i64[:], d: f32[:, «classes»], count: i64):
            share = f32(1) / f32(count)
            for n in range(count):
                m = y[n, 0]
                for j in range(1, «classes»):
                    m = max(m, y[n, j])
                s = f32(0)
                for j in range(«classes»):
                    d[n, j] = math.exp(y[n, j] - m)
                    s += d[n, j]
                for j in range(«classes»):
                    d[n, j] = (d[n, j] / s - f32(«others»)) * share
                d[n, targets[n]] -= f32(«right») * share
        """,
        classes=num_classes,
        others=repr(smoothing / num_classes),
        right=repr(1 - smoothing),
    )
