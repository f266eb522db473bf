"""One mistake in a good catalog is one line with file, line, column and cure; a mistake never hides another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.catalog.load import CatalogDocuments, declared_targets, load_catalog, restore_catalog
from ppc_engine.catalog.rules import SUGGESTIONS_MAX
from ppc_engine.values.document import Document
from tests.catalog.catalog_texts import GOOD, KNOWN_ZIPS, broken, documents, load

ACME, RADIO, ROOFING = "buyers/acme.yaml", "publishers/radio.yaml", "campaigns/roofing.yaml"

MISTAKES = [
    # An unknown key, with and without a likely one; the misspelt required key is one mistake, not two.
    (ACME, "name: Acme", "nmae: Acme", '2:1: nmae: unknown key "nmae" (did you mean "name"?)'),
    (
        RADIO,
        "zone: UTC",
        "zone: UTC\ntelephone: 1",
        '4:1: telephone: unknown key "telephone" (remove it; known here: id, name, zone, concurrency_cap, caps, '
        "buyers_blocked, targets_blocked, offers)",
    ),
    (ROOFING, "flow: roofing\n", "", '1:1: flow: missing (add "flow: ...")'),
    # Wrong types and values, in plain words.
    (
        ROOFING,
        "[acme-la, acme-ny]",
        "acme-la",
        '4:1: targets: "acme-la" is not a list (one "- item" a line, or [one, two])',
    ),
    (
        ACME,
        "gateway: carrier",
        "gateway: carrier\n    weight: heavy",
        '11:5: targets.1.weight: "heavy" is not a whole number',
    ),
    (
        ACME,
        "gateway: carrier",
        "gateway: carrier\n    concurrency_cap:",
        "11:5: targets.1.concurrency_cap: nothing is no value here (write one, or leave the key out)",
    ),
    (
        ACME,
        "gateway: carrier",
        "gateway: carrier\n    paused: NOPE",
        '11:5: targets.1.paused: "NOPE" is not true or false',
    ),
    (
        ACME,
        "gateway: carrier",
        'gateway: carrier\n    hours: {zone: UTC, monday: ["9:30"]}',
        '11:33: targets.1.hours.monday.0: "9:30" is not a span of hours (write "09:00-17:30"; midnight is 24:00)',
    ),
    (
        ACME,
        'amount: "40"',
        "amount: 39.999_9",
        '12:43: offers.0.amount: "39.999_9" is not an amount (write 40 or 40.00, at most six decimals)',
    ),
    (
        RADIO,
        "zone: UTC",
        "zone: California",
        '3:1: zone: "California" is not an IANA time zone (write America/Los_Angeles)',
    ),
    # Places.
    (ACME, "90001", "90002", '7:26: targets.0.area.zips.1: no ZIP "90002" (correct its digits, or remove it)'),
    (
        ACME,
        "90001",
        "2134",
        '7:26: targets.0.area.zips.1: "2134" is not a ZIP (write its five digits, with leading zeros: 02134)',
    ),
    (
        ACME,
        "states: [CA]",
        "states: [NO]",
        '7:43: targets.0.area.states.0: no state or province "NO" (write its two capital letters: CA)',
    ),
    (
        ACME,
        "{zips: [02134, 90001], states: [CA]}",
        "{require_zip_source: keyed}",
        "7:5: targets.0.area: an area without places lets nobody in (add zips, states or area_codes, or remove it)",
    ),
    # Destinations.
    (
        ACME,
        "\n    gateway: carrier",
        "",
        "9:5: targets.1.destination: a number is dialled through a gateway "
        '(add "gateway: NAME", as the switch calls it)',
    ),
    (
        ACME,
        "destination: sip:la@127.0.0.1:6010",
        "destination: sip:la@127.0.0.1:6010\n    gateway: carrier",
        "7:5: targets.0.gateway: a SIP address is dialled directly (remove the gateway, or give a number)",
    ),
    (
        ACME,
        "+12125550123",
        "12125550123",
        '9:5: targets.1.destination: "12125550123" is not a number in E.164 form '
        '(write it with its plus: "+13105550123"); "12125550123" is not a SIP address (write sip:name@host:5060)',
    ),
    (
        ACME,
        "+12125550123",
        "+18765550123",
        '9:5: targets.1.destination: "+18765550123" has area code 876, which is abroad '
        "(only the United States and Canada are dialled)",
    ),
    # References between files.
    (
        ROOFING,
        "flow: roofing",
        "flow: rofing",
        '3:1: flow: no flow "rofing" (did you mean "roofing"?)',
    ),
    (
        ROOFING,
        "acme-ny]",
        "acme-nyc]",
        '4:20: targets.1: no target "acme-nyc" (did you mean "acme-ny"?)',
    ),
    (ROOFING, "acme-ny]", "acme-la]", '4:20: targets.1: target "acme-la" is named twice (keep one)'),
    (
        ROOFING,
        "[acme-la, acme-ny]",
        "[]",
        "4:1: targets: no targets, so no call could be sold (name at least one)",
    ),
    (
        RADIO,
        "campaign: roofing",
        "campaign: windows",
        '5:25: offers.0.campaign: no campaign "windows" (correct the name, or add its file)',
    ),
    # Names.
    (
        RADIO,
        "id: radio\n",
        "id: radyo\n",
        '1:1: id: "radyo" is not the file\'s name (write "radio", or rename the file radyo.yaml)',
    ),
    (
        ACME,
        "id: acme-ny",
        "id: acme-la",
        '8:5: targets.1.id: target "acme-la" is already at buyers/acme.yaml:5 (choose another id)',
    ),
    # Terms.
    (
        ACME,
        "connected_ms_min: 90000",
        "connected_ms_min: 3600001",
        "12:57: offers.0.connected_ms_min: 3600001 is never reached: calls to this buyer end at 3600000 (lower it)",
    ),
]


def test_a_good_catalog_is_typed_and_cross_referenced():
    catalog, issues = load(GOOD)
    assert issues == []
    buyer, target = catalog.targets["acme-ny"]
    assert (buyer.id, target.destination, target.gateway) == ("acme", "+12125550123", "carrier")
    assert catalog.targets["acme-la"][1].area.zips == {"02134", "90001"}
    assert catalog.buyer_offer("acme", "roofing").amount == 40_000_000
    assert catalog.publisher_offer("radio", "roofing").amount == 20_500_000


def test_an_offer_may_ask_for_the_longest_call_that_a_target_allows():
    assert load(broken(ACME, "connected_ms_min: 90000", "connected_ms_min: 3600000"))[1] == []


@pytest.mark.parametrize(("file", "old", "new", "line"), MISTAKES, ids=[row[3] for row in MISTAKES])
def test_one_mistake_is_one_line(file, old, new, line):
    catalog, issues = load(broken(file, old, new))
    # A target renamed or removed is also missed by its campaign: that is a second line, about another file.
    assert [issue for issue in issues if issue.startswith(file)] == [f"{file}:{line}"]
    assert catalog is None


def test_mistakes_in_every_file_are_told_at_once():
    texts = {
        ACME: broken(ACME, "gateway: carrier", "gateway: Carrier One")[ACME],
        RADIO: broken(RADIO, "campaign: roofing", "campaign: roofin")[RADIO],
        ROOFING: broken(ROOFING, "name: Roofing", "name: ''")[ROOFING],
    }
    catalog, issues = load(texts)
    assert catalog is None
    assert [issue.split(": ")[0] for issue in issues] == [
        "buyers/acme.yaml:10:5", "campaigns/roofing.yaml:2:1", "publishers/radio.yaml:5:25",
    ]  # fmt: skip


def test_a_bad_value_hides_no_bad_reference_in_the_same_file():
    texts = broken(ROOFING, "flow: roofing", "flow: rofing\nattempts_max: 0")
    _, issues = load(texts)
    assert issues == [
        'campaigns/roofing.yaml:3:1: flow: no flow "rofing" (did you mean "roofing"?)',
        'campaigns/roofing.yaml:4:1: attempts_max: "0" is too low (at least 1)',
    ]


def test_one_offer_a_campaign_and_one_id_an_offer():
    texts = broken(RADIO, '"20.50"}\n', '"20.50"}\n  - {id: acme-roofing, campaign: roofing, amount: "1"}\n')
    _, issues = load(texts)
    assert issues == [
        'publishers/radio.yaml:6:6: offers.1.id: offer "acme-roofing" is already at buyers/acme.yaml:12 '
        "(choose another id)",
        'publishers/radio.yaml:6:24: offers.1.campaign: a second offer for "roofing" '
        "(the first is on line 5; keep one)",
    ]


def test_one_currency_an_account():
    euros = GOOD[ROOFING].replace("roofing", "windows", 1) + "currency: EUR\n"
    texts = broken(RADIO, '"20.50"}\n', '"20.50"}\n  - {id: radio-windows, campaign: windows, amount: "1"}\n')
    _, issues = load({**texts, "campaigns/windows.yaml": euros})
    assert [issue for issue in issues if "warning" not in issue] == [
        'publishers/radio.yaml:6:25: offers.1.campaign: "windows" is in EUR, the other offers here in USD '
        "(use two accounts)"
    ]


def test_a_target_that_earns_nothing_is_a_warning_and_loads():
    catalog, issues = load(broken(ACME, GOOD[ACME][GOOD[ACME].index("offers:") :], ""))
    assert catalog is not None
    assert issues == [
        f'campaigns/roofing.yaml:4:{column}: warning: targets.{index}: buyer "acme" has no offer for "roofing" '
        "(add one, or its calls earn nothing)"
        for index, column in ((0, 11), (1, 20))
    ]


def test_thousands_of_unknown_names_are_told_without_comparing_each_with_all():
    unknown = [f"acme-l{index}" for index in range(SUGGESTIONS_MAX + 1)]
    _, issues = load(broken(ROOFING, "[acme-la, acme-ny]", f"[{', '.join(unknown)}]"))
    assert [issue.rsplit(" (", 1)[1] for issue in issues] == [
        *SUGGESTIONS_MAX * ['did you mean "acme-la"?)'],
        "correct the name, or add its file)",
    ]


def test_a_file_that_could_not_be_read_is_not_missed_by_others():
    read = documents({RADIO: GOOD[RADIO], ROOFING: GOOD[ROOFING]})
    unread = CatalogDocuments(
        publishers=read.publishers, campaigns=read.campaigns, unread={"buyers": frozenset({"acme"})}
    )
    assert declared_targets(unread) is None
    assert load_catalog(unread, flows=None)[1] == []
    unread = CatalogDocuments(publishers=read.publishers, unread={"campaigns": frozenset({"roofing"})})
    assert load_catalog(unread, flows=None)[1] == []


def test_old_terms_load_although_newer_rules_refuse_them():
    read = documents(broken(ACME, "+12125550123", "+18765550123"))
    assert load_catalog(read, flows=None)[0] is None
    catalog, issues = restore_catalog(read)
    assert (catalog.targets["acme-ny"][1].destination, issues) == ("+18765550123", [])


KEYS = ("id", "name", "zone", "targets", "offers", "area", "zips", "states", "destination", "campaign", "flow", "hours")
ANYTHING = st.recursive(
    st.sampled_from(["", "acme", "+13105550123", "sip:", "02134", "CA", "~", "9:30", "roofing"]) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING), st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_whatever_a_file_holds_is_an_issue_and_never_an_exception(buyer, campaign):
    read = CatalogDocuments(
        buyers=(Document("buyers/a.yaml", buyer, {(): (1, 1)}),),
        campaigns=(Document("campaigns/b.yaml", campaign, {(): (1, 1)}),),
    )
    catalog, issues = load_catalog(read, flows={"roofing"}, known_zips=KNOWN_ZIPS)
    assert (catalog is None) == any(issue.severity == "error" for issue in issues)
    assert all(issue.line and "\n" not in issue.message for issue in issues)
