"""The runner on real digits: trains the queue, obeys, resumes, fails alone, and gives the device to one at a time."""

from __future__ import annotations

import os
import threading

import pytest

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import describe_dataset
from lazytrain.engine.places import cache_folder
from lazytrain.engine.queue.answers import Answers
from lazytrain.engine.queue.estimate import check_configuration, checked_layers, estimate
from lazytrain.engine.queue.lookout import Lookout
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.records import State
from lazytrain.engine.store.journal import Journal
from lazytrain.presets import Architecture, Hyperparameters, PresetError
from tests.helpers.bench import CATALOGUE, DEADLINE, TINY, Bench, wait_for


def test_trains_the_queue_in_order(bench: Bench) -> None:
    first, second = bench.queue(), bench.queue("coolnet-v10", epochs=1)
    bench.train()
    runs = [bench.store.run(run.id) for run in (first, second)]
    assert [run.state for run in runs] == [State.FINISHED, State.FINISHED]
    assert [run.outcome for run in runs] == ["all epochs done"] * 2
    assert (runs[0].ended or 0) <= (runs[1].started or 0)
    run = runs[0]
    assert (run.epoch, run.step, run.num_steps) == (2, run.num_steps, run.num_steps)
    assert (run.device, run.path, run.threads) == ("cpu", "derived", 1)
    assert run.weights_sha256 is not None
    assert run.num_points == len(bench.result(run).points) > 0
    assert (run.test_accuracy or 0) > 0.7


def test_a_bad_run_never_takes_the_queue_with_it(bench: Bench) -> None:
    diverging = bench.queue("coolnet-v10", learning_rate=10.0)
    missing = bench.queue(dataset="folder:nowhere")
    broken = bench.queue(Architecture(title="mine", module="no_such_module:Net"))
    impossible = bench.queue(Architecture.model_validate({"title": "v9", "layers": [{"maxpool": 40}]}))
    elsewhere = bench.store.configuration(impossible.id).model_copy(
        update={"architecture": CATALOGUE.architecture("lazynet"), "device": "cuda:9"}
    )
    absent = bench.store.add_run(elsewhere)
    good = bench.queue()
    # As in a process of its own, which a run of a user's net gets elsewhere.
    assert bench.runner(until_empty=True, in_job=True).join(DEADLINE)
    assert bench.state(good) is State.FINISHED
    failed = [bench.store.run(run.id) for run in (diverging, missing, broken, impossible, absent)]
    assert [run.state for run in failed] == [State.FAILED] * 5
    reasons = [run.error or "" for run in failed]
    assert "loss became NaN at step" in reasons[0]
    assert "nowhere" in reasons[1]
    assert "no_such_module" in reasons[2]
    assert "layer 1 (maxpool 40): input 3×32×32" in reasons[3]
    assert "device 'cuda:9' is not here; there is: cpu" in reasons[4]


def test_a_job_takes_up_no_run_but_its_own(bench: Bench) -> None:
    """Its supervisor knows what signal ended the other, and tells of a failure."""
    dead, own = bench.queue(), bench.queue()
    with Journal(bench.home) as journal:
        assert journal.claim(dead.id)  # by nobody who lives
    assert bench.runner(only=own.id, in_job=True).join(DEADLINE)
    assert bench.state(own) is State.FINISHED
    assert bench.state(dead) is State.STARTING
    bench.train()
    assert bench.state(dead) is State.FINISHED


def test_pause_holds_and_resume_goes_on_with_the_same_curve(bench: Bench) -> None:
    undisturbed, paused = bench.queue(TINY, epochs=3), bench.queue(TINY, epochs=3)
    runner = bench.runner()
    bench.reaches(undisturbed, State.FINISHED)
    for steps in (20, 200, 500):
        wait_for(lambda steps=steps: bench.step(paused) >= steps, f"step {steps}")
        bench.store.pause(paused.id)
        runner.nudge()
        bench.reaches(paused, State.PAUSED)
        assert bench.store.run(paused.id).pending is None
        # Time enough for dozens of steps, if it trained on; at first for the step to be told with its checkpoint.
        threading.Event().wait(0.05)
        before = bench.step(paused)
        threading.Event().wait(0.05)
        assert bench.step(paused) == before
        bench.store.resume(paused.id)
        runner.nudge()
    bench.reaches(paused, State.FINISHED)
    assert bench.result(paused) == bench.result(undisturbed)


