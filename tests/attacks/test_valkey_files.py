"""A user of the same machine tries to read the data of the embedded Valkey from its files."""

import stat
from pathlib import Path

import valkey

from persistence.embedded.valkey import EmbeddedValkey


def modes(directory: Path) -> dict[str, str]:
    """Return the modes of a directory, and of the directories and regular files in it."""
    paths = [directory, *directory.rglob("*")]
    return {
        str(path.relative_to(directory)): stat.filemode(path.stat().st_mode)
        for path in paths
        if path.is_dir() or path.is_file()
    }


def open_to_others(directory: Path) -> dict[str, str]:
    return {
        name: mode
        for name, mode in modes(directory).items()
        if mode not in ("drwx------", "-rw-------")
    }


def test_no_other_user_reads_the_files_of_the_embedded_valkey(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    try:
        with valkey.Valkey.from_url(server.url) as client:
            client.set("session", "secret")
            client.save()
            client.bgrewriteaof()
        names = modes(tmp_path / "valkey")
        assert any(name.endswith(".aof") for name in names)
        assert any(name.endswith(".rdb") for name in names)
        assert open_to_others(tmp_path / "valkey") == {}
    finally:
        server.stop()


def test_files_that_others_could_read_are_made_private_at_the_next_start(tmp_path: Path) -> None:
    directory = tmp_path / "valkey"
    server = EmbeddedValkey(directory)
    server.start()
    server.stop()
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    server.start()
    try:
        assert open_to_others(directory) == {}
    finally:
        server.stop()
