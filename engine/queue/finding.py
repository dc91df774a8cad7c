"""How fast a net trains here, whether its layers fit: found out here, or in a process of its own, this module's `main`.

A user's own net takes the process: what it prints reaches no screen, what it sets in torch no training, and one that
hangs or dies takes nobody with it. The process ends with the one that started it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lazytrain.engine.child_process import begin_helper, describe_end, host_own_code, python_command
from lazytrain.engine.errors import describe, first_line

MOST_SECONDS = 120.0
"""How long a net may take to be looked at."""

Question = Mapping[str, Any]


def find_out(question: Question, device: str, folder: Path) -> dict[str, Any]:
    """The answer, found out in this process, which is one of its own for a user's net out of `folder`."""
    shape, classes = tuple(question["input_shape"]), question["num_classes"]
    match question["kind"]:
        case "measure":
            from lazytrain.engine.configuration import RunConfiguration
            from lazytrain.engine.training.measure import measure  # imports torch

            configuration = RunConfiguration.model_validate(question["configuration"])
            return measure(
                configuration,
                shape,
                classes,
                device,
                num_images=question.get("num_images", 0),
                module_folder=folder,
            )
        case "check":
            from lazytrain.presets.schema import Architecture

            architecture = Architecture.model_validate(question["architecture"])
            if is_foreign(question):
                from lazytrain.engine.compute.trial import try_somewhere  # imports torch

                return {"rows": try_somewhere(architecture, shape, classes, folder)}
            from lazytrain.engine.compute.checking import check_net

            return {"rows": check_net(architecture, shape, classes, folder)}
        case kind:
            raise ValueError(f"unknown question {kind!r}")


def is_foreign(question: Question) -> bool:
    """Whether a user's own code has to run for the answer."""
    architecture = question.get("architecture") or question.get("configuration", {}).get("architecture", {})
    return architecture.get("module") is not None


class Finding:
    """A question under way in a process of its own.

    Args:
        ended: called when there is an answer, in another thread.
    """

    def __init__(
        self, key: str, question: Question, device: str, folder: Path, ended: Callable[[], object] = lambda: None
    ) -> None:
        self.key = key
        self.result: dict[str, Any] | None = None
        self.error: str | None = None
        self._ended = ended
        self._process = subprocess.Popen(
            python_command("lazytrain.engine.queue.finding", device, str(folder), json.dumps(question)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._late = False
        self._listener = threading.Thread(target=self._listen, name="lazytrain-finding", daemon=True)
        self._listener.start()

    @property
    def done(self) -> bool:
        """Whether there is a result or an error."""
        return not self._listener.is_alive()

    def wait(self) -> None:
        """Wait until there is."""
        self._listener.join()

    def stop(self) -> None:
        """Leave it, at once."""
        self._ended = lambda: None
        self._process.kill()

    def _give_up(self) -> None:
        self._late = True
        self._process.kill()

    def _listen(self) -> None:
        timer = threading.Timer(MOST_SECONDS, self._give_up)
        timer.daemon = True
        timer.start()
        with self._process as process:
            if process.stdout is None:
                raise RuntimeError("the process was started without a pipe to read from")
            answer = process.stdout.readline()
        timer.cancel()
        if answer:
            said = json.loads(answer)
            self.result, self.error = said.get("result"), said.get("error")
        elif self._late:
            self.error = f"the net took over {MOST_SECONDS:.0f} s"
        else:
            self.error = f"the net ended the process that looked at it ({describe_end(process.returncode)})"
        self._ended()


# ── in the process of its own ──────────────────────────────────────────────────────────────────────────────


def main(arguments: Sequence[str] | None = None) -> int:
    """Find an answer out, and write it, a line of JSON, on standard output."""
    parser = argparse.ArgumentParser(prog="python -m lazytrain.engine.queue.finding", description=__doc__)
    parser.add_argument("device")
    parser.add_argument("folder", type=Path)
    parser.add_argument("question", type=json.loads)
    options = parser.parse_args(arguments)
    answers = begin_helper()
    host_own_code()
    try:
        answer: dict[str, Any] = {"result": find_out(options.question, options.device, options.folder)}
    except BaseException as error:  # noqa: BLE001  a user's net may raise anything, SystemExit too; the asker is told
        answer = {"error": first_line(error) if isinstance(error, Exception) else describe(error)}
    answers.write(json.dumps(answer) + "\n")
    answers.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
