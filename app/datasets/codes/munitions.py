"""Models of missiles and drones, as the Ukrainian Air Force calls them, to the categories of munitions.

Source: the table `missiles_and_uavs.csv` that comes with "Massive Missile Attacks on Ukraine". Where the vocabulary of
events is finer: Shahed and other drones that are flown into their target are `uav_one_way_attack`, those that search it
first (Lancet, Kub) `loitering_munition`, Kinzhal is `aeroballistic_missile`, Zircon `hypersonic_missile`, and the X-31P
family, which homes on radars, `anti_radiation_missile`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

CATEGORIES = {
    "aeroballistic_missile": ("X-47 Kinzhal",),
    "anti_radiation_missile": ("X-31P", "X-31PD", "X-31PM"),
    "ballistic_missile": (
        *("Ballistic Missile", "Intercontinental Ballistic Missile", "Iskander-M", "Iskander-M/KN-23", "KN-23"),
        *("Oreshnik", "Tochka-U"),
    ),
    "cruise_missile": (
        *("Banderol", "Iskander-K", "Kalibr", "P-800 Oniks", "Unknown Missile", "X-101", "X-101/X-555", "X-22", "X-31"),
        *("X-22/X-32", "X-32", "X-35", "X-555", "X-59", "X-59/X-69", "X-59MK2", "X-69"),
    ),
    "guided_bomb": ("GBU", "KAB", "UMPK"),
    "hypersonic_missile": ("3M22 Zircon",),
    "loitering_munition": ("Kub", "Lancet"),
    "other": ("Aerial Bomb",),
    "surface_to_air_missile": ("C-300", "C-300/C-400", "C-400"),
    "uav_decoy": ("Gerbera", "Parodiya"),
    "uav_one_way_attack": ("Shahed-136", "Shahed-131", "Shahed-136/131", "Geran-2", "Молнія", "Молния", "Привет-82"),
    "uav_reconnaissance": (
        *("Eleron", "Forpost", "Granat-4", "Merlin-VR", "Mohajer-6", "Orion", "Orlan-10", "Orlan-30", "Supercam"),
        *("Reconnaissance UAV", "ZALA", "Картограф"),
    ),
}
BY_MODEL = {model.casefold(): category for category, models in CATEGORIES.items() for model in models}
# X and C of a designation, often written with the Cyrillic letters that look the same, or as Kh and S.
CYRILLIC = str.maketrans({"\u0425": "X", "\u0421": "C"})
LATIN = re.compile(r"\b(Kh|S)(?=-[0-9])")

AIR_STRIKES = frozenset({"loitering_munition", "guided_bomb", "other"})  # of aircraft and drones, beside `uav_`


def split_models(name: str) -> list[str]:
    """The models that were counted together: `X-22` and `X-32` of `X-22 and X-32`."""
    return [part.strip() for part in name.split(" and ") if part.strip()]


def category_of(name: str) -> str:
    """The category of a model, or of several joined by `and` or a slash if they have one; else `unknown`."""
    tidy = LATIN.sub(lambda match: "X" if match[1] == "Kh" else "C", name.translate(CYRILLIC)).casefold()
    parts = [
        part.strip() for whole in tidy.split(" and ") for part in ([whole] if whole in BY_MODEL else whole.split("/"))
    ]
    categories = {BY_MODEL.get(part, "unknown") for part in parts}
    return categories.pop() if len(categories) == 1 else "unknown"


def acled_type(categories: Iterable[str]) -> dict[str, str]:
    """The ACLED types of an attack with those munitions: no second where drones and missiles were, none for spying."""
    fired = set(categories) - {"uav_reconnaissance", "unknown"}
    by_air = {category for category in fired if category.startswith("uav_") or category in AIR_STRIKES}
    if not fired:
        return {}
    sub_type = {"sub_event_type": "Air/drone strike" if by_air else "Shelling/artillery/missile attack"}
    return {"event_type": "Explosions/Remote violence", **(sub_type if not by_air or by_air == fired else {})}
