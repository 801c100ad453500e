"""The build of a wheel: it carries front-end files, the documentation and the bill of materials."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # an isolated build does not have the project on its path

from cabinet_htmx import vendor  # noqa: E402
from supply_chain.locks import runtime_packages  # noqa: E402

PAGES = Path("cabinet_htmx", "docs", "pages")


def build_assets() -> None:
    """Install and copy the front-end files, unless the source distribution brought them."""
    if not vendor.is_built():
        vendor.build()


class BuildPy(build_py):
    """Copies the documentation, the schemas of feeds and the front-end files into the wheel."""

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
        shutil.copytree(ROOT / "docs" / "schemas", pages / "schemas", dirs_exist_ok=True)


class BdistWheel(bdist_wheel):
    """Puts the bill of materials of the locked runtime packages into the wheel's metadata."""

    is_building = False

    def run(self) -> None:
        """Build; an editable installation uses parts of this command, but does not run it."""
        self.is_building = True
        super().run()

    def write_wheelfile(self, wheelfile_base: str, *args: str) -> None:
        """Write WHEEL and, beside it, the file that PEP 770 describes."""
        super().write_wheelfile(wheelfile_base, *args)
        if not self.is_building:
            return
        from supply_chain import sbom  # noqa: PLC0415  an editable installation lacks its library

        directory = Path(wheelfile_base) / "sboms"
        directory.mkdir()
        document = sbom.sbom(
            runtime_packages(ROOT), name="swapgate", version=self.distribution.get_version()
        )
        (directory / sbom.FILE_NAME).write_text(document)


class Sdist(sdist):
    """Puts the front-end files into the source distribution, so that a wheel of it needs no npm."""

    def run(self) -> None:
        """Build."""
        build_assets()
        super().run()


setup(cmdclass={"bdist_wheel": BdistWheel, "build_py": BuildPy, "sdist": Sdist})
