"""CAMEO, the codes of events and actors that GDELT writes: which verbs are events of ours, and who the actors are.

CAMEO Codebook 1.1b3 (Schrodt, Pennsylvania State University, 2012), chapters 2, 3, 6 and 7, and GDELT's lists of them.

| CAMEO | kind | of which |
|---|---|---|
| 18 assault, 19 fight, 20 mass violence | `attack` | carried out |
| 138 threaten with military force | `attack` | threatened |
| 036, 037 intend to meet, negotiate, settle; 038, 039 to accept, to offer mediation | `negotiation_round` | proposed |
| 045 mediate, 046 negotiate, 057 sign a formal agreement | `negotiation_round` | held |
| 164, 165 halt negotiations, mediation | `negotiation_round` | collapsed |
| 163 impose, 1312 threaten with embargo, boycott or sanctions | `sanction_move` | adopted, threatened |
| 162 reduce or stop material aid, 1311 threaten to | `sanction_move` | adopted, threatened |
| 085 ease economic sanctions, 0354 express intent to, 1244 refuse to | `sanction_move` | lifted, announced, in force |

All else has no kind here. CAMEO's "administrative sanctions" (081, 0351, 1241, 132, 172) are curfews and bans at home,
no sanction moves; 02 and 10 ask others to act, 125 and 126 refuse talks that are not held then; visits and calls (040
to 044) do not tell whether anything was negotiated; nothing tells to what aid and protection (07) commit anybody.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from app.kinds.countries import three_letters

ROOTS = {
    "01": "make public statement",
    "02": "appeal",
    "03": "express intent to cooperate",
    "04": "consult",
    "05": "engage in diplomatic cooperation",
    "06": "engage in material cooperation",
    "07": "provide aid",
    "08": "yield",
    "09": "investigate",
    "10": "demand",
    "11": "disapprove",
    "12": "reject",
    "13": "threaten",
    "14": "protest",
    "15": "exhibit force posture",
    "16": "reduce relations",
    "17": "coerce",
    "18": "assault",
    "19": "fight",
    "20": "use unconventional mass violence",
}


class Verb(NamedTuple):
    """What a CAMEO code says in words, the kind that it is, and what of the kind's detail it settles."""

    label: str
    kind: str
    detail: dict[str, Any]


