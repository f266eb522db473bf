"""How this engine is run: one frozen ``Settings`` from engine.yaml, PPC_ environment variables and secret files.

Decides where each value comes from (environment before file before default) and reports every missing or bad one at
once, with its place. What is sold is not here but in the catalog.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints

from ppc_engine.catalog.issues import nearest, validation_issues
from ppc_engine.catalog.model import E164
from ppc_engine.storage.catalog_files import ENGINE_FILE, read_document
from ppc_engine.storage.secret_files import others_may_read, read_secret
from ppc_engine.values.document import Document
from ppc_engine.values.errors import ConfigError, Issue
from ppc_engine.web.lookup_hosts import LookupHosts

ENVIRONMENT_PREFIX = "PPC_"
ENVIRONMENT = "environment"
OTHER_VARIABLES = frozenset({"PPC_CONFIG"})  # Read by the command line itself.
SECRETS = ("switch_password", "secret")
FILE_KEYS = {f"{name}_file": name for name in (*SECRETS, "database_url")}  # A URL may hold a password.
VARIABLE_LIKENESS_MIN = 0.7  # PPC_PYTHON is no slip of PPC_HTTP_HOST.
SECRET_CHARS_MIN = 32  # security.md D6; also the least for a key of SHA-256.
REFUSED_PASSWORDS = frozenset({"cluecon"})  # The one that every FreeSWITCH is shipped with (security.md D6).

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
SwitchPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9_./-]{1,200}$")]
ProfileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]


def _switch_password(value: object) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str) and text.lower() in REFUSED_PASSWORDS:
        raise ValueError("this is the password every switch is shipped with (choose another, on the switch too)")
    if isinstance(text, str) and not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("only printable ASCII without spaces can be sent to the switch (choose another)")
    return value


def _numbers(value: object) -> object:
    """An environment variable holds a list as text, with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _secret(value: object) -> object:
    if isinstance(value, str) and value and len(value) < SECRET_CHARS_MIN:
        raise ValueError(f"too short to be a secret (at least {SECRET_CHARS_MIN} characters: openssl rand -hex 32)")
    return value


