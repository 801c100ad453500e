"""The key ring file is read live, and never loses a key."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.errors import InvalidCommand
from persistence.keyring import SecretUnreadable, key_name
from persistence.keyring_file import (
    LiveKeyRing,
    add_key,
    load_keyring,
    new_keyring,
    read_keys,
    remove_key,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RECORD = "partner:1:api_secret"
PURPOSE = b"a purpose"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    path.write_bytes(new_keyring())
    path.chmod(0o600)
    return path


def test_a_running_process_encrypts_with_the_newest_key(path: Path) -> None:
    ring = LiveKeyRing(path)

    name = add_key(path, NOW)
    assert key_name(ring.seal("secret", record=RECORD)) == name
    assert ring.current == name


def test_a_running_process_decrypts_what_one_with_a_newer_ring_has_encrypted(path: Path) -> None:
    ring = LiveKeyRing(path)

    add_key(path, NOW)
    assert ring.open(load_keyring(path).seal("secret", record=RECORD), record=RECORD) == "secret"


def test_what_was_encrypted_before_a_rotation_can_be_decrypted(path: Path) -> None:
    sealed = load_keyring(path).seal("secret", record=RECORD)

    add_key(path, NOW)
    assert load_keyring(path).open(sealed, record=RECORD) == "secret"


def test_derived_keys_follow_a_rotation(path: Path) -> None:
    derived = LiveKeyRing(path).derived(PURPOSE)
    before = derived.current_first()

    name = add_key(path, NOW)
    newer = load_keyring(path).derived(PURPOSE)
    assert derived[name] == newer[name]
    assert derived.current_first() == newer.current_first() == [newer[name], *before]


@pytest.mark.parametrize("content", [b"", b"{", b'{"current":"k1","keys":{"k1":"c2hvcnQ="}}'])
def test_a_damaged_file_does_not_take_keys_from_a_running_process(
    path: Path, content: bytes
) -> None:
    ring = LiveKeyRing(path)
    sealed = ring.seal("secret", record=RECORD)

    path.write_bytes(content)
    assert ring.open(ring.seal("other", record=RECORD), record=RECORD) == "other"
    path.unlink()
    assert ring.open(sealed, record=RECORD) == "secret"


def test_a_removed_key_decrypts_nothing_and_the_current_one_cannot_be_removed(path: Path) -> None:
    sealed = load_keyring(path).seal("secret", record=RECORD)
    name = add_key(path, NOW)

    remove_key(path, "k1")
    with pytest.raises(SecretUnreadable):
        load_keyring(path).open(sealed, record=RECORD)
    with pytest.raises(InvalidCommand, match="is the current key"):
        remove_key(path, name)


def test_the_file_says_when_a_key_was_added_and_superseded(path: Path) -> None:
    name = add_key(path, NOW)

    old, new = read_keys(path)
    assert (old.name, old.current, old.added_at, old.superseded_at) == ("k1", False, None, NOW)
    assert (new.name, new.current, new.added_at, new.superseded_at) == (name, True, NOW, None)


def test_keys_added_at_the_same_time_are_all_kept(path: Path) -> None:
    added: list[str] = []

    def add() -> None:
        added.extend(add_key(path, NOW) for _ in range(10))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(added)) == 80
    assert set(load_keyring(path).names) == {"k1", *added}


def test_the_file_keeps_its_mode_and_is_changed_through_a_link(path: Path) -> None:
    path.chmod(0o640)
    link = path.with_name("link.json")
    link.symlink_to(path)

    add_key(link, NOW)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(load_keyring(path).names) == 2


def test_a_process_killed_at_any_moment_leaves_every_key_in_the_file(path: Path) -> None:
    known = set(load_keyring(path).names)
    for _ in range(25):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            while True:
                os.write(writing, (add_key(path, NOW) + "\n").encode())
        os.close(writing)
        with os.fdopen(reading) as lines:
            known.add(lines.readline().strip())
            os.kill(child, 9)
            os.waitpid(child, 0)
            known.update(line.strip() for line in lines)
        assert known <= set(load_keyring(path).names)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o660])
def test_a_key_ring_that_others_can_read_or_a_group_can_change_is_not_used(
    path: Path, mode: int
) -> None:
    path.chmod(mode)
    for use in (LiveKeyRing, load_keyring, read_keys):
        with pytest.raises(ValueError, match="chmod 600"):
            use(path)
