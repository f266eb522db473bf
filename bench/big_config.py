"""A configuration of a large network, written as files: buyers, targets, flows, lists, all mixed as real ones are."""

from __future__ import annotations

from pathlib import Path

FLOWS = 500
TARGETS = 2_000
TARGETS_A_BUYER = 5
TARGETS_A_CAMPAIGN = 20
LIST_ZIPS = 40_000
STATES = ("CA", "TX", "FL", "NY", "OH", "GA", "NC", "MI", "WA", "AZ", "CO", "OR", "NV", "UT", "PA", "IL")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def write_config(directory: Path, zips: list[str], *, flows: int = FLOWS, targets: int = TARGETS) -> None:
    """Write everything below ``directory``; ``zips`` are ZIPs that exist."""
    lists = directory / "lists"
    lists.mkdir(parents=True)
    (lists / "everywhere.txt").write_text("".join(f"{code}\n" for code in zips[:LIST_ZIPS]))
    (lists / "spam.txt").write_text("".join(f"+1310{number:07}\n" for number in range(2_000_000, 2_005_000)))
    for kind in ("buyers", "campaigns", "publishers", "groups", "trunks"):
        (directory / "catalog" / kind).mkdir(parents=True)
    (directory / "flows").mkdir()
    campaigns = max(1, targets // TARGETS_A_CAMPAIGN)
    for number in range(max(1, targets // TARGETS_A_BUYER)):
        _write(directory / "catalog/buyers", f"buyer-{number}", _buyer(number, campaigns, zips))
    for number in range(campaigns):
        _write(directory / "catalog/campaigns", f"campaign-{number}", _campaign(number, targets, flows))
    for number in range(flows):
        _write(directory / "flows", f"flow-{number}", _flow(number))
    _write(directory / "flows", "ask-zip", _ASK_ZIP)
    _write(directory / "catalog/publishers", "publisher-0", _publisher(campaigns))


def _write(directory: Path, name: str, text: str) -> None:
    (directory / f"{name}.yaml").write_text(text)


def _buyer(number: int, campaigns: int, zips: list[str]) -> str:
    targets = range(number * TARGETS_A_BUYER, (number + 1) * TARGETS_A_BUYER)
    sold_in = sorted({target // TARGETS_A_CAMPAIGN for target in targets})
    blocks = "".join(_target(target, zips) for target in targets)
    offers = "".join(
        f'  - {{id: buyer-{number}-{campaign}, campaign: campaign-{campaign}, amount: "{40 + number % 50}.00", '
        "connected_ms_min: 90000, unique_caller: {scope: buyer, event: converted, window_days: 30}}\n"
        for campaign in sold_in
        if campaign < campaigns
    )
    return (
        f"id: buyer-{number}\nname: Buyer {number}\nzone: America/Chicago\nconcurrency_cap: 8\n"
        f'caps: [{{calls: 100, per: day}}, {{spend: "5000.00", per: month}}]\ntargets:\n{blocks}offers:\n{offers}'
    )


def _target(number: int, zips: list[str]) -> str:
    state = STATES[number % len(STATES)]
    first = number * 37 % (len(zips) - 200)
    area = (
        f"{{states: [{state}]}}",
        f"{{zips: [{', '.join(zips[first : first + 120])}]}}",
        "{zips_file: lists/everywhere.txt}",
        f'{{area_codes: ["{210 + number % 700}"], states: [{state}]}}',
        f'{{radius: {{zip: "{zips[first]}", miles: 40}}}}',
    )[number % 5]
    hours = "".join(f'      {day}: ["08:00-12:00", "13:00-20:00"]\n' for day in DAYS)
    return (
        f"  - id: target-{number}\n    destination: sip:t{number}@127.0.0.1:6010\n    priority: {1 + number % 3}\n"
        f"    weight: {10 + number % 90}\n    concurrency_cap: 2\n    ring_ms_max: 12000\n    area: {area}\n"
        f"    hours:\n      zone: America/Chicago\n      holidays: {{calendar: US}}\n{hours}"
        f"    caps: [{{calls: 40, per: day}}, {{calls: 8, per: hour}}]\n"
    ) + ("    when: \"tags.product == 'roof' || caller.number_known\"\n" if number % 4 == 0 else "")


def _campaign(number: int, targets: int, flows: int) -> str:
    first = number * TARGETS_A_CAMPAIGN
    names = "".join(f"  - target-{target}\n" for target in range(first, min(first + TARGETS_A_CAMPAIGN, targets)))
    return (
        f"id: campaign-{number}\nname: Campaign {number}\nflow: flow-{number % flows}\nattempts_max: 5\n"
        f"concurrency_cap: 50\norder: priority_weight\ntargets:\n{names}"
    )


def _publisher(campaigns: int) -> str:
    offers = "".join(
        f'  - {{id: p0-{number}, campaign: campaign-{number}, amount: "20.00", connected_ms_min: 90000}}\n'
        for number in range(campaigns)
    )
    return f"id: publisher-0\nname: Publisher 0\nzone: UTC\noffers:\n{offers}"


_ASK_ZIP = """\
id: ask-zip
start: ask
nodes:
  ask:
    type: collect_zip
    prompt: enter_zip
    retry_prompt: bad_zip
    exits: {ok: placed, zip_failed: lost}
  placed: {type: return, exit: placed}
  lost: {type: return, exit: lost}
"""


def _flow(number: int) -> str:
    return f"""\
id: flow-{number}
start: screen
nodes:
  screen: {{type: block, lists: [lists/spam.txt], kinds: [anonymous], exits: {{pass: hello, blocked: bye}}}}
  hello: {{type: answer, exits: {{done: hours}}}}
  hours:
    type: open_hours
    hours: {{zone: America/Chicago, monday: ["08:00-20:00"], tuesday: ["08:00-20:00"], friday: ["08:00-20:00"]}}
    exits: {{open: welcome, closed: closed}}
  welcome: {{type: play, prompt: welcome, exits: {{done: product}}}}
  product:
    type: menu
    prompt: menu
    choices: {{1: roof, 2: other}}
    exits: {{roof: set_roof, other: set_other, no_choice: set_other}}
  set_roof: {{type: set_tags, tags: {{product: roof}}, exits: {{done: place}}}}
  set_other: {{type: set_tags, tags: {{product: other, flow: "{number}"}}, exits: {{done: place}}}}
  place: {{type: subflow, flow: ask-zip, exits: {{placed: by_age, lost: sorry}}}}
  by_age:
    type: branch
    cases: [{{if: "tags.product == 'roof' && place.state in ['CA', 'TX']", exit: west}}]
    exits: {{west: sell, otherwise: sell}}
  sell:
    type: route
    exits: {{ended: bye, no_match: sorry, all_closed: closed, all_capped: busy, all_no_answer: busy,
             recovered_none: bye}}
  sorry: {{type: play, prompt: sorry_no_match, exits: {{done: bye}}}}
  closed: {{type: play, prompt: closed, exits: {{done: bye}}}}
  busy: {{type: play, prompt: all_busy, exits: {{done: bye}}}}
  bye: {{type: hangup}}
"""
