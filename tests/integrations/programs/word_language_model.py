"""PyTorch's word language model example in small, on a generated text; the lines with `run` are lazytrain's."""

import argparse
import math
import random

import torch
from torch import nn

import lazytrain

parser = argparse.ArgumentParser(description="PyTorch Wikitext-2 RNN/GRU/LSTM Language Model")
parser.add_argument("--model", default="LSTM", choices=["RNN_TANH", "LSTM", "GRU"])
parser.add_argument("--emsize", type=int, default=16)
parser.add_argument("--nhid", type=int, default=16)
parser.add_argument("--lr", type=float, default=20)
parser.add_argument("--clip", type=float, default=0.25)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--batch_size", type=int, default=20)
parser.add_argument("--bptt", type=int, default=10)
parser.add_argument("--log-interval", type=int, default=5)
args = parser.parse_args()
run = lazytrain.init(project="words", config=args)

torch.manual_seed(1111)
generator = random.Random(0)
sentences = [f"the {a} {b} the {c} ." for a in ("cat", "dog") for b in ("sees", "hears") for c in ("bird", "fish")]
words = " ".join(generator.choice(sentences) for _ in range(1000)).split()
known = {word: number for number, word in enumerate(sorted(set(words)))}
ids = torch.tensor([known[word] for word in words])


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    return data.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous()


train_data, val_data = batchify(ids[:5000], args.batch_size), batchify(ids[5000:], 10)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid):
        super().__init__()
        self.encoder = nn.Embedding(ntoken, ninp)
        kind = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN_TANH": nn.RNN}[args.model]
        self.rnn = kind(ninp, nhid)
        self.decoder = nn.Linear(nhid, ntoken)

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.encoder(input), hidden)
        return self.decoder(output).flatten(0, 1), hidden


def detached(hidden):
    return tuple(each.detach() for each in hidden) if isinstance(hidden, tuple) else hidden.detach()


def get_batch(source, i):
    seq_len = min(args.bptt, len(source) - 1 - i)
    return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)


def evaluate(data_source):
    model.eval()
    total_loss, hidden = 0.0, None
    with torch.no_grad():
        for i in range(0, data_source.size(0) - 1, args.bptt):
            data, targets = get_batch(data_source, i)
            output, hidden = model(data, hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(data_source) - 1)


def train():
    model.train()
    total_loss, hidden = 0.0, None
    for batch, i in enumerate(run.steps(range(0, train_data.size(0) - 1, args.bptt))):
        data, targets = get_batch(train_data, i)
        model.zero_grad()
        hidden = detached(hidden) if hidden is not None else None
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total_loss += loss.item()
        if batch % args.log_interval == 0 and batch > 0:
            run.log({"train/loss": total_loss / args.log_interval, "lr": lr})
            total_loss = 0.0


model, criterion, lr, best = RNNModel(len(known), args.emsize, args.nhid), nn.CrossEntropyLoss(), args.lr, None
for epoch in range(1, args.epochs + 1):
    train()
    if run.should_stop:
        break
    val_loss = evaluate(val_data)
    print(f"| end of epoch {epoch:3d} | valid loss {val_loss:5.2f} | valid ppl {math.exp(val_loss):8.2f}")
    run.log({"val/loss": val_loss, "val/ppl": math.exp(val_loss)})
    if best is None or val_loss < best:
        best = val_loss
    else:
        lr /= 4.0
