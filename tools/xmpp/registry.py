"""The list of checks. Each is a coroutine over a running server; it fails by an exception, and may return what it measured."""

CHECKS = {}


def check(*extensions):
    """Registers a check by its name, with the specifications it is about."""

    def keep(function):
        CHECKS[function.__name__] = (function, extensions)
        return function

    return keep


class NotOffered(Exception):
    """The server does not have the feature at all."""


def expect(held, what):
    """Fails with `what` unless `held`."""
    if not held:
        raise AssertionError(what)


def equal(found, wanted, what):
    """Fails unless both are equal."""
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, wanted {wanted!r}")
