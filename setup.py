"""What setup.cfg cannot say: the compiled codec, which is made where there is a C compiler and left out where not.

What it is, and that all works without, is in ``deckinfra/builtin/engines/mysql/codec/__init__.py``.
"""

from __future__ import annotations

from typing import Final

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

_CODEC: Final = "deckinfra.builtin.engines.mysql.codec.compiled"


class _BuildIfPossible(build_ext):
    """Builds what it can. ``Extension.optional`` alone does not do for a compiler that is not there at all."""

    def build_extension(self, ext: Extension) -> None:
        """Build one extension, or say why not."""
        try:
            super().build_extension(ext)
        except Exception as error:  # of setuptools, of the compiler, of the system: whatever it is
            self.warn(f"{ext.name} is left out, and backups will be slower: {error}")


def _extensions() -> list[Extension]:
    """Give the extension; none where there is no Cython, as in an installation without build isolation."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    codec = Extension(_CODEC, [f"{_CODEC.replace('.', '/')}.py"], extra_compile_args=["-O3", "-g0"])
    found: list[Extension] = cythonize([codec], build_dir="build/cython", quiet=True)
    for extension in found:
        extension.optional = True  # whether the file is there is not looked at
    return found


setup(ext_modules=_extensions(), cmdclass={"build_ext": _BuildIfPossible})
