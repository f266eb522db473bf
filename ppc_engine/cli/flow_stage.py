"""What flow commands play calls in: the configuration and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ppc_engine import __version__
from ppc_engine.calls.state import CallContext
from ppc_engine.catalog.issues import did_you_mean, quoted
from ppc_engine.catalog.model import Catalog, TrackingNumber
from ppc_engine.flows.model import Flow
from ppc_engine.rehearsal.load_cases import Names
from ppc_engine.rehearsal.playing import Stage
from ppc_engine.settings import load_settings
from ppc_engine.storage.catalog_files import LoadedConfig, load_config
from ppc_engine.storage.database import open_database
from ppc_engine.storage.number_files import read_numbers
from ppc_engine.storage.numbers import load_all
from ppc_engine.storage.places import data_versions, load_places
from ppc_engine.values.errors import BadValueError, ConfigError
from ppc_engine.values.places import Places

NUMBERS_FILE = (
    "numbers.csv"  # Beside engine.yaml: what the example and its tests dial; a live engine asks its database.
)
KEY = b"names of legs in a rehearsal"


def make_stage(config_dir: Path) -> Stage:
    """A stage with this configuration. Raises ConfigError with every issue."""
    places = load_places()
    config = load_config(config_dir, known_zips=places.zips)
    return stage_of(config, places, numbers_of(config_dir, config.catalog))


def stage_of(config: LoadedConfig, places: Places, numbers: Mapping[str, TrackingNumber] | None = None) -> Stage:
    """A stage with a configuration that is loaded already, of the files or of a stored revision."""
    return Stage(
        CallContext(
            catalog=config.catalog,
            flows=config.flows,
            numbers=numbers or {},
            places=places,
            revision=config.revision,
            code_version=__version__,
            key=KEY,
            data_hashes=data_versions(places),
        )
    )


def numbers_of(config_dir: Path, catalog: Catalog) -> dict[str, TrackingNumber]:
    """The numbers of the file beside the configuration, {} when there is none. Raises ConfigError."""
    path = config_dir / NUMBERS_FILE
    if not path.is_file():
        return {}
    numbers, _, issues = read_numbers(path, catalog.campaigns, catalog.publishers, None)
    if issues:
        raise ConfigError(issues)
    return numbers


def database_numbers(config_dir: Path) -> dict[str, TrackingNumber]:
    """The numbers that the database has. Raises OutsideError when it cannot be asked."""
    engine = open_database(load_settings(config_dir).database_url)
    try:
        return load_all(engine)
    finally:
        engine.dispose()


def known_flow(flows: Mapping[str, Flow], name: str) -> Flow:
    """The flow of a name. Raises BadValueError with the nearest one when there is none."""
    if name not in flows:
        raise BadValueError(f"no flow {quoted(name)}{did_you_mean(name, flows)} (there are: {', '.join(flows)})")
    return flows[name]


def names_of(stage: Stage) -> Names:
    """Everything that a test may name."""
    context = stage.context
    return Names(catalog=context.catalog, flows=context.flows, numbers=context.numbers)
