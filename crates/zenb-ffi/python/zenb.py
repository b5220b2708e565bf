"""Breath guidance in Python, over the C ABI of the shared library.

>>> session = Session(opening)            # a dict, see docs/zenb/embed.md
>>> session.step({"input": "tick", "at": 1000})
{'taken': {'events': [], 'digest': '...'}}
"""

import ctypes
import json
import os


def _load(path):
    library = ctypes.CDLL(path)
    text, handle = ctypes.c_char_p, ctypes.c_void_p
    signatures = {
        "zenb_open": (handle, [text]),
        "zenb_close": (None, [handle]),
        "zenb_step": (handle, [handle, text]),
        "zenb_replay": (handle, [text]),
        "zenb_free": (None, [handle]),
    }
    for name in ("opened", "view", "pacer", "summary", "digest"):
        signatures[f"zenb_{name}"] = (handle, [handle])
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_LIBRARY = _load(os.environ.get("ZENB_LIBRARY", "libzenb_ffi.so"))


def _take(pointer):
    """The text behind a pointer that the library gave, which is freed."""
    if not pointer:
        raise ValueError("the library was given nothing")
    try:
        return ctypes.cast(pointer, ctypes.c_char_p).value.decode()
    finally:
        _LIBRARY.zenb_free(pointer)


def _answer(pointer):
    answer = json.loads(_take(pointer))
    if isinstance(answer, dict) and "error" in answer:
        raise ValueError(answer["error"])
    return answer


class Session:
    """One session. Close it, or use it in a with statement."""

    def __init__(self, opening):
        self._handle = _LIBRARY.zenb_open(json.dumps(opening).encode())
        if not self._handle:
            raise ValueError("the opening is not of its form")

    def close(self):
        handle, self._handle = self._handle, None
        _LIBRARY.zenb_close(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def step(self, value):
        return _answer(_LIBRARY.zenb_step(self._handle, json.dumps(value).encode()))

    def opened(self):
        return json.loads(_take(_LIBRARY.zenb_opened(self._handle)))

    def view(self):
        return json.loads(_take(_LIBRARY.zenb_view(self._handle)))

    def pacer(self):
        return json.loads(_take(_LIBRARY.zenb_pacer(self._handle)))

    def summary(self):
        return json.loads(_take(_LIBRARY.zenb_summary(self._handle)))

    def digest(self):
        return _take(_LIBRARY.zenb_digest(self._handle))


def replay(events):
    """Recomputes a session from the list of its events."""
    return _answer(_LIBRARY.zenb_replay(json.dumps(events).encode()))
