"""What setup.cfg cannot say: the compiled codec, which is made where there is a C compiler and left out where not.

All else, and that it works without, is in ``deckinfra/builtin/engines/mysql/codec/__init__.py``.
"""

from __future__ import annotations

from typing import Final

from setuptools import Extension, setup

_CODEC: Final = "deckinfra.builtin.engines.mysql.codec.compiled"


def _extensions() -> list[Extension]:
    """Give the extension; none where there is no Cython, as in an installation without build isolation."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    source = f"{_CODEC.replace('.', '/')}.py"
    codec = Extension(_CODEC, [source], extra_compile_args=["-O3", "-g0"], optional=True)
    found: list[Extension] = cythonize([codec], build_dir="build/cython", quiet=True)
    return found


setup(ext_modules=_extensions())
