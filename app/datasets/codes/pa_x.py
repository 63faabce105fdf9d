"""PA-X, the codes of what a peace agreement provides for, and the people and organisations that it names as free text.

PA-X Codebook, version 3 (Bell, Badanjak, Forster and others, University of Edinburgh, 2020). A provision is coded 0
where the agreement has none, else 1, or 1 to 3 by how far it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from app.datasets.cells import shorten
from app.datasets.cells.extras import clean_text
from app.kinds.countries import known_names, plain

# The columns of version 3; from `GCh` to `ImSrc` they are codes of provisions.
COLUMNS = """
Con Contp PP PPName Reg AgtId Ver Agt Dat Status Lgt N_characters Agtp Stage StageSub Part ThrdPart OthAgr Loc1ISO
Loc2ISO Loc1GWNO Loc2GWNO UcdpCon UcdpAgr PamAgr CowWar GCh GChRhet GChAntid GChSubs GChOth GDis GDisRhet GDisAntid
GDisSubs GDisOth GAge GAgeRhet GAgeAntid GAgeSubs GAgeOth GMig GMigRhet GMigAntid GMigSubs GMigOth GRa GRaRhet
GRaAntid GRaSubs GRaOth GRe GReRhet GReAntid GReSubs GReOth GInd GIndRhet GIndAntid GIndSubs GIndOth GOth GOthRhet
GOthAntid GOthSubs GOthOth GRef GRefRhet GRefSubs GRefOth GSoc GSocRhet GSocAntid GSocSubs GSocOth GeWom GeMe GeMeNu
GeMeOth GeLgbti GeLgbtiPos GeLgbtiNeg GeFa StDef StGen StCon StSd StRef StSym StInd StUni StBor StXbor Pol PolGen
PolNewInd PolNewTemp ConRen Cons Ele ElecComm PolPar PolParTrans PolParOth Civso Tral Pubad Polps PpsSt PpsSub PpsEx
PpsOro PpsOthPr PpsVet PpsAut PpsInt PpsOth Terps TpsSub TpsLoc TpsAut TpsOth Eps EpsRes EpsFis EpsOth Mps MpsMe MpsJt
MpsPro MpsOth HrGen EqGen HrDem Prot ProtCiv ProtGrp ProtLgl ProtOth HrFra HrfSp HrfBor HrfTinc HrfOth HrCp CprLife
CprTort CprEq CprSlav CprLib CprDet CprFmov CprFspe CprFass CprTria CprPriv CprVote CprReli CprOth HrSec SerProp
SerWork SerHeal SerEdu SerStdl SerShel SerSs SerCult SerOth HrNi HrNiMe HrNiNe HrNiOth HrIi HrIiMon HrIiBod HrIiOth
HrMob HrDet Med MedGov MedSubs MedLog MedOth HrCit CitGen CitRights CitDef CitOth JusCr JusCrSp JusCrSys JusCrPow
JusEm JusJu JusPri JusTra Dev DevSoc DevHum DevInfra NEC NatRes IntFu Bus Tax TaxPo TaxRef TaxOth Ban CenBan BanPers
BanInt BanXb LaRef LaRefMan LaRefRet LaRefOth LaNom LaCH LaCHTa LaCHIt LaCHPro LaCHOth LaEn Wat SsrGua Ce CeProv CeGen
SsrPol SsrArm SsrDdr DdrDemil DdrProg SsrInt SsrPsf SsrFf Cor SsrCrOcr SsrDrugs Terr TjGen TjAm TjAmPro TjSan TjPower
TjAmBan TjCou TjJaNc TjJaIc TjMech TjPrire TjVet TjVic TjMis TjRep TjRSym TjRMa TjNR ImUN ImOth ImRef ImPK ImE ImSrc
"""
FIRST_PROVISION = "GCh"
# Of our issues, the provisions that are about each.
ISSUES: dict[str, tuple[str, ...]] = {
    "ceasefire": ("Ce", "CeProv", "CeGen"),
    "prisoner_exchange": ("TjPrire",),
    "territory": ("StBor", "StXbor", "Terps"),
    "security_guarantees": ("SsrGua",),
    "peacekeeping": ("ImPK",),
    "enforcement": ("ImE",),
    "humanitarian": ("DevHum", "GRef"),
    "disarmament": ("SsrDdr", "DdrDemil", "DdrProg"),
    "elections": ("Ele", "ElecComm"),
    "justice": ("TjGen", "TjCou", "TjMech", "TjVic", "TjRep", "JusCr", "JusEm", "JusJu"),
    "amnesty": ("TjAm", "TjAmPro"),
    "sanctions": ("TjSan",),
}
STAGES = ("Pre", "Cea", "SubPar", "SubComp", "Imp", "Ren", "Oth")
STAGE_ISSUES = {"Pre": "process", "Cea": "ceasefire"}
OUTCOMES = {
    "multiparty signed/agreed": "agreement",
    "agreement with subsequent status": "agreement",
    "unilateral document": "unknown",
    "status unclear": "unknown",
}

MAX_ACTORS = 200
LONG, PROSE = 60, 200  # characters of a name in a list with commas, and of a line that names nobody
QUOTED = re.compile(r"\bPages? [0-9]")  # from here on the text of the agreement is quoted
BULLET = re.compile(r"^\W*(?:\(?[0-9ivx]{1,3}[.)])?[\s\-\u2013\u2022*]*", re.IGNORECASE)
BEHALF = re.compile(
    r"(?:signed )?(?:(?:on|in) behalf of|for|pour) (?:the |le |la |les |l['\u2019])?([^:]+?)\s*(?::\s*(.*))?",
    re.IGNORECASE,
)
ROLES = (
    ("mediator", re.compile(r"mediat|m\u00e9diat|facilitat|\bchair|good offices", re.IGNORECASE)),
    ("guarantor", re.compile(r"guarant|garant", re.IGNORECASE)),
    ("observer", re.compile(r"witness|observ|attest|t\u00e9moin|testigo", re.IGNORECASE)),
)
ORGANISATIONS = re.compile(
    r"\b(?:United Nations|UN|UNSC|African Union|AU|Organi[sz]ation of African Unity|OAU|European (?:Union|Community)|"
    r"EU|OSCE|CSCE|ECOWAS|IGAD|SADC|NATO|League of Arab States|Arab League|Organi[sz]ation of (?:the )?Islamic|"
    r"Organi[sz]ation of American States|OAS|ASEAN|Commonwealth|CIS)\b"
)
GOVERNMENT = re.compile(r"\b(?:governments?|govt|gobierno|gouvernement)\b", re.IGNORECASE)
# What stands before the name of a country, without which it is looked for; no "Islamic State of", which is a party.
STATE_OF = re.compile(
    r"(?:(?:by )?the )?(?:(?:royal |transitional |interim |national |federal |union )*(?:government|govt\.?)"
    r"|(?:(?:united|federal|federative|democratic|people['\u2019]?s|socialist|islamic|arab|bolivarian|union) )*republic"
    r"|state|(?:hashemite )?kingdom) of (?:the )?"
    r"|by the |(?:le |el )?(?:gouvernement|gobierno)(?: de(?: la|l)?| du| d['\u2019])\s?"
    r"|(?:la )?(?:r\u00e9publique|rep\u00fablica)(?: de(?: la|l|s)?| du| d['\u2019])\s?",
    re.IGNORECASE,
)
BRACKETS = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]?$")
# After a comma, who signs for the country that stands before it, rather than one more party.
OFFICE = re.compile(
    r"president|minist|ambassador|secretary|\bhead\b|chair|represent|delegat|envoy|signed|king\b|premier|general|"
    r"\b(?:h\.?e|mr|mrs|ms|dr)\b",
    re.IGNORECASE,
)


def issues_of(values: dict[str, int], stage: str | None) -> list[str]:
    """What an agreement with those codes is about, `other` where none of our issues is coded."""
    found = [STAGE_ISSUES[stage]] if stage in STAGE_ISSUES else []
    found += [issue for issue, columns in ISSUES.items() if any(values.get(column) for column in columns)]
    return list(dict.fromkeys(found)) or ["other"]


def parties(text: str) -> list[dict[str, Any]]:
    """The parties that a text names, each line or part between semicolons one, as actors with role participant."""
    return [actor(name, "participant") for name in find_names(text)]


def third_parties(text: str) -> list[dict[str, Any]]:
    """The third parties that a text names, with the role that it tells them: observers unless it says otherwise."""
    found: list[dict[str, Any]] = []
    role = "observer"
    for line in lines(text):
        told = next((name for name, words in ROLES if words.search(line)), None)
        if line.endswith(":"):
            role = told or role
        if not (told and line.endswith(":")):
            found += [actor(name, told or role) for name in names_in(line)]
    return unique(found)


def find_names(text: str) -> list[str]:
    """The names in a text, each once."""
    return list(dict.fromkeys(name for line in lines(text) for name in names_in(line)))[:MAX_ACTORS]


def lines(text: str) -> list[str]:
    """The lines of a text, and parts between semicolons, without bullets and numbers; lists are split at commas."""
    found: list[str] = []
    for part in re.split(r"[\n\r;]+", clean_text(QUOTED.split(text)[0])):
        line = " ".join(BULLET.sub("", part).split())
        names = re.split(r",\s+", line)
        found += names if len(names) > 4 and max(map(len, names)) <= LONG else [line]
    return [line for line in found if any(map(str.isalpha, line))]


def names_in(line: str) -> Iterator[str]:
    """The party on whose behalf a line is signed, and who signs; nothing for prose."""
    match = BEHALF.fullmatch(line)
    for part in match.groups() if match else (line,):
        name = (part or "").strip(" :,.[]")
        if len(name) > 1 and len(name) <= PROSE:
            yield shorten(name)


def actor(name: str, role: str) -> dict[str, Any]:
    """An actor of that name, its country where the name is that of a country or of its government."""
    country = country_of_party(name)
    if country == "EU" or ORGANISATIONS.search(name):
        return {"name": name, "role": role, "type": "igo", "country": "EU" if country == "EU" else None}
    is_government = country is not None or GOVERNMENT.search(name)
    return {"name": name, "role": role, "type": "government" if is_government else "other", "country": country}


def country_of_party(name: str) -> str | None:
    """The country that a party's name is, in any of its forms, without what stands in brackets and who signs for it.

    >>> country_of_party("REPUBLIC OF EGYPT"), country_of_party("Government of Angola, UNITA")
    ('EG', None)
    >>> country_of_party("Government of Sudan (GoS)"), country_of_party("State of Eritrea, President A. Aye")
    ('SD', 'ER')
    """
    rest = BRACKETS.sub("", name)
    before, _, after = rest.partition(", ")
    for text in dict.fromkeys((name, rest, before if OFFICE.search(after) else rest)):
        left, prefix = text, STATE_OF.match(text)
        while (found := country_by_name(left)) is None and prefix and plain(left) != "republic of china":
            left = left[prefix.end() :]
            prefix = STATE_OF.match(left)
        if found is not None:
            return found
    return None


def country_by_name(text: str) -> str | None:
    """The country of that name; of the codes only two, since parties have abbreviations too."""
    return text if text in {"EU", "US"} else known_names().get(plain(text))


def unique(actors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The actors by name, each once."""
    return list({found["name"]: found for found in reversed(actors)}.values())[::-1][:MAX_ACTORS]
