"""A configuration read in a child process is the one that would be read here; so are its mistakes."""

import shutil
import sys
import wave
from pathlib import Path

import pytest

from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.storage import config_aside, numbers
from ppc_engine.storage.catalog_files import bytes_in, load_config
from ppc_engine.storage.config_aside import load_aside
from ppc_engine.storage.database import open_database
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.places import load_places
from ppc_engine.storage.prompt_files import UNKNOWN_MS, prompts_in
from ppc_engine.values.errors import ConfigError, OutsideError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests/data/config"


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "config")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "config"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_it_is_what_would_be_read_here_and_calls_run_between_the_pieces(config, monkeypatch):
    (config / "lists").mkdir()
    (config / "lists" / "la.txt").write_text("90001\n90004\n")
    change(
        config / "catalog/buyers/acme-roofing.yaml",
        "{zips: [90001, 90004, 90012, 90026, 90034, 90045, 90210, 90291, 91101, 91331]}",
        "{zips_file: lists/la.txt}",
    )
    change(config / "catalog/publishers/radio-west.yaml", 'amount: "45.00"', 'amount: "90.00"')
    monkeypatch.setattr(config_aside, "SLICE_S", 0)
    pauses: list[float] = []
    aside, here = load_aside(config, pause=pauses.append), load_config(config, places=load_places())
    assert (aside.catalog, aside.flows) == (here.catalog, here.flows)
    assert (aside.revision, aside.body, aside.warnings) == (here.revision, here.body, here.warnings)
    assert len(aside.warnings) == 1  # Radio West is paid more than some buyers pay.
    assert aside.catalog.targets["acme-la"][1].area.zips is aside.catalog.lists["lists/la.txt"]
    documents = len(list(config.rglob("*.yaml")))  # engine.yaml is no piece, the list is one.
    assert len(pauses) >= documents


def test_what_did_not_change_is_kept_as_it_is(config):
    (config / "lists").mkdir()
    (config / "lists" / "spam.txt").write_text("+13105550100\n")
    before = load_config(config, places=load_places())
    change(config / "catalog/publishers/radio-west.yaml", 'amount: "45.00"', 'amount: "46.00"')
    change(config / "flows/solar.yaml", "prompt: closed", "prompt: all_busy")
    after = load_aside(config, pieces=before.pieces)
    here = load_config(config, places=load_places())
    assert (after.catalog, after.flows, after.revision) == (here.catalog, here.flows, here.revision)
    kept = [name for name, (_, model) in after.pieces.items() if before.pieces[name][1] is model]
    assert sorted(set(after.pieces) - set(kept)) == ["flows/solar", "publishers/radio-west"]
    # What may name a list is made anew when any list changed.
    (config / "lists" / "spam.txt").write_text("+13105550101\n")
    again = load_aside(config, pieces=after.pieces)
    kept = [name for name, (_, model) in again.pieces.items() if after.pieces[name][1] is model]
    assert {name.split("/")[0] for name in kept} == {"flows"}
    assert again.catalog.lists == {"lists/spam.txt": {"+13105550101"}}


def test_every_mistake_is_told_as_it_would_be_here(config):
    change(config / "flows/solar.yaml", "start: answer", "start: anser")
    change(config / "catalog/buyers/acme-roofing.yaml", 'amount: "95.00"', 'amount: "95,00"')
    with pytest.raises(ConfigError) as aside:
        load_aside(config)
    with pytest.raises(ConfigError) as here:
        load_config(config, places=load_places())
    assert aside.value.issues == here.value.issues and len(here.value.issues) == 2


def test_a_target_that_is_our_own_number_and_a_prompt_that_is_missing(config, tmp_path):
    url = f"sqlite:///{tmp_path}/ppc.sqlite"
    database = open_database(url)
    upgrade(database)
    own = TrackingNumber(number="+12135550110", campaign="roofing", publisher="radio-west")
    numbers.assign(database, own, 1)
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    for name in ("welcome", "enter_zip", "bad_zip", "sorry_no_match", "closed", "all_busy"):
        (prompts / f"{name}.wav").touch()
    load_aside(config, prompts_dir=str(prompts))
    (prompts / "all_busy.wav").unlink()
    with pytest.raises(ConfigError) as refused:
        load_aside(config, database_url=url, prompts_dir=str(prompts))
    told = [issue.message for issue in refused.value.issues]
    assert told[0].startswith("+12135550110 is a tracking number of ours") and 'no prompt "all_busy"' in told[1]


def test_a_child_that_fails_is_one_clear_line(config, tmp_path, monkeypatch):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no memory >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(OutsideError, match="could not be read aside: no memory"):
        load_aside(config)


def test_no_child_at_all_is_one_clear_line(config, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(OutsideError, match="could not be read aside: No such file or directory"):
        load_aside(config)


def test_a_child_that_hangs_is_ended(config, tmp_path, monkeypatch):
    stuck = tmp_path / "python"
    stuck.write_text("#!/bin/sh\nexec sleep 600\n")
    stuck.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stuck))
    monkeypatch.setattr(config_aside, "LOAD_S_MAX", 0.2)
    with pytest.raises(OutsideError, match=r"not read within 0\.2 s"):
        load_aside(config)


def test_how_much_there_is_to_read(tmp_path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text("x" * 100)
    (tmp_path / "a.txt").write_text("x" * 10)
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "a.csv").write_text("x")
    assert bytes_in(tmp_path) == 110


def test_prompts_with_their_lengths(tmp_path):
    assert prompts_in(tmp_path / "gone") is None and prompts_in(tmp_path) is None
    with wave.open(str(tmp_path / "hello.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * 3))
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    assert prompts_in(tmp_path) == {"broken": UNKNOWN_MS, "hello": 3000}
    assert len(prompts_in(ROOT / "freeswitch/prompts") or {}) > 5
