"""Where a setting comes from, and that every bad one is told at once, at its place, without its secret."""

from pathlib import Path

import pytest

from ppc_engine.settings import SECRETS, Settings, load_settings, variable_of
from ppc_engine.values.errors import ConfigError

LONG = "0123456789abcdef" * 2


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("config")


def write(config: Path, text: str, mode: int = 0o644) -> None:
    (config / "engine.yaml").write_text(text)
    (config / "engine.yaml").chmod(mode)


def secret_file(name: str, content: str = LONG, mode: int = 0o600) -> str:
    Path(name).write_text(content)
    Path(name).chmod(mode)
    return name


def refusal(config: Path, environ=None, **options) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_settings(config, environ or {}, **options)
    return [str(issue) for issue in refused.value.issues]


def test_defaults_need_no_file(config):
    settings = load_settings(config, {})
    assert (settings.database_url, settings.journal_dir) == ("sqlite:///var/ppc.sqlite", Path("var/journal"))
    assert (settings.switch_host, settings.switch_port) == ("127.0.0.1", 8021)


# One value a field that differs from its default; a new field without one fails here.
OTHER = {
    "database_url": "sqlite:///other.sqlite", "journal_dir": "other", "switch_host": "10.0.0.5", "switch_port": "8022",
    "switch_password": LONG, "switch_profile": "carriers", "prompts_dir": "/prompts", "secret": LONG,
    "http_host": "::1", "http_port": "9000", "log_level": "debug", "log_format": "console", "claim_s": "30",
    "claim_renew_s": "5", "realtime": "false",
    "recordings_dir": "/srv/recordings", "switch_voice": "flite:slt",
    "lookup_hosts": "api.example.com, enrich.example.com:8443",
    "test_callers": "+13105550198, +13105550199",
}  # fmt: skip


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_environment_overrides_every_field(config, name):
    write(config, "".join(f"{key}: {value}\n" for key, value in OTHER.items() if key not in (name, *SECRETS)))
    settings = load_settings(config, {variable_of(name): OTHER[name]})
    expected = Settings.model_validate(
        {key: value for key, value in OTHER.items() if key == name or key not in SECRETS}
    )
    assert settings == expected
    assert getattr(settings, name) != getattr(load_settings(config, {}), name)


def test_file_beats_default_and_environment_beats_file(config):
    write(config, "http_port: 9000\nswitch_port: 8022\n")
    settings = load_settings(config, {"PPC_HTTP_PORT": "9001"})
    assert (settings.http_port, settings.switch_port) == (9001, 8022)


def test_every_bad_or_missing_value_is_told_at_once_with_its_place(config):
    write(
        config,
        "switch_port: 99999\nswich_host: a\nclaim_s: 12\nlog_level: loud\nsecret_file: nowhere\nhttp_host: 'a b'\n",
    )
    environ = {"PPC_HTTP_PORT": "x", "PPC_DATABSE_URL": "sqlite://", "PPC_CONFIG": "config", "PPC_PYTHON": "/"}
    assert refusal(config, environ, required=SECRETS) == [
        "config/engine.yaml:1:1: claim_renew_s 7 must be less than half of claim_s 12, so that a lost renewal loses "
        "no call",
        'config/engine.yaml:1:1: switch_password: missing (add "switch_password_file: PATH" of a file with mode 600, '
        "or set PPC_SWITCH_PASSWORD)",
        'config/engine.yaml:1:1: switch_port: "99999" is too high (at most 65535)',
        'config/engine.yaml:2:1: swich_host: unknown key "swich_host" (did you mean "switch_host"?)',
        'config/engine.yaml:4:1: log_level: "loud" is not "debug", "info", "warning" or "error"',
        'config/engine.yaml:5:1: secret_file: cannot read "nowhere": No such file or directory '
        "(correct the path, or its owner)",
        'config/engine.yaml:6:1: http_host: "a b" is not in the right form '
        "(must match ^[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}$)",
        'environment: PPC_DATABSE_URL: no such setting (did you mean "PPC_DATABASE_URL"?)',
        'environment: PPC_HTTP_PORT: "x" is not a whole number',
    ]


