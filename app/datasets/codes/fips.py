"""FIPS 10-4, the codes of countries and of their divisions that GDELT writes, in ISO 3166.

FIPS PUB 10-4 (NIST, 1995, withdrawn in 2008) with its change notices, and the codes that GDELT's list of countries has
beside it (`OD` South Sudan, `RB` and `RI` Serbia, `KV` Kosovo). The same two letters often mean another country in ISO.
"""

from __future__ import annotations

from functools import cache

from app.datasets.codes.divisions import division_named
from app.kinds.codes import subdivisions

# FIPS code, then ISO 3166 code. The sea (`OS`), undersea features (`UF`), the Paracel (`PF`) and Spratly (`PG`) Islands
# have none.
COUNTRIES = """
AA AW, AC AG, AE AE, AF AF, AG DZ, AJ AZ, AL AL, AM AM, AN AD, AO AO, AQ AS, AR AR, AS AU, AT AU, AU AT, AV AI, AX GB,
AY AQ, BA BH, BB BB, BC BW, BD BM, BE BE, BF BS, BG BD, BH BZ, BK BA, BL BO, BM MM, BN BJ, BO BY, BP SB, BQ UM, BR BR,
BS TF, BT BT, BU BG, BV BV, BX BN, BY BI, CA CA, CB KH, CD TD, CE LK, CF CG, CG CD, CH CN, CI CL, CJ KY, CK CC, CM CM,
CN KM, CO CO, CQ MP, CR AU, CS CR, CT CF, CU CU, CV CV, CW CK, CY CY, DA DK, DJ DJ, DO DM, DQ UM, DR DO, DX GB, EC EC,
EG EG, EI IE, EK GQ, EN EE, ER ER, ES SV, ET ET, EU TF, EZ CZ, FG GF, FI FI, FJ FJ, FK FK, FM FM, FO FO, FP PF, FQ UM,
FR FR, FS TF, GA GM, GB GA, GG GE, GH GH, GI GI, GJ GD, GK GG, GL GL, GM DE, GO TF, GP GP, GQ GU, GR GR, GT GT, GV GN,
GY GY, GZ PS, HA HT, HK HK, HM HM, HO HN, HQ UM, HR HR, HU HU, IC IS, ID ID, IM IM, IN IN, IO IO, IP FR, IR IR, IS IL,
IT IT, IV CI, IZ IQ, JA JP, JE JE, JM JM, JN SJ, JO JO, JQ UM, JU TF, KE KE, KG KG, KN KP, KQ UM, KR KI, KS KR, KT CX,
KU KW, KV XK, KZ KZ, LA LA, LE LB, LG LV, LH LT, LI LR, LO SK, LQ UM, LS LI, LT LS, LU LU, LY LY, MA MG, MB MQ, MC MO,
MD MD, MF YT, MG MN, MH MS, MI MW, MJ ME, MK MK, ML ML, MN MC, MO MA, MP MU, MQ UM, MR MR, MT MT, MU OM, MV MV, MX MX,
MY MY, MZ MZ, NC NC, NE NU, NF NF, NG NE, NH VU, NI NG, NL NL, NN SX, NO NO, NP NP, NR NR, NS SR, NT AN, NU NI, NZ NZ,
OD SS, PA PY, PC PN, PE PE, PK PK, PL PL, PM PA, PO PT, PP PG, PS PW, PU GW, QA QA, RB RS, RE RE, RI RS, RM MH, RN MF,
RO RO, RP PH, RQ PR, RS RU, RW RW, SA SA, SB PM, SC KN, SE SC, SF ZA, SG SN, SH SH, SI SI, SL SL, SM SM, SN SG, SO SO,
SP ES, ST LC, SU SD, SV SJ, SW SE, SX GS, SY SY, SZ CH, TB BL, TD TT, TE TF, TH TH, TI TJ, TK TC, TL TK, TN TO, TO TG,
TP ST, TS TN, TT TL, TU TR, TV TV, TW TW, TX TM, TZ TZ, UC CW, UG UG, UK GB, UP UA, US US, UV BF, UY UY, UZ UZ, VC VC,
VE VE, VI VG, VM VN, VQ VI, VT VA, WA NA, WE PS, WF WF, WI EH, WQ UM, WS WS, WZ SZ, YI CSXX, YM YE, ZA ZM, ZI ZW
"""

