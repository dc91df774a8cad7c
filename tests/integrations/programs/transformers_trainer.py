"""A BERT of two layers made from a configuration, on random words, with lazytrain's callback."""

import sys

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from lazytrain.integrations.transformers import LazytrainCallback

model = BertForSequenceClassification(
    BertConfig(vocab_size=32, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
)
examples = [
    {"input_ids": words, "attention_mask": torch.ones(6, dtype=torch.long), "labels": int(words.sum()) % 2}
    for words in torch.randint(0, 32, (32, 6))
]
trainer = Trainer(
    model,
    TrainingArguments(
        sys.argv[1],
        use_cpu=True,
        num_train_epochs=100_000,
        per_device_train_batch_size=8,
        logging_steps=2,
        eval_strategy="steps",
        eval_steps=8,
        save_strategy="epoch",
        save_total_limit=1,
        report_to=[],
        disable_tqdm=True,
        learning_rate=1e-3,
    ),
    train_dataset=examples,  # type: ignore[arg-type]
    eval_dataset=examples[:8],  # type: ignore[arg-type]
    callbacks=[LazytrainCallback("words", "bert")],
)
trainer.train()
print("saved at", trainer.state.global_step)