def test_stop_keeps_and_resume_ends_with_the_same_bits(bench: Bench) -> None:
    undisturbed, stopped = bench.queue(TINY, epochs=3), bench.queue(TINY, epochs=3)
    runner = bench.runner()
    wait_for(lambda: bench.step(stopped) >= 450, "step 450")
    bench.store.stop(stopped.id)
    runner.nudge()
    bench.reaches(stopped, State.STOPPED)
    kept = bench.store.run(stopped.id)
    assert 450 <= kept.step < (kept.num_steps or 0)
    assert kept.weights_sha256 is not None
    bench.store.resume(stopped.id)
    bench.reaches(stopped, State.FINISHED)
    assert f"resumed at step {kept.step:,}" in bench.texts(stopped)
    assert bench.result(stopped) == bench.result(undisturbed)


def test_leaving_keeps_the_run_and_the_rest_of_the_queue(bench: Bench) -> None:
    run, waiting = bench.queue(TINY, epochs=1000), bench.queue()
    runner = bench.runner()
    wait_for(lambda: bench.step(run) > 0, "the first step")
    runner.stop()
    assert runner.join(DEADLINE)
    assert runner.status.phase == "ended"
    assert bench.state(run) is State.STOPPED
    assert bench.state(waiting) is State.QUEUED
    assert bench.store.runners() == []


def test_discard_leaves_nothing(bench: Bench) -> None:
    run = bench.queue(TINY, epochs=1000)
    runner = bench.runner()
    wait_for(lambda: bench.step(run) > 0, "the first step")
    bench.store.discard(run.id)
    runner.nudge()
    wait_for(lambda: bench.store.runs() == [], "the run to be gone")
    wait_for(lambda: not bench.store.run_folder(run.id).exists(), "its files to be gone")


def test_one_runner_a_device_and_the_next_takes_over(bench: Bench) -> None:
    first_run = bench.queue(TINY, epochs=1000)
    first = bench.runner(command="first")
    wait_for(lambda: bench.step(first_run) > 0, "the first step")
    second = bench.runner()
    wait_for(lambda: second.status.phase == "waiting", "the second runner to wait")
    assert f"waits for cpu: held by first (process {os.getpid()})" == second.status.text
    assert [runner.command for runner in bench.store.runners()] == ["first"]
    second_run = bench.queue()
    bench.store.stop(first_run.id)
    bench.reaches(second_run, State.FINISHED)  # trained by the first, while the second waits
    first.stop()
    assert first.join(DEADLINE)
    third_run = bench.queue()
    bench.reaches(third_run, State.FINISHED)
    wait_for(lambda: second.status.phase == "idle", "the second to hold the device, idle")


def test_only_trains_its_run_and_share_does_not_wait(bench: Bench) -> None:
    long, mine, other = bench.queue(TINY, epochs=1000), bench.queue(), bench.queue()
    bench.runner()
    wait_for(lambda: bench.step(long) > 0, "the first step")
    sharing = bench.runner(only=mine.id, share=True)
    assert sharing.join(DEADLINE)
    assert bench.state(mine) is State.FINISHED
    assert bench.state(long) is State.RUNNING
    assert bench.state(other) is State.QUEUED


def test_absent_device_is_refused_with_what_there_is(bench: Bench) -> None:
    runner = Runner(bench.home, bench.home, device="cuda:7")
    runner.start()
    assert runner.join(DEADLINE)
    assert runner.status.error is not None
    assert "cuda:7" in runner.status.error
    assert "cpu" in runner.status.error


