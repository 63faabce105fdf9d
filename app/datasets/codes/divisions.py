"""Names of first-order divisions, as UCDP and ACLED write them in English, to codes of ISO 3166-2 (by pycountry)."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import pycountry

from app.datasets.codes import ukraine
from app.kinds.countries import plain

# Words for a division that stand beside its name.
WORDS = re.compile(
    r"\b(administrative|area|autonomous|capital|city|county|department|departamento|district|division|emirate|estado"
    r"|federal|federation|governorate|krai|kray|metropolitan|municipality|oblast|oblys|okrug|parish|prefecture|province"
    r"|provincia|region|republic|respublika|state|territory|voivodeship|wilaya|of|de|del|do|da|al|el|as|ash|ad|an)\b"
)
RUSSIAN = re.compile(r"(skaya|skiy|aya|iy)$")  # Kurskaya oblast' is Kursk, Belgorodskaya oblast' is Belgorod

# Names in English or French, and older ones, that are unlike those of the list, which writes most in the country's
# language: country, name, what follows the hyphen of the code. A division that was renamed since has today's code, one
# that was abolished its withdrawn code; where the list had none, that of the division which has all its land, if any.
LISTED = """
AF daikundi DAY, hilmand HEL, hirat HER, jawzjan JOW, oruzgan URU, paktya PIA, panjsher PAN, sari pul SAR
AO kuando kubango CCU, kwanza norte CNO, kwanza sul CUS, malanje MAL
AZ baku BA, ganja GA, nakhchivan NX
BD barisal A, chittagong B
CD bandundu BN, bas congo BC, kasai occidental KW, katanga KA, north kivu NK, orientale OR, south kivu SK
CF kemo KG, mambere kadei HS, nana grebizi KB
CI dix huit montagnes 06, moyen cavally 19
CM est ES, extreme nord EN, nord NO, nord ouest NW, ouest OU, sud SU, sud ouest SW
CO bogota DC, bogota d c DC, distrito capital DC, guajira LAG, valle VAC
DZ algiers 16
EG alexandria ALX, beni suef BNS, cairo C, damietta DT, fayoum FYM, giza GZ, ismailia IS, luxor LX, new valley WAD
EG north sinai SIN, port said PTS, qalyubia KB, red sea BA, sohag SHG, south sinai JS, suez SUZ
ET amhara AM, benishangul gumuz BE, gambela GA, gambella GA, harari HA, oromiya OR, snnpr SN, tigray TI
GE adjara AJ, samegrelo SZ
HT grand anse GA, north ND, northeast NE, northwest NO, south SD, southeast SE, west OU
ID central java JT, central kalimantan KT, central sulawesi ST, east java JI, jakarta JK, north sumatra SU
ID south sulawesi SN, west java JB, west kalimantan KB, west papua PB
IL central M, haifa HA, jerusalem JM, northern Z, southern D, tel aviv TA
IN andaman and nicobar AN, orissa OD, pondicherry PY, uttaranchal UK
IQ at tamim KI, babylon BB, basra BA, dohuk DA, duhok DA, erbil AR, kerbala KA, kurdistan KR, mosul NI, nineveh NI
IQ qadisiyyah QA, saladin SD, salahaddin SD
IR east azarbaijan 03, east azerbaijan 03, hamedan 13, isfahan 10, khorasan razavi 09, kurdistan 12, north khorasan 28
IR razavi khorasan 09, sistan and baluchestan 11, sistan and baluchistan 11, south khorasan 29, west azarbaijan 04
IR west azerbaijan 04
KE central 200, coast 300, eastern 400, north eastern 500, rift valley 700
KH banteay meanchey 1, battambang 2, kampong cham 3, kampong speu 5, kampong thom 6, kandal 8, kep 23, koh kong 9
KH kratie 10, mondulkiri 11, oddar meanchey 22, prey veng 14, pursat 15, ratanakiri 16, siem reap 17, sihanoukville 18
KH stung treng 19, svay rieng 20, takeo 21
LB baalbek hermel BH, beirut BA, bekaa BI, beqaa BI, mount lebanon JL, nabatieh NA, nabatiye NA, north AS
LB north lebanon AS, south JA, south lebanon JA
LY benghazi BA, derna DR, kufra KF, misrata MI, mourzouq MQ, sirte SR, tripoli TB, zawiya ZA
ML timbuktu 6
MM arakan 16, irrawaddy 07, karen 13, karenni 12, magwe 03, pegu 02, rangoon 06, tenasserim 05
MX coahuila COA, distrito federal CMX, michoacan MIC, veracruz VER
NG federal capital territory FC, nassarawa NA
NP bagmati zone BA, bheri zone BH, dhaulagiri zone DH, dhawalagiri zone DH, gandaki zone GA, janakpur zone JA
NP karnali zone KA, koshi zone KO, kosi zone KO, lumbini zone LU, mahakali zone MA, mechi zone ME, narayani zone NA
NP rapti zone RA, sagarmatha zone SA, seti zone SE
PH compostela valley COM, maguindanao MAG, metro manila 00, north cotabato NCO
PK azad kashmir JK, baluchistan BA, fata TA, federal capital territory IS, federally administered tribal areas TA
PK khyber pakhtunkwa KP, n w f p KP, north west frontier KP, northern areas GB
RU chechnya CE, ingushetia IN, kabardino balkaria KB, kabardino balkarija KB, north ossetia SE
RW butare 05, cyangugu 04, gikongoro 05, kibungo 02, kibuye 04
SA eastern 04, jizan 09, madinah 03, makkah 02, mecca 02, medina 03, riyadh 01
SD bahr jabal EC, eastern darfur DE, eastern equatoria EE8, gadaref GD, gedarif GD, jonglei JG, lakes LK
SD northern bahr ghazal BN, northern darfur DN, northern kordofan KN, sinnar SI, southern darfur DS
SD southern kordofan KS, unity UY, upper nile NU, warab WR, warrap WR, western bahr ghazal BW, western darfur DW
SD western equatoria EW, western kordofan GK
SO bakol BK, banadir BN, benadir BN, galgadud GA, hiraan HI, hiran HI, lower juba JH, lower shabele SH
SO lower shabelle SH, middle juba JD, middle shabele SD, middle shabelle SD, northwest WO, nugal NU, togdher TO
SS warab WR
SY aleppo HL, damascus DI, damascus countryside RD, daraa DR, deir ez zor DY, hama HM, hasaka HA, hasakeh HA
SY hassakeh HA, homs HI, latakia LA, quneitra QU, raqqa RA, rural damascus RD, swaida SU, sweida SU, tartous TA
TD borkou ennedi tibesti BET, lake LC, ndjamena ND
TH bangkok 10
TJ dushanbe independent DU, gorno badakhshan GB, gornyy badakhshan GB, leninabad SU, leninobod SU
TJ republican subordination RA, tadzhikistan territories RA
TR afyon 03, icel 33
UA crimea 43, kharkov 63, kiev 32, kiev city 30, kyiv city 30, lugansk 09, nikolaev 48, odessa 51, zaporizhzhya 23
YE aden AD, dhale DA, dhalee DA, hadhramaut HD, hadramaut HD, hodeida HU, hodeidah HU, lahj LA, saada SD, sanaa SN
YE taiz TA
ZA natal KZN, orange free FS, orange free state FS
"""


def _listed() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in LISTED.strip().splitlines():
        country, _, names = line.partition(" ")
        for name, _, code in (entry.rpartition(" ") for entry in names.split(", ")):
            found.setdefault(country, {})[name] = f"{country}-{code}"
    return found


ENGLISH = _listed()
# Of Arabic, ayn and hamza, which are left out; of Turkish, the i without a dot.
LETTERS = dict.fromkeys(map(ord, "\u2018\u02bb\u02bc\u02be\u02bf`\u00b4")) | {ord("\u0131"): "i"}


@lru_cache(4_096)
def division_named(country: str, name: str) -> str | None:
    """The code of a country's first-order division; None where it has no such name, or two.

    >>> division_named("SY", "Idlib governorate"), division_named("UA", "Donetsk oblast")
    ('SY-ID', 'UA-14')
    """
    full = _plain(name)
    bare = _bare(full)
    known = _names(country)
    return known.get(full) or known.get(bare)


def _plain(name: str) -> str:
    return plain(name.translate(LETTERS))


def _bare(name: str) -> str:
    return " ".join(WORDS.sub(" ", name).split())


@cache
def _names(country: str) -> dict[str, str]:
    """Names of a country's divisions; one that two have is nobody's, unless one of them is of the first order."""
    tops: dict[str, set[str]] = {}
    parts: dict[str, set[str]] = {}
    for division in pycountry.subdivisions:
        for name in _spellings(country, division.name) if division.country_code == country else ():
            (tops if division.parent_code is None else parts).setdefault(name, set()).add(division.code)
    found = {name: next(iter(codes)) for names in (parts, tops) for name, codes in names.items() if len(codes) == 1}
    listed = {plain(name): place.admin1 for name, place in ukraine.DIVISIONS.items() if place.country == country}
    return found | {name: code for name, code in listed.items() if code is not None} | ENGLISH.get(country, {})


def _spellings(country: str, name: str) -> set[str]:
    parts = {_plain(part) for part in (name, name.partition(",")[0], re.sub(r"[\[(].*?[\])]", "", name))}
    parts |= {_bare(part) for part in parts}
    if country == "RU":
        parts |= {RUSSIAN.sub(end, part) for part in parts for end in ("", "sk")}
    return parts - {""}