class Settings(BaseModel):
    """Everything about this installation. Names end in their unit: ``_s`` seconds, ``_ms`` milliseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: Annotated[str, Field(min_length=1, max_length=500, repr=False)] = "sqlite:///var/ppc.sqlite"
    journal_dir: Path = Path("var/journal")

    switch_host: Host = "127.0.0.1"
    switch_port: Port = 8021
    switch_password: Annotated[SecretStr, BeforeValidator(_switch_password)] = SecretStr("")
    switch_profile: ProfileName = "trunks"
    prompts_dir: SwitchPath = "/usr/share/freeswitch/sounds/ppc"  # On the switch, not on this machine.
    recordings_dir: SwitchPath = "/var/lib/freeswitch/recordings/ppc"  # On the switch too.
    switch_voice: Annotated[str, StringConstraints(pattern=r"^([a-z0-9_]{1,32}:[A-Za-z0-9_-]{1,64})?$")] = (
        ""  # flite:slt
    )
    secret: Annotated[SecretStr, BeforeValidator(_secret)] = SecretStr("")  # Key of the HMAC that names legs.

    lookup_hosts: LookupHosts = ()  # Whom a `lookup` node may ask over HTTP; nobody else.

    http_host: Host = "127.0.0.1"
    http_port: Port = 9108
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    realtime: bool = True  # Where the system allows it: cli/realtime.py.

    test_callers: Annotated[frozenset[E164], BeforeValidator(_numbers)] = frozenset()  # Their calls are never billed.

    claim_s: Annotated[int, Field(ge=9, le=120)] = 15  # ESL silence of 3 s and 8 s to be back must fit into it.
    claim_renew_s: Annotated[int, Field(ge=1, le=60, validate_default=True)] = 7

    @pydantic.field_validator("claim_renew_s")
    @classmethod
    def _renewed_in_time(cls, claim_renew_s: int, info: pydantic.ValidationInfo) -> int:
        claim_s = info.data.get("claim_s")
        if claim_s is not None and claim_renew_s * 2 >= claim_s:
            raise ValueError(
                f"claim_renew_s {claim_renew_s} must be less than half of claim_s {claim_s}, "
                "so that a lost renewal loses no call"
            )
        return claim_renew_s


@dataclass(slots=True)
class _Sources:
    """Values by field with where each came from, and what is wrong so far."""

    engine: Document
    values: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    failed_secrets: set[str] = field(default_factory=set)

    def issue(self, name: str, message: str, key: str = "") -> Issue:
        """An issue at the environment variable or the line that gave this field its value."""
        if name in self.variables:
            return Issue(file=ENVIRONMENT, path=self.variables[name], message=message)
        return self.engine.issue((key or name,), message)


def load_settings(
    config_dir: Path, environ: Mapping[str, str] | None = None, *, required: Collection[str] = ()
) -> Settings:
    """The settings of a configuration directory. Raises ConfigError with every bad or missing value at once.

    ``required`` names secrets that the caller cannot do without: ``serve`` needs all of ``SECRETS``.
    """
    environ = os.environ if environ is None else environ
    engine, issues = _engine_document(config_dir)
    sources = _Sources(engine, issues=issues)
    _take_values(sources, environ)
    settings = None
    try:
        settings = Settings.model_validate(sources.values)
    except pydantic.ValidationError as error:
        _report(sources, error)
    for name in required:
        if not sources.values.get(name) and name not in sources.failed_secrets:
            sources.issues.append(engine.issue((name,), _missing(name)))
    if settings is None or sources.issues:
        raise ConfigError(sources.issues)
    return settings


def variable_of(name: str) -> str:
    """The environment variable that overrides a setting: database_url -> PPC_DATABASE_URL."""
    return ENVIRONMENT_PREFIX + name.upper()


def _engine_document(config_dir: Path) -> tuple[Document, list[Issue]]:
    path = config_dir / ENGINE_FILE
    nothing = Document(str(path), {}, {})
    if not config_dir.is_dir():
        return nothing, [Issue(file=str(config_dir), message="no such directory (name the right one with --config)")]
    if not os.path.lexists(path):
        return nothing, []
    document, issues = read_document(path)
    return document or nothing, issues


def _take_values(sources: _Sources, environ: Mapping[str, str]) -> None:
    """Environment before file before default; what FILE_KEYS names also from a file."""
    names = list(Settings.model_fields)
    allowed = {variable_of(name): name for name in names}
    allowed |= {variable_of(key): key for key in FILE_KEYS}
    given = dict(sources.engine.data)
    for variable, value in sorted(environ.items()):
        if variable in allowed:
            given[allowed[variable]] = value
            sources.variables[allowed[variable]] = variable
        elif variable.startswith(ENVIRONMENT_PREFIX) and variable not in OTHER_VARIABLES:
            near = _meant(variable, allowed)
            if near:
                message = f'no such setting (did you mean "{near}"?)'
                sources.issues.append(Issue(file=ENVIRONMENT, path=variable, message=message))
    for key, name in FILE_KEYS.items():
        # A variable that names a file beats a secret in engine.yaml, and the other way round.
        if key in given and not (name in sources.variables and key not in sources.variables):
            _take_secret(sources, given, key, name)
        given.pop(key, None)
    sources.values = given
    _check_plain_secrets(sources)


def _meant(variable: str, allowed: Collection[str]) -> str:
    """The variable that this one is a slip of, "" when it is more likely some other program's."""
    bare = [name.removeprefix(ENVIRONMENT_PREFIX) for name in allowed]
    near = nearest(variable.removeprefix(ENVIRONMENT_PREFIX), bare, VARIABLE_LIKENESS_MIN)
    return near and ENVIRONMENT_PREFIX + near


def _check_plain_secrets(sources: _Sources) -> None:
    """A secret may stand in engine.yaml only when nobody else may read that file."""
    file = sources.engine.file
    for name in SECRETS:
        if name in sources.engine.data and name not in sources.variables and others_may_read(Path(file).stat()):
            message = f'others may read this file (write "{name}_file: PATH", or run: chmod 600 {file})'
            sources.issues.append(sources.issue(name, message))


def _take_secret(sources: _Sources, given: dict[str, Any], key: str, name: str) -> None:
    same_source = (name in sources.variables) == (key in sources.variables)
    if name in given and same_source:
        sources.issues.append(sources.issue(key, f"{name} is given too (keep one of the two)"))
        return
    if key in sources.variables:
        sources.variables[name] = sources.variables[key]
    value, problem = read_secret(given[key])
    if problem:
        sources.issues.append(sources.issue(key, problem))
        sources.failed_secrets.add(name)
        given.pop(name, None)
    else:
        given[name] = value


def _report(sources: _Sources, error: pydantic.ValidationError) -> None:
    """What the model refused, each at the variable, file or line that it came from."""
    document = Document(sources.engine.file, sources.values, sources.engine.places)
    for issue in validation_issues(document, error, model=Settings):
        name = issue.path
        if name in sources.variables:
            sources.issues.append(sources.issue(name, issue.message))
        elif name in SECRETS and name not in sources.engine.data:
            sources.issues.append(sources.issue(name, issue.message, key=f"{name}_file"))
        else:
            sources.issues.append(issue)


def _missing(name: str) -> str:
    return f'missing (add "{name}_file: PATH" of a file with mode 600, or set {variable_of(name)})'
