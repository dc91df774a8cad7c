"""What is known of a cluster, without one."""

from __future__ import annotations

import socket
import sys

import pytest

from lazytrain.engine.cluster.joining import ClusterError, explain, import_ray
from lazytrain.engine.cluster.nodes import Cluster, Node, Share, describe_nodes, name_nodes


def node(name: str, cpus: float, gpus: float = 0.0) -> Node:
    return Node(id=name, name=name, cpus=cpus, gpus=gpus)


@pytest.mark.parametrize(
    ("share", "there", "fits"),
    [
        (Share(), node("a", 8), 8),
        (Share(cpus=3), node("a", 8), 2),
        (Share(cpus=0.01), node("a", 2), 200),
        (Share(cpus=1, gpus=0.25), node("a", 32, 2), 8),
        (Share(cpus=1, gpus=0.4), node("a", 32, 2), 4),
        (Share(cpus=1, gpus=2), node("a", 32, 3), 1),
        (Share(cpus=0, gpus=1), node("a", 0, 3), 3),
        (Share(cpus=4, gpus=1), node("a", 8, 4), 2),
        (Share(gpus=1), node("a", 8), 0),
    ],
)
def test_as_many_runs_as_fit(share: Share, there: Node, fits: int) -> None:
    assert share.fits(there) == fits


def test_what_is_used_is_told() -> None:
    nodes = [node("a", 8, 4), node("b", 4), node("c", 0)]
    assert describe_nodes(nodes, (2.0, 2.0)) == "3 nodes · 10 of 12 CPUs · 2 of 4 GPUs"
    assert describe_nodes(nodes[1:2], (3.5, 0.0)) == "1 node · 0.5 of 4 CPUs"


def test_nodes_are_told_apart() -> None:
    def there(node_id: str, name: str, host: str) -> dict[str, str]:
        return {"NodeID": node_id, "NodeName": name, "NodeManagerAddress": "10.0.0.1", "NodeManagerHostname": host}

    names = name_nodes(
        [there("aaaa1", "10.0.0.1", "one"), there("bbbb2", "10.0.0.1", "one"), there("c", "mine", "two")]
    )
    assert names == {"aaaa1": "one-aaaa", "bbbb2": "one-bbbb", "c": "mine"}


def test_a_run_that_no_node_holds_is_refused() -> None:
    cluster = Cluster("auto", Share(cpus=16))
    with pytest.raises(
        ClusterError, match=r"a run is to get 16 CPUs, and the largest node \(b\) has 12 CPUs: give it less"
    ):
        cluster.check_room([node("a", 8), node("b", 12)])
    with pytest.raises(ClusterError, match="--gpus-per-run 1: the Ray cluster here has no GPU; --gpus-per-run 0"):
        Cluster("auto", Share(gpus=1)).check_room([node("a", 8)])
    cluster.check_room([node("a", 16)])


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r"Ray isn't installed in this Python: `pip install 'lazytrain\[ray\]'`"):
        import_ray()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ray://head:10001", "can't be streamed through Ray's client"),
        ("head", "write local, auto, or the head's address as HOST:PORT"),
        ("closed", r"nothing answers there \(.*\); `ray status` on the head"),
    ],
)
def test_what_is_no_cluster_is_told_at_once(address: str, told: str) -> None:
    pytest.importorskip("ray", reason="ray isn't installed: pip install 'lazytrain[ray]'")
    if address == "closed":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ClusterError, match=told):
        Cluster(address, Share()).join()


def test_another_python_is_told() -> None:
    pytest.importorskip("ray", reason="ray isn't installed: pip install 'lazytrain[ray]'")
    mismatch = RuntimeError(
        "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\n"
        "This process on node 10.0.0.2 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
    )
    text = explain("head:6379", mismatch)
    assert text.startswith("--ray head:6379: the cluster has another Ray or Python than this process")
    assert "Python: 3.12.1" in text
    assert text.endswith("use the same on all machines, to the last number")
    assert "`ray start --head` starts one" in explain(
        "auto", ConnectionError("Could not find any running Ray instance")
    )
