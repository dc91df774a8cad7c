"""A LightningModule on random points, with lazytrain's logger and its callback."""

import sys

import torch

try:
    import lightning.pytorch as lightning
except ModuleNotFoundError:
    import pytorch_lightning as lightning
from torch.utils.data import DataLoader, TensorDataset

from lazytrain.integrations.lightning import LazytrainLogger, LazytrainSteering


class Net(lightning.LightningModule):
    def __init__(self, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 2)

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        self.log("val_loss", torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), self.hparams["lr"])


points = torch.randn(64, 4)
loader = DataLoader(TensorDataset(points, (points.sum(1) > 0).long()), 8)
trainer = lightning.Trainer(
    max_epochs=100_000,
    accelerator="cpu",
    logger=LazytrainLogger("points", "linear", tags=["tiny"]),
    callbacks=[LazytrainSteering()],
    log_every_n_steps=2,
    enable_progress_bar=False,
    enable_model_summary=False,
    default_root_dir=sys.argv[1],
)
trainer.fit(Net(lr=0.1), loader, loader)
print("saved as", trainer.checkpoint_callback.best_model_path)  # type: ignore[union-attr]