def test_a_broken_file_or_no_directory_is_told(config):
    write(config, "http_port: 1\nhttp_port: 2\n")
    assert refusal(config) == [
        'config/engine.yaml:2:1: http_port: key "http_port" stands twice (first on line 1; keep one)'
    ]
    assert refusal(Path("confg")) == ["confg: no such directory (name the right one with --config)"]


def test_the_password_of_every_switch_is_refused_wherever_it_stands(config):
    said = "this is the password every switch is shipped with (choose another, on the switch too)"
    assert refusal(config, {"PPC_SWITCH_PASSWORD": "ClueCon"}) == [f"environment: PPC_SWITCH_PASSWORD: {said}"]
    environ = {"PPC_SWITCH_PASSWORD_FILE": secret_file("password", "cluecon\n")}
    assert refusal(config, environ) == [f"environment: PPC_SWITCH_PASSWORD_FILE: {said}"]
    write(config, "switch_password: ClueCon\n", mode=0o600)
    assert refusal(config) == [f"config/engine.yaml:1:1: switch_password: {said}"]
    write(config, "# here\nswitch_password_file: password\n")
    assert refusal(config) == [f"config/engine.yaml:2:1: switch_password_file: {said}"]


def test_a_secret_comes_from_a_file_that_only_its_owner_may_read(config):
    write(config, f"secret_file: {secret_file('secret', LONG + chr(10))}\n")
    settings = load_settings(config, {}, required=["secret"])
    assert settings.secret.get_secret_value() == LONG
    Path("secret").chmod(0o640)
    assert refusal(config) == ['config/engine.yaml:1:1: secret_file: others may read "secret" (run: chmod 600 secret)']


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", '"secret" is empty (write the secret into it)'),
        ("short\n", "too short to be a secret (at least 32 characters: openssl rand -hex 32)"),
        ("x" * 5000, '"secret" is larger than 4096 bytes, so no secret (name the right file)'),
    ],
)
def test_a_file_without_a_good_secret_is_refused(config, content, said):
    assert refusal(config, {"PPC_SECRET_FILE": secret_file("secret", content)}) == [
        f"environment: PPC_SECRET_FILE: {said}"
    ]


def test_a_secret_in_engine_yaml_needs_a_private_file(config):
    write(config, f"secret: {LONG}\n")
    assert refusal(config) == [
        "config/engine.yaml:1:1: secret: others may read this file "
        '(write "secret_file: PATH", or run: chmod 600 config/engine.yaml)'
    ]
    write(config, f"secret: {LONG}\n", mode=0o600)
    assert load_settings(config, {}).secret.get_secret_value() == LONG


def test_the_environment_beats_the_file_for_secrets_too_and_two_in_one_place_are_one_too_many(config):
    write(config, "secret_file: nowhere\n")
    assert load_settings(config, {"PPC_SECRET": LONG}).secret.get_secret_value() == LONG
    write(config, f"secret: {LONG}\n", mode=0o600)
    other = LONG.replace("0", "z")
    environ = {"PPC_SECRET_FILE": secret_file("secret", other)}
    assert load_settings(config, environ).secret.get_secret_value() == other
    assert refusal(config, {**environ, "PPC_SECRET": LONG}) == [
        "environment: PPC_SECRET_FILE: secret is given too (keep one of the two)"
    ]


def test_a_database_url_with_a_password_may_come_from_a_file(config):
    write(config, f"database_url_file: {secret_file('url', 'postgresql+psycopg://ppc:hunter2@db/ppc')}\n")
    settings = load_settings(config, {})
    assert settings.database_url == "postgresql+psycopg://ppc:hunter2@db/ppc"
    assert "hunter2" not in repr(settings)


def test_no_secret_is_ever_printed(config):
    canary = "canary-" + LONG
    settings = load_settings(config, {"PPC_SECRET": canary, "PPC_SWITCH_PASSWORD": canary})
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert not any(
        "canary" in line for line in refusal(config, {"PPC_SECRET": "canary", "PPC_SWITCH_PASSWORD": "canary "})
    )


def test_settings_cannot_be_changed(config):
    with pytest.raises(ValueError, match="frozen"):
        load_settings(config, {}).http_port = 1
