"""As trackio's quick start has it; the test changes the import."""

import math
import random

import trackio as wandb

for trial in range(2):
    run = wandb.init(
        project="trackio-demo",
        name=f"trial-{trial}",
        config={"learning_rate": 10 ** random.uniform(-5, -1), "batch_size": 128, "epochs": 5},
        group="quick",
        resume="never",
    )
    offset = random.random() / 5
    for epoch in range(5):
        train_loss = 2**-epoch + random.random() / (epoch + 1) + offset
        wandb.log({"epoch": epoch, "train/loss": train_loss, "train/accuracy": 1 - train_loss / 3})
        wandb.log({"val/loss": train_loss * 1.1, "val/perplexity": math.exp(train_loss)}, step=epoch)
    wandb.log({"samples": wandb.Markdown("no figure")})
    wandb.alert(title="done", text=f"trial {trial} has ended", level=wandb.AlertLevel.INFO)
    wandb.finish()
