"""As scripts for W&B are written; the test changes the import."""

import math
import random

import numpy as np
import wandb

wandb.login()
project = "wandb-demo"
for trial in range(2):
    wandb.init(
        project=project,
        name=f"trial-{trial}",
        config={"learning_rate": 10 ** random.uniform(-5, -1), "batch_size": 128, "epochs": 5},
        group="quick",
        tags=["demo"],
        notes="from the quick start",
        entity="nobody",
        resume="never",
    )
    config = wandb.config
    wandb.define_metric("val/*", step_metric="epoch")
    offset = random.random() / 5
    for epoch in range(config.epochs):
        train_loss = 2**-epoch + random.random() / (epoch + 1) + offset
        wandb.log({"epoch": epoch, "train/loss": train_loss, "train/accuracy": 1 - train_loss / 3})
        wandb.log({"val/loss": train_loss * 1.1, "val/perplexity": math.exp(train_loss)}, step=epoch)
        if math.isnan(train_loss):
            wandb.alert(title="diverged", text="the loss is NaN", level="ERROR")
    wandb.log({"samples": wandb.Image(np.zeros((2, 2))), "table": wandb.Table(columns=["a"])}, commit=False)
    wandb.run.name = f"renamed-{trial}"
    wandb.summary["best"] = train_loss
    wandb.alert(title="done", text=f"trial {trial} has ended", level=wandb.AlertLevel.INFO)
    wandb.finish()