BATTLES, EXPLOSIONS, CIVILIANS = "Battles", "Explosions/Remote violence", "Violence against civilians"
# Code, what it says, and the ACLED event type and sub-event type where only one can be meant.
VIOLENCE: tuple[tuple[str, str, str | None, str | None], ...] = (
    ("180", "Use unconventional violence", None, None),
    ("181", "Abduct, hijack, or take hostage", CIVILIANS, "Abduction/forced disappearance"),
    ("182", "Physically assault", None, None),
    ("1821", "Sexually assault", CIVILIANS, "Sexual violence"),
    ("1822", "Torture", None, None),
    ("1823", "Kill by physical assault", None, None),
    ("183", "Conduct suicide, car, or other non-military bombing", EXPLOSIONS, None),
    ("1831", "Carry out suicide bombing", EXPLOSIONS, "Suicide bomb"),
    ("1832", "Carry out vehicular bombing", EXPLOSIONS, None),
    ("1833", "Carry out roadside bombing", EXPLOSIONS, "Remote explosive/landmine/IED"),
    ("1834", "Carry out location bombing", EXPLOSIONS, None),
    ("184", "Use as human shield", None, None),
    ("185", "Attempt to assassinate", None, None),
    ("186", "Assassinate", None, None),
    ("190", "Use conventional military force", None, None),
    ("191", "Impose blockade, restrict movement", None, None),
    ("192", "Occupy territory", None, None),
    ("193", "Fight with small arms and light weapons", BATTLES, "Armed clash"),
    ("194", "Fight with artillery and tanks", EXPLOSIONS, "Shelling/artillery/missile attack"),
    ("195", "Employ aerial weapons", EXPLOSIONS, "Air/drone strike"),
    ("1951", "Employ precision-guided aerial munitions", EXPLOSIONS, "Air/drone strike"),
    ("1952", "Employ remotely piloted aerial munitions", EXPLOSIONS, "Air/drone strike"),
    ("196", "Violate ceasefire", None, None),
    ("200", "Use unconventional mass violence", None, None),
    ("201", "Engage in mass expulsion", None, None),
    ("202", "Engage in mass killings", CIVILIANS, "Attack"),
    ("203", "Engage in ethnic cleansing", CIVILIANS, None),
    ("204", "Use weapons of mass destruction", EXPLOSIONS, None),
    ("2041", "Use chemical, biological, or radiological weapons", EXPLOSIONS, None),
    ("2042", "Detonate nuclear weapons", EXPLOSIONS, None),
)
THREATS = (
    ("138", "Threaten with military force"),
    ("1381", "Threaten blockade"),
    ("1382", "Threaten occupation"),
    ("1383", "Threaten unconventional violence"),
    ("1384", "Threaten conventional attack"),
    ("1385", "Threaten attack with WMD"),
)
# Code, what it says, the state of the talks, and their format and outcome where it tells.
TALKS: tuple[tuple[str, str, str, str | None, str | None], ...] = (
    ("036", "Express intent to meet or negotiate", "proposed", None, None),
    ("037", "Express intent to settle dispute", "proposed", None, None),
    ("038", "Express intent to accept mediation", "proposed", "mediated", None),
    ("039", "Express intent to mediate", "proposed", "mediated", None),
    ("045", "Mediate", "held", "mediated", None),
    ("046", "Engage in negotiation", "held", None, None),
    ("057", "Sign formal agreement", "held", None, "agreement"),
    ("164", "Halt negotiations", "collapsed", None, None),
    ("165", "Halt mediation", "collapsed", "mediated", None),
)
MEDIATIONS = frozenset({"039", "045"})  # the first actor is the mediator
# Code, what it says, the sort of measure, the stage, and the direction.
SANCTIONS = (
    ("0354", "Express intent to ease economic sanctions, boycott, or embargo", "unspecified", "announced", "ease"),
    ("085", "Ease economic sanctions, boycott, embargo", "unspecified", "lifted", "ease"),
    ("1244", "Refuse to ease economic sanctions, boycott, or embargo", "unspecified", "in_force", "maintain"),
    ("1311", "Threaten to reduce or stop aid", "aid_suspension", "threatened", "impose"),
    ("1312", "Threaten with sanctions, boycott, embargo", "unspecified", "threatened", "impose"),
    ("162", "Reduce or stop material aid", "aid_suspension", "adopted", "impose"),
    ("1621", "Reduce or stop economic assistance", "aid_suspension", "adopted", "impose"),
    ("1622", "Reduce or stop military assistance", "aid_suspension", "adopted", "impose"),
    ("1623", "Reduce or stop humanitarian assistance", "aid_suspension", "adopted", "impose"),
    ("163", "Impose embargo, boycott, or sanctions", "unspecified", "adopted", "impose"),
)
VERBS: dict[str, Verb] = {
    **{
        code: Verb(label, "attack", {"state": "carried_out", "event_type": sort, "sub_event_type": subsort})
        for code, label, sort, subsort in VIOLENCE
    },
    **{code: Verb(label, "attack", {"state": "threatened"}) for code, label in THREATS},
    **{
        code: Verb(label, "negotiation_round", {"state": state, "format": form, "outcome": outcome})
        for code, label, state, form, outcome in TALKS
    },
    **{
        code: Verb(label, "sanction_move", {"stage": stage, "direction": way, "measures": [{"type": measure}]})
        for code, label, measure, stage, way in SANCTIONS
    },
}


def event_code(text: str, root: str | None) -> str | None:
    """A CAMEO event code with the zeros that it lost where it was saved as a number; None where it is none.

    `root` is the code of its class, if known, which may have lost its zero too.

    >>> event_code("61", "6"), event_code("354", "3"), event_code("112", "11"), event_code("1244", None)
    ('061', '0354', '112', '1244')
    """
    text, root = text.removesuffix(".0"), None if root is None else root.removesuffix(".0").zfill(2)
    for code in (text, f"0{text}", f"{text}0"):
        if code.isdecimal() and len(code) in {3, 4} and code[:2] in ROOTS and root in {None, code[:2]}:
            return code
    return None


# Three letters that CAMEO writes otherwise than ISO 3166-1; parts of the world (AFR, EUR, MEA, ...) are no country.
OWN_COUNTRIES = {
    "BAG": "IQ",
    "GZS": "PS",
    "IMY": "IM",
    "KSV": "XK",
    "MTN": "ME",
    "ROM": "RO",
    "SPM": "PM",
    "TMP": "TL",
    "WSB": "PS",
    "ZAR": "CD",
}
EUROPEAN_UNION = "EEC"  # among the codes of known groups
# Codes of roles, the first that is known counts; those of states' own forces and of the police go before.
ACTOR_TYPES = {
    "MIL": "state_forces",
    "COP": "state_forces",
    "SPY": "state_forces",
    "REB": "rebel_group",
    "INS": "rebel_group",
    "SEP": "rebel_group",
    "UAF": "political_militia",
    "GOV": "government",
    "LEG": "government",
    "JUD": "government",
    "IGO": "igo",
    "IMG": "external_other",
    "BUS": "company",
    "MNC": "company",
    "CVL": "civilians",
    "REF": "civilians",
}
STATE_TYPES = frozenset({"government", "state_forces"})


def actor_country(code: str | None) -> str | None:
    """The ISO 3166 code of a CAMEO country; None for a part of the world, and for a code that is not known."""
    return None if code is None else OWN_COUNTRIES.get(code) or three_letters().get(code.casefold())
