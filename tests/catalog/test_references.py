"""Names that lead from one file of the catalog to another: lists, groups, prompts, who blocks whom."""

import pytest

from ppc_engine.catalog.load import load_catalog
from ppc_engine.catalog.references import BAD_LINES_MAX
from tests.catalog.catalog_texts import GOOD, KNOWN_ZIPS, broken, documents, load

ACME, RADIO = "buyers/acme.yaml", "publishers/radio.yaml"
AREA = "{zips: [02134, 90001], states: [CA]}"
GROUP = "id: west\nname: West\nzone: UTC\ntargets: [acme-la]\ncaps: [{calls: 5, per: day}]\n"
TRUNK = "id: carrier-1\nconcurrency_cap: 10\n"


def test_groups_trunks_and_lists_are_loaded_and_an_area_holds_the_zips_of_its_list():
    catalog, issues = load(
        {
            **broken(ACME, AREA, "{zips_file: lists/west.txt}"),
            "groups/west.yaml": GROUP,
            "trunks/carrier-1.yaml": TRUNK,
            "lists/west.txt": "02134\n90001\n",
        }
    )
    assert issues == []
    assert catalog.groups["west"].targets == ("acme-la",)
    assert catalog.trunks["carrier-1"].concurrency_cap == 10
    assert catalog.targets["acme-la"][1].area.zips is catalog.lists["lists/west.txt"]


IN_TERMS = 'amount: "40", when: {any: [{caller_list: {name: lists/vip.txt}}, {area: {zips_file: lists/west.txt}}]}'

MISTAKES = [
    (
        {**broken(ACME, 'amount: "40"', IN_TERMS), "lists/west.txt": "02134\n"},
        f'{ACME}:12:85: offers.0.when.any.0.caller_list.name: no list "lists/vip.txt" (did you mean "lists/west.txt"?)',
    ),
    (
        {**broken(ACME, 'amount: "40"', IN_TERMS), "lists/vip.txt": "+13105550100\n"},
        f'{ACME}:12:116: offers.0.when.any.1.area.zips_file: no list "lists/west.txt" (did you mean "lists/vip.txt"?)',
    ),
    (
        {**broken(ACME, 'amount: "40"', IN_TERMS), "lists/vip.txt": "3105550100\n", "lists/west.txt": "02134\n"},
        'lists/vip.txt:1:1: "3105550100" is no caller (write a number "+13105550123" '
        'or the beginning of one "+1310555*")',
    ),
    (
        {**broken(ACME, AREA, "{zips_file: lists/wset.txt}"), "lists/west.txt": "02134\n"},
        f'{ACME}:7:12: targets.0.area.zips_file: no list "lists/wset.txt" (did you mean "lists/west.txt"?)',
    ),
    (
        {**broken(ACME, AREA, "{zips_file: lists/west.txt}"), "lists/west.txt": "# west\n02134\n2134\n"},
        'lists/west.txt:3:1: "2134" is not a ZIP (write its five digits, with leading zeros: 02134)',
    ),
    (
        {**broken(ACME, AREA, "{zips_file: lists/west.txt}"), "lists/west.txt": "90002\n"},
        'lists/west.txt:1:1: no ZIP "90002" (correct its digits, or remove it)',
    ),
    (
        broken(ACME, AREA, '{radius: {zip: "90002", miles: 10}}'),
        f'{ACME}:7:21: targets.0.area.radius.zip: no ZIP "90002" (correct its digits)',
    ),
    (
        {**GOOD, "groups/west.yaml": GROUP.replace("acme-la", "acme-lo")},
        'groups/west.yaml:4:11: targets.0: no target "acme-lo" (did you mean "acme-la"?)',
    ),
    (
        {**GOOD, "groups/west.yaml": GROUP.replace("acme-la", "acme-la, acme-la")},
        'groups/west.yaml:4:20: targets.1: target "acme-la" is named twice (keep one)',
    ),
    (
        {**GOOD, "trunks/carrier-2.yaml": TRUNK},
        'trunks/carrier-2.yaml:1:1: id: "carrier-1" is not the file\'s name '
        '(write "carrier-2", or rename the file carrier-1.yaml)',
    ),
    (
        broken(ACME, "zone: America/Los_Angeles", "zone: UTC\npublishers_blocked: [rodio]"),
        f'{ACME}:4:22: publishers_blocked.0: no publisher "rodio" (did you mean "radio"?)',
    ),
    (
        broken(RADIO, "zone: UTC", "zone: UTC\nbuyers_blocked: [amce]"),
        f'{RADIO}:4:18: buyers_blocked.0: no buyer "amce" (did you mean "acme"?)',
    ),
    (
        broken(RADIO, "zone: UTC", "zone: UTC\ntargets_blocked: [acme-nj]"),
        f'{RADIO}:4:19: targets_blocked.0: no target "acme-nj" (did you mean "acme-ny"?)',
    ),
]


@pytest.mark.parametrize(("texts", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_a_name_that_leads_nowhere_is_one_line(texts, told):
    assert load(texts) == (None, [told])


def test_a_list_that_no_area_names_may_hold_anything():
    assert load({**GOOD, "lists/spam.txt": "+13105550100\n"})[1] == []


def test_a_list_of_something_else_altogether_is_told_soon_enough():
    lines = "".join(f"+1310555{number:04}\n" for number in range(100))
    _, issues = load({**broken(ACME, AREA, "{zips_file: lists/west.txt}"), "lists/west.txt": lines})
    assert len(issues) == BAD_LINES_MAX + 1
    assert (
        f"lists/west.txt:{BAD_LINES_MAX + 1}:1: 20: and more lines that are no ZIP (is this the right list?)" in issues
    )


def test_whispers_and_prompts_to_accept_exist():
    text = "destination: sip:la@127.0.0.1:6010"
    new = f"{text}\n    whisper: acme_wisper\n    accept: {{prompt: press_noe}}"
    read = documents(broken(ACME, text, new))
    prompts = {"acme_whisper", "press_one"}
    _, issues = load_catalog(read, flows=None, known_zips=KNOWN_ZIPS, prompts=prompts)
    assert [str(issue) for issue in issues] == [
        f'{ACME}:7:5: targets.0.whisper: no prompt "acme_wisper" (did you mean "acme_whisper"?)',
        f'{ACME}:8:14: targets.0.accept.prompt: no prompt "press_noe" (did you mean "press_one"?)',
    ]
    assert load_catalog(read, flows=None, known_zips=KNOWN_ZIPS)[1] == []


def test_what_could_not_be_read_is_not_missed():
    read = documents(broken(ACME, "zone: America/Los_Angeles", "zone: UTC\npublishers_blocked: [tv]"))
    unread = {"publishers": frozenset({"tv"})}
    from dataclasses import replace

    assert load_catalog(replace(read, unread=unread), flows=None)[1] == []
