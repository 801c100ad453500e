"""deploy/Dockerfile: what a linter says, and that it agrees with the rest of the project."""

import re
import shlex
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.support.clients.snippets import ROOT
from tests.support.deploy import DEPLOY, compose, ours, parse, tool

TEXT = (DEPLOY / "Dockerfile").read_text()
MADE_BY_THE_OPERATOR = {"deploy/settings", "deploy/secrets"}
needs_hadolint = pytest.mark.skipif(
    not Path(tool("hadolint")).exists(), reason="needs the development requirements"
)


def hadolint(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("hadolint"), str(file)], capture_output=True, text=True, check=False
    )


@needs_hadolint
def test_hadolint_finds_nothing_wrong_with_the_image() -> None:
    done = hadolint(DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


@needs_hadolint
def test_hadolint_notices_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM python\nRUN pip install x\n")
    assert "DL3006" in hadolint(file).stdout


def test_every_package_of_the_image_is_checked_against_a_lock() -> None:
    installs = re.findall(r"pip .*?(?:install|wheel) .*", TEXT)
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index --no-deps" in one for one in installs)


def test_the_image_runs_as_a_user_of_its_own_and_starts_a_command_that_exists() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", TEXT, re.MULTILINE)
    assert f"--uid {user} " in TEXT
    assert {one["user"].partition(":")[0] for one in ours().values()} - {"0"} == set(
        re.findall(r"--uid (\d+) swapgate-", TEXT)
    )
    (default,) = re.findall(r"^CMD (.+)$", TEXT, re.MULTILINE)
    file, program, *arguments = msgspec.json.decode(default, type=list[str])
    assert (file, program, parse(arguments)) == ("gateway/serve.env", "swapgate", "serve")
    assert compose()["services"]["gateway"]["image"] == "swapgate"


def test_only_what_the_build_needs_is_sent_to_it() -> None:
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    for line in lines[1:]:
        if line.startswith("!"):
            assert (ROOT / line[1:]).exists(), line
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = [
        shlex.split(line) for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE)
    ]
    for words in copied:
        for source in (word for word in words[:-1] if not word.startswith("--") and word != "."):
            assert (ROOT / source).exists()
            assert {source, str(Path(source).parent)} & sent, source


def test_the_guide_names_files_that_exist() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    begin = text.index("\n## Deployment\n")
    section = text[begin : text.index("\n## ", begin + 1)]
    patterns = set(re.findall(r"\bdeploy/[\w./*-]*[\w/*]", section)) - MADE_BY_THE_OPERATOR
    assert len(patterns) > 8
    assert [one for one in sorted(patterns) if not list(ROOT.glob(one))] == []
