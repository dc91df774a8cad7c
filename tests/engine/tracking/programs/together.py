"""Two processes that train one net with DistributedDataParallel, until somebody stops the run."""

import os
import sys

import torch
from torch.nn.parallel import DistributedDataParallel

import lazytrain

torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
torch.manual_seed(0)
net = DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), 0.01)
run = lazytrain.init(project="together")
run.save_at_stop(lambda: print("saved by", rank, flush=True))
how, done = sys.argv[1], 0
for _ in run.steps(range(10**9)) if how == "steps" else iter(int, 1):
    optimizer.zero_grad()
    net(torch.randn(8, 4)).square().mean().backward()
    optimizer.step()
    run.log({"loss": 1.0})
    done += 1
    if how == "asks" and run.should_stop:
        break
run.finish()
counts: list[int] = [0, 0]
torch.distributed.all_gather_object(counts, done)
assert counts[0] == counts[1], counts
print("left after", done, flush=True)
torch.distributed.destroy_process_group()
os._exit(0)
