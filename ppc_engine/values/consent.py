"""Where every party to a call must know that it is recorded: by state and province, with the law that says so.

A table for the safe side, not legal advice: states whose courts or statutes disagree (Connecticut, Delaware, Michigan,
Nevada) are in it. Everywhere else in the United States one party's consent is enough (18 U.S.C. 2511(2)(d)). In Canada
any organisation needs knowledge and consent (PIPEDA, Schedule 1, clause 4.3), whatever the Criminal Code allows.
"""

from __future__ import annotations

ALL_PARTY_STATES = {
    "CA": "Cal. Penal Code 632, 632.7",
    "CT": "Conn. Gen. Stat. 52-570d",
    "DE": "Del. Code tit. 11, 1335(a)(4)",
    "FL": "Fla. Stat. 934.03(2)(d)",
    "IL": "720 ILCS 5/14-2",
    "MA": "Mass. Gen. Laws ch. 272, 99",
    "MD": "Md. Code, Cts. & Jud. Proc. 10-402(c)(3)",
    "MI": "Mich. Comp. Laws 750.539c",
    "MT": "Mont. Code 45-8-213",
    "NH": "N.H. Rev. Stat. 570-A:2",
    "NV": "Nev. Rev. Stat. 200.620",
    "PA": "18 Pa. Cons. Stat. 5703, 5704(4)",
    "WA": "Wash. Rev. Code 9.73.030",
}
CANADIAN_PROVINCES = frozenset({"AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"})


def demands_consent(state: str) -> bool:
    """Whether a party there must be told of a recording; an unknown place ("") is taken to demand it."""
    return not state or state in ALL_PARTY_STATES or state in CANADIAN_PROVINCES
