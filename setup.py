"""The build of a wheel: it carries the front-end files and the documentation's pages."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # an isolated build does not have the project on its path

from cabinet_htmx import vendor  # noqa: E402

PAGES = Path("cabinet_htmx", "docs", "pages")


def build_assets() -> None:
    """Install and copy the front-end files, unless the source distribution brought them."""
    if not vendor.is_built():
        vendor.build()


class BuildPy(build_py):
    """Copies the documentation's pages and the front-end files into the wheel."""

    def run(self) -> None:
        """Build; an editable installation uses the files of the checkout."""
        if self.editable_mode:
            super().run()
            return
        build_assets()
        super().run()
        pages = Path(self.build_lib) / PAGES
        pages.mkdir(parents=True, exist_ok=True)
        for page in sorted((ROOT / "docs").iterdir()):
            if page.suffix in (".md", ".svg"):
                shutil.copyfile(page, pages / page.name)


class Sdist(sdist):
    """Puts the front-end files into the source distribution, so that a wheel of it needs no npm."""

    def run(self) -> None:
        """Build."""
        build_assets()
        super().run()


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
