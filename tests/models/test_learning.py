"""Losses, the optimiser, the loader and checkpoints, against values worked by hand and against laws."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from medcli.errors import DataError, UsageError
from medcli.models.checkpoint import TrainingState, copy_of_weights, pack, unpack
from medcli.models.loader import BatchLoader, ordered_batches, training_batches
from medcli.models.losses import choose_loss, class_weights, make_loss
from medcli.models.networks import create_network
from medcli.models.optimisation import make_optimiser, make_schedule
from medcli.models.training import is_better

NAN = float("nan")


def test_masked_bce_by_hand() -> None:
    logits = torch.tensor([[0.0, 3.0], [math.log(3), -5.0]], requires_grad=True)
    targets = torch.tensor([[1.0, NAN], [0.0, NAN]])
    loss = make_loss("bce", task_type="multilabel")(logits, targets)
    # sigmoid(log 3) is 3/4: the two known terms are log 2 and log 4.
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[:, 1].tolist() == [0, 0]


def test_weighted_cross_entropy_agrees_with_torch_and_leaves_out_the_unknown() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3, generator=generator)
    classes = torch.tensor([0, 1, 2, 2, 1])
    targets = torch.cat([functional.one_hot(classes, 3).float(), torch.full((1, 3), NAN)])
    weights = torch.tensor([0.5, 1.0, 4.0])
    for smoothing in (0.0, 0.2):
        ours = make_loss("cross-entropy", task_type="multiclass", label_smoothing=smoothing)(logits, targets)
        torch.testing.assert_close(
            ours, functional.cross_entropy(logits[:5], classes, label_smoothing=smoothing)
        )
    ours = make_loss("cross-entropy", task_type="ordinal", weights=weights)(logits, targets)
    torch.testing.assert_close(ours, functional.cross_entropy(logits[:5], classes, weight=weights))


def test_focal_by_hand_and_without_focus() -> None:
    logits = torch.tensor([[math.log(3), 0.0]])
    targets = torch.tensor([[1.0, 0.0]])
    focal = make_loss("focal", task_type="multiclass", gamma=2)(logits, targets)
    assert focal.item() == pytest.approx(0.25**2 * math.log(4 / 3), rel=1e-5)
    independent = make_loss("focal", task_type="multilabel", gamma=2)(logits, targets)
    expected = (0.25**2 * math.log(4 / 3) + 0.5**2 * math.log(2)) / 2
    assert independent.item() == pytest.approx(expected, rel=1e-5)
    for task_type, plain in [("multiclass", "cross-entropy"), ("multilabel", "bce")]:
        without = make_loss("focal", task_type=task_type, gamma=0)(logits, targets)
        torch.testing.assert_close(without, make_loss(plain, task_type=task_type)(logits, targets))


@pytest.mark.parametrize("task_type", ["multiclass", "multilabel"])
def test_a_batch_without_known_targets_gives_zero_and_a_gradient(task_type: str) -> None:
    logits = torch.ones(2, 3, requires_grad=True)
    loss = make_loss("focal", task_type=task_type)(logits, torch.full((2, 3), NAN))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_weights_of_classes_by_hand() -> None:
    exclusive = np.array([[1, 0, 0]] * 6 + [[0, 1, 0]] * 2 + [[NAN] * 3], dtype=np.float32)
    assert class_weights(exclusive, task_type="multiclass").tolist() == pytest.approx([8 / 12, 2, 1])
    independent = np.array([[1, 0], [0, 0], [0, NAN], [0, 0]], dtype=np.float32)
    assert class_weights(independent, task_type="multilabel").tolist() == [3, 1]


def test_losses_that_do_not_fit_the_task_are_refused() -> None:
    assert choose_loss("auto", task_type="binary") == "bce"
    assert choose_loss("auto", task_type="ordinal") == "cross-entropy"
    for name, task_type in [("bce", "multiclass"), ("cross-entropy", "multilabel")]:
        with pytest.raises(UsageError, match=f"loss {name} does not fit"):
            choose_loss(name, task_type=task_type)


def test_only_kernels_decay_and_the_backbone_has_its_own_rate() -> None:
    network = create_network("test_efficientnet", num_classes=2, channels=1, options={}, dropout=0)
    optimiser = make_optimiser(network, learning_rate=1.0, backbone_rate=0.1, weight_decay=0.5)
    found = {
        id(p): (group["lr_scale"], group["weight_decay"])
        for group in optimiser.param_groups
        for p in group["params"]
    }
    for name, parameter in network.named_parameters():
        scale = 1.0 if name.startswith("classifier") else 0.1
        assert found[id(parameter)] == (scale, 0.5 if parameter.ndim > 1 else 0.0), name
    frozen = make_optimiser(network, learning_rate=1.0, backbone_rate=0, weight_decay=0.5)
    assert sum(len(group["params"]) for group in frozen.param_groups) == 2
    assert [n for n, p in network.named_parameters() if p.requires_grad] == [
        "classifier.weight",
        "classifier.bias",
    ]


def test_rate_rises_then_falls_like_half_a_cosine() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([{"params": [parameter], "lr_scale": 0.5}], lr=1.0)
    schedule = make_schedule(optimiser, num_steps=20, warmup=0.2)
    rates = []
    for step in range(20):
        schedule.step_update(step)
        rates.append(optimiser.param_groups[0]["lr"] * 2)
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[12] == pytest.approx(0.5)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert 0 < rates[-1] < 0.02


def test_each_epoch_is_a_shuffle_in_even_batches() -> None:
    rows = np.arange(100, 117)
    epochs = [training_batches(rows, batch_size=8, seed=1, epoch=e) for e in (0, 1, 0)]
    assert [len(batch) for batch in epochs[0]] == [6, 6, 5]
    for batches in epochs:
        assert sorted(np.concatenate(batches)) == list(rows)
    assert [b.tolist() for b in epochs[0]] == [b.tolist() for b in epochs[2]]
    assert [b.tolist() for b in epochs[0]] != [b.tolist() for b in epochs[1]]
    assert [b.tolist() for b in ordered_batches(rows, batch_size=10)] == [
        list(range(100, 110)),
        list(range(110, 117)),
    ]


class FakeImages:
    """Images that are their own position; one of them kills who reads it."""

    records: ClassVar = [{"id": f"r{i}"} for i in range(20)]

    def __init__(self, deadly: int = -1) -> None:
        self.deadly = deadly

    def image(self, index: int) -> np.ndarray:
        if index == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.full((2, 2, 1), index, dtype=np.uint8)


@pytest.mark.parametrize(("count", "size"), [(2, 2), (3, 2), (33, 32), (7, 3), (40, 1)])
def test_no_batch_has_one_image(count: int, size: int) -> None:
    batches = training_batches(np.arange(count), batch_size=size, seed=0, epoch=1)
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert min(len(batch) for batch in batches) >= 2
    with pytest.raises(DataError, match="two are needed"):
        training_batches(np.arange(1), batch_size=size, seed=0, epoch=1)


def brighten(image: np.ndarray, epoch: int, record_id: str) -> np.ndarray:
    return image + np.uint8(100 * epoch + int(record_id[1:]) % 2)


def test_workers_give_what_one_process_gives_and_are_deaf_to_stop_signals() -> None:
    rows = [np.array([3, 1]), np.array([19]), np.array([4, 5])]
    alone = BatchLoader(FakeImages(), augmenter=brighten)
    crowd = BatchLoader(FakeImages(), augmenter=brighten, jobs=3)
    for epoch in (0, 1):
        expected = list(alone.batches(rows, epoch=epoch))
        assert expected[0][:, 0, 0, 0].tolist() == [4 + 100 * epoch, 2 + 100 * epoch]
        found = crowd.batches(rows, epoch=epoch)
        batches = [next(found)]
        for worker in crowd._loader._iterator._workers:  # type: ignore[union-attr]
            os.kill(worker.pid, signal.SIGTERM)
        batches += list(found)
        for ours, theirs in zip(batches, expected, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_a_program_that_fails_with_workers_alive_ends_at_once(tmp_path: Path) -> None:
    script = tmp_path / "fails.py"
    script.write_text(
        "import builtins\nimport numpy as np\nfrom medcli.models.loader import BatchLoader\n"
        "from tests.models.test_learning import FakeImages\n"
        "builtins.kept = BatchLoader(FakeImages(), jobs=2)\n"
        "builtins.batches = kept.batches([np.array([1]), np.array([2])])\n"
        "next(batches)\nraise ZeroDivisionError\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError"


def test_a_dead_worker_is_an_error_that_names_the_records() -> None:
    loader = BatchLoader(FakeImages(deadly=7), jobs=2)
    with pytest.raises(DataError, match=r"died or hung; records to come were .*r6, r7") as caught:
        list(loader.batches([np.array([1]), np.array([6, 7])]))
    assert caught.value.code == "worker/died"


def test_checkpoint_brings_back_weights_moments_and_state() -> None:
    def training() -> tuple[nn.Module, torch.optim.Optimizer]:
        network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)).to(memory_format=torch.channels_last)
        return network, torch.optim.AdamW(network.parameters(), lr=0.1)

    def steps(network: nn.Module, optimiser: torch.optim.Optimizer, *, seeds: range) -> None:
        for seed in seeds:
            images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
            optimiser.zero_grad()
            network(images).square().sum().backward()
            optimiser.step()

    torch.manual_seed(0)
    network, optimiser = training()
    steps(network, optimiser, seeds=range(3))
    state = TrainingState(epoch=2, step=1, loss_sum=0.1, log=[{"a": 1}], best={"b": None})
    state.best_tensors = copy_of_weights(network)
    tensors, header = pack(network, optimiser, state, identity={"x": 1})
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    steps(network, optimiser, seeds=range(3, 5))
    other, other_optimiser = training()
    again = unpack(tensors, header, network=other, optimiser=other_optimiser)
    assert (again.epoch, again.step, again.loss_sum, again.log) == (2, 1, 0.1, [{"a": 1}])
    torch.testing.assert_close(again.best_tensors, state.best_tensors, rtol=0, atol=0)
    steps(other, other_optimiser, seeds=range(3, 5))
    torch.testing.assert_close(dict(other.state_dict()), dict(network.state_dict()), rtol=0, atol=0)
    with pytest.raises(DataError, match="does not fit this network"):
        unpack(tensors, header, network=nn.Linear(2, 2), optimiser=other_optimiser)


def test_best_is_by_auc_then_by_loss_and_the_last_without_validation() -> None:
    def entry(auc: float | None, loss: float | None) -> dict:
        return {"val_auc": auc, "val_loss": loss}

    assert is_better(entry(0.8, 9), entry(0.7, 1))
    assert not is_better(entry(0.7, 1), entry(0.8, 9))
    assert is_better(entry(0.8, 1), entry(0.8, 2))
    assert not is_better(entry(0.8, 2), entry(0.8, 2))
    assert is_better(entry(None, 1), entry(None, 2))
    assert not is_better(entry(None, 2), entry(None, 1))
    assert is_better(entry(None, None), entry(None, None))