def test_time_is_measured_before_the_start_and_beside_a_training(bench: Bench) -> None:
    values = Hyperparameters(dataset="digits", epochs=10)
    facts = describe_dataset("digits", bench.home, cache_folder(bench.home))
    configuration = RunConfiguration(
        architecture_name="lazynet", architecture=CATALOGUE.architecture("lazynet"), hyperparameters=values
    )
    assert estimate(bench.store, configuration, facts).pending
    bench.runner()
    wait_for(lambda: not estimate(bench.store, configuration, facts).pending, "the measurement")
    idle = estimate(bench.store, configuration, facts)
    assert idle.error is None
    assert (idle.device, (idle.images_per_second or 0) > 0) == ("cpu", True)
    twice = configuration.model_copy(update={"hyperparameters": values.model_copy(update={"epochs": 20})})
    assert estimate(bench.store, twice, facts).seconds == pytest.approx(2 * (idle.seconds or 0))

    undisturbed, disturbed = bench.queue(TINY, epochs=2), bench.queue(TINY, epochs=2)
    wait_for(lambda: bench.step(disturbed) > 0, "the second run")
    other = configuration.model_copy(update={"hyperparameters": values.model_copy(update={"batch_size": 32})})
    wait_for(lambda: not estimate(bench.store, other, facts).pending, "the second measurement")
    bench.reaches(disturbed, State.FINISHED)
    assert bench.result(disturbed) == bench.result(undisturbed)


def test_nets_that_only_torch_can_size_are_checked_by_the_runner(bench: Bench) -> None:
    facts = describe_dataset("digits", bench.home, cache_folder(bench.home))
    resnet = CATALOGUE.architecture("resnet18")
    assert checked_layers(bench.store, resnet, facts).pending
    bench.runner()
    wait_for(lambda: not checked_layers(bench.store, resnet, facts).pending, "the check")
    assert checked_layers(bench.store, resnet, facts).total == 11_181_642
    missing = Architecture(title="x", torchvision="resnet19")
    wait_for(lambda: not checked_layers(bench.store, missing, facts).pending, "the other check")
    assert "no such classifier" in (checked_layers(bench.store, missing, facts).error or "")


def test_layer_lists_are_checked_at_once(bench: Bench) -> None:
    facts = describe_dataset("digits", bench.home, cache_folder(bench.home))
    table = checked_layers(bench.store, CATALOGUE.architecture("coolnet-v10"), facts)
    assert (table.total, table.rows[0].output, table.rows[-1].name) == (62_006, "6×28×28", "classifier")
    impossible = Architecture.model_validate({"title": "v9", "layers": [{"maxpool": 40}]})
    sentence = "mine.toml: layer 1 (maxpool 40): input 3×32×32: its window 40×40 is larger than the 32×32 map it sees"
    assert checked_layers(bench.store, impossible, facts, "mine.toml").error == sentence
    with pytest.raises(PresetError) as refused:
        check_configuration(RunConfiguration(architecture_name="v9", architecture=impossible), facts, "mine.toml")
    assert str(refused.value) == sentence


def test_a_nudged_worker_needs_nobody_to_tell_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lookout, "start", lambda _: None)
    run = bench.queue(epochs=5000)
    runner = bench.runner()
    bench.reaches(run, State.RUNNING)
    bench.store.pause(run.id)
    runner.nudge()
    bench.reaches(run, State.PAUSED)
    step = bench.step(run)
    bench.store.resume(run.id)
    runner.nudge()
    wait_for(lambda: bench.step(run) > step, "more steps")
    bench.store.stop(run.id)
    runner.nudge()
    bench.reaches(run, State.STOPPED)


def test_a_pause_does_not_wait_for_a_question_that_takes_long(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    answering, answered = threading.Event(), threading.Event()

    def answer(*_: object) -> None:
        answering.set()
        assert answered.wait(30)

    monkeypatch.setattr(Answers, "give", answer)
    run = bench.queue(epochs=5000)
    runner = bench.runner()
    bench.reaches(run, State.RUNNING)
    bench.store.ask("a question", {})
    bench.store.pause(run.id)
    runner.nudge()
    try:
        bench.reaches(run, State.PAUSED)
        assert answering.wait(30), "it is answered while the run is paused"
    finally:
        answered.set()
