"""A small catalog that is good, as text, for tests that break one line of it."""

from collections.abc import Mapping

from ppc_engine.catalog.load import CatalogDocuments, load_catalog
from ppc_engine.catalog.model import Catalog
from ppc_engine.storage.list_files import parse_list
from ppc_engine.storage.strict_yaml import parse_yaml
from ppc_engine.values.document import Document

GOOD = {
    "buyers/acme.yaml": """\
id: acme
name: Acme
zone: America/Los_Angeles
targets:
  - id: acme-la
    destination: sip:la@127.0.0.1:6010
    area: {zips: [02134, 90001], states: [CA]}
  - id: acme-ny
    destination: +12125550123
    gateway: carrier
offers:
  - {id: acme-roofing, campaign: roofing, amount: "40", connected_ms_min: 90000}
""",
    "publishers/radio.yaml": """\
id: radio
name: Radio
zone: UTC
offers:
  - {id: radio-roofing, campaign: roofing, amount: "20.50"}
""",
    "campaigns/roofing.yaml": """\
id: roofing
name: Roofing
flow: roofing
targets: [acme-la, acme-ny]
""",
}
KNOWN_ZIPS = frozenset({"02134", "90001", "10001"})


def document(file: str, text: str) -> Document:
    read, issues = (parse_list if file.endswith(".txt") else parse_yaml)(file, text.encode())
    assert read is not None, issues
    return read


def documents(texts: Mapping[str, str]) -> CatalogDocuments:
    kinds: dict[str, list[Document]] = {}
    for file, text in texts.items():
        kinds.setdefault(file.split("/")[0], []).append(document(file, text))
    return CatalogDocuments(**{kind: tuple(read) for kind, read in kinds.items()})


def load(texts: Mapping[str, str]) -> tuple[Catalog | None, list[str]]:
    catalog, issues = load_catalog(documents(texts), flows={"roofing"}, known_zips=KNOWN_ZIPS)
    return catalog, [str(issue) for issue in issues]


def broken(file: str, old: str, new: str) -> dict[str, str]:
    """The good catalog with one change; the old text must be there."""
    assert GOOD[file].count(old) == 1
    return {**GOOD, file: GOOD[file].replace(old, new)}
