"""Errors that screens and commands word, without torch."""


class DeviceError(RuntimeError):
    """The device asked for is not there; the message names those that are."""
