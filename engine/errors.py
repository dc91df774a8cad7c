"""Errors that screens and commands word, without torch."""


class DeviceError(RuntimeError):
    """The device asked for is not there; the message names those that are."""


class DatasetError(RuntimeError):
    """A dataset can't be had; the message says what was looked for, where, and how to go on."""
