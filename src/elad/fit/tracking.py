"""Where the figures of a training are told while it goes on: TensorBoard, Weights & Biases, Trackio."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elad.errors import InputError
from elad.fit.settings import Service

if TYPE_CHECKING:
    from elad.fit.fit import Log


def need(service: Service) -> None:
    """Raises InputError where the library of a service is not installed."""
    if service == "none":
        return
    try:
        from accelerate.tracking import get_available_trackers
    except ImportError as error:
        raise InputError(f"train.report_to: {service} needs accelerate: pip install accelerate {service}") from error
    if service not in [kind.value for kind in get_available_trackers()]:
        raise InputError(f"train.report_to: {service} is not installed: pip install {service}")


@contextmanager
def told_to(service: Service, project: str, name: str, folder: Path) -> Iterator["Log"]:
    """Tell figures to a service, which keeps what it keeps on this machine under a folder."""
    if service == "none":
        yield lambda figures, step: None
        return
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    tracker: Any
    if service == "tensorboard":
        tracker = LOGGER_TYPE_TO_CLASS[service](name, folder)
    else:
        tracker = LOGGER_TYPE_TO_CLASS[service](project, name=name)
    tracker.start()
    try:
        yield lambda figures, step: tracker.log(figures, step=step)
    finally:
        tracker.finish()