# For a country, the FIPS number of a division and the second half of its ISO 3166-2 code.
DIVISIONS = {
    "CA": """
        01 AB, 02 BC, 03 MB, 04 NB, 05 NL, 07 NS, 08 ON, 09 PE, 10 QC, 11 SK, 12 YT, 13 NT, 14 NU
    """,
    "RS": """
        01 AD, 03 AL, 04 ALT, 05 AMU, 06 ARK, 07 AST, 08 BA, 09 BEL, 10 BRY, 11 BU, 12 CE, 13 CHE, 14 ZAB, 15 CHU,
        16 CU, 17 DA, 18 KYA, 19 IN, 20 IRK, 21 IVA, 22 KB, 23 KGD, 24 KL, 25 KLU, 26 KAM, 27 KC, 28 KR, 29 KEM, 30 KHA,
        31 KK, 32 KHM, 33 KIR, 34 KO, 36 KAM, 37 KOS, 38 KDA, 39 KYA, 40 KGN, 41 KRS, 42 LEN, 43 LIP, 44 MAG, 45 ME,
        46 MO, 47 MOS, 48 MOW, 49 MUR, 50 NEN, 51 NIZ, 52 NGR, 53 NVS, 54 OMS, 55 ORE, 56 ORL, 57 PNZ, 58 PER,
        59 PRI, 60 PSK, 61 ROS, 62 RYA, 63 SA, 64 SAK, 65 SAM, 66 SPE, 67 SAR, 68 SE, 69 SMO, 70 STA, 71 SVE, 72 TAM,
        73 TA, 74 KYA, 75 TOM, 76 TUL, 77 TVE, 78 TYU, 79 TY, 80 UD, 81 ULY, 83 VLA, 84 VGG, 85 VLG, 86 VOR, 87 YAN,
        88 YAR, 89 YEV, 90 PER, 91 KYA, 92 KAM, 93 ZAB
    """,
    "UP": """
        01 71, 02 74, 03 77, 04 12, 05 14, 06 26, 07 63, 08 65, 09 68, 10 35, 11 43, 12 30, 13 32, 14 09, 15 46, 16 48,
        17 51, 18 53, 19 56, 20 40, 21 59, 22 61, 23 05, 24 07, 25 21, 26 23, 27 18
    """,
}


@cache
def country_codes() -> dict[str, str]:
    """ISO 3166 codes by FIPS codes."""
    return pairs(COUNTRIES)


@cache
def division_codes() -> dict[str, str]:
    """ISO 3166-2 codes by FIPS codes: `UP12` is `UA-30`."""
    return {
        country + number: f"{country_codes()[country]}-{part}"
        for country, text in DIVISIONS.items()
        for number, part in pairs(text).items()
    }


def pairs(text: str) -> dict[str, str]:
    """The words of a list of two words each, the first to the second."""
    return dict(pair.split() for pair in text.split(","))


def division(code: str | None, name: str | None) -> str | None:
    """The ISO 3166-2 code of a first-order division given by FIPS code and, where its source tells, English name.

    The letters of the United States are those of the Postal Service, as in ISO. None where neither is known: the
    divisions of most countries are numbered otherwise in FIPS, and many have been redrawn since.
    """
    country = country_codes().get((code or "")[:2])
    if code is None or country is None or len(code) <= 2:
        return None
    found = f"US-{code[2:]}" if country == "US" else division_codes().get(code)
    if found in subdivisions():
        return found
    return division_named(country, name) if name else None
