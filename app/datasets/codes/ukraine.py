"""Places of the air war over Ukraine by their English names: the divisions with their centres, and towns and bases.

Codes: ISO 3166-2:UA and ISO 3166-2:RU. The points are the middles of the divisions to a tenth of a degree, as UCDP
gives an event of which only the division is known the middle of that division.
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A country or division, and a point in its middle where the list has one."""

    country: str | None = None
    admin1: str | None = None
    lat: float | None = None
    lon: float | None = None


UKRAINE = Place("UA", None, 48.4, 31.2)
DIVISIONS = {
    "Vinnytsia": Place("UA", "UA-05", 49.0, 28.7),
    "Volyn": Place("UA", "UA-07", 51.1, 24.9),
    "Luhansk": Place("UA", "UA-09", 49.0, 39.0),
    "Dnipropetrovsk": Place("UA", "UA-12", 48.4, 35.0),
    "Donetsk": Place("UA", "UA-14", 48.1, 37.8),
    "Zhytomyr": Place("UA", "UA-18", 50.6, 28.5),
    "Zakarpattia": Place("UA", "UA-21", 48.4, 23.3),
    "Zaporizhzhia": Place("UA", "UA-23", 47.3, 35.7),
    "Ivano-Frankivsk": Place("UA", "UA-26", 48.7, 24.6),
    "Kyiv": Place("UA", "UA-32", 50.2, 30.8),
    "Kirovohrad": Place("UA", "UA-35", 48.5, 32.0),
    "Lviv": Place("UA", "UA-46", 49.8, 24.0),
    "Mykolaiv": Place("UA", "UA-48", 47.4, 31.8),
    "Odesa": Place("UA", "UA-51", 46.8, 30.3),
    "Poltava": Place("UA", "UA-53", 49.6, 33.9),
    "Rivne": Place("UA", "UA-56", 51.0, 26.5),
    "Sumy": Place("UA", "UA-59", 51.0, 34.0),
    "Ternopil": Place("UA", "UA-61", 49.4, 25.6),
    "Kharkiv": Place("UA", "UA-63", 49.6, 36.5),
    "Kherson": Place("UA", "UA-65", 46.6, 33.4),
    "Khmelnytskyi": Place("UA", "UA-68", 49.5, 27.0),
    "Cherkasy": Place("UA", "UA-71", 49.2, 31.3),
    "Chernihiv": Place("UA", "UA-74", 51.3, 32.0),
    "Chernivtsi": Place("UA", "UA-77", 48.3, 25.9),
    # Named after their towns, or misspelt.
    "Dnipro": Place("UA", "UA-12", 48.4, 35.0),
    "Lutsk": Place("UA", "UA-07", 51.1, 24.9),
    "Odeas": Place("UA", "UA-51", 46.8, 30.3),
    "Uzhhorod": Place("UA", "UA-21", 48.4, 23.3),
    # Of Russia, as places of launch: no points.
    "Astrakhan": Place("RU", "RU-AST"),
    "Belgorod": Place("RU", "RU-BEL"),
    "Bryansk": Place("RU", "RU-BRY"),
    "Kaluga": Place("RU", "RU-KLU"),
    "Krasnodar": Place("RU", "RU-KDA"),
    "Kursk": Place("RU", "RU-KRS"),
    "Leningrad": Place("RU", "RU-LEN"),
    "Lipetsk": Place("RU", "RU-LIP"),
    "Moscow": Place("RU", "RU-MOS"),
    "Murmansk": Place("RU", "RU-MUR"),
    "Nizhny Novgorod": Place("RU", "RU-NIZ"),
    "Novgorod": Place("RU", "RU-NGR"),
    "Oryol": Place("RU", "RU-ORL"),
    "Penza": Place("RU", "RU-PNZ"),
    "Pskov": Place("RU", "RU-PSK"),
    "Rostov": Place("RU", "RU-ROS"),
    "Ryazan": Place("RU", "RU-RYA"),
    "Samara": Place("RU", "RU-SAM"),
    "Saratov": Place("RU", "RU-SAR"),
    "Smolensk": Place("RU", "RU-SMO"),
    "Stavropol": Place("RU", "RU-STA"),
    "Tambov": Place("RU", "RU-TAM"),
    "Tula": Place("RU", "RU-TUL"),
    "Tver": Place("RU", "RU-TVE"),
    "Volgograd": Place("RU", "RU-VGG"),
    "Vologda": Place("RU", "RU-VLG"),
    "Voronezh": Place("RU", "RU-VOR"),
    "Yaroslavl": Place("RU", "RU-YAR"),
}
# Towns, bases and other places that are called without their division.
TOWNS = {
    "Kyiv": Place("UA", "UA-30", 50.45, 30.52),
    "Sevastopol": Place("UA", "UA-40", 44.6, 33.5),
    "Crimea": Place("UA", "UA-43", 45.2, 34.3),
    "Dnipro": Place("UA", "UA-12", 48.46, 35.04),
    "Donetsk": Place("UA", "UA-14", 48.0, 37.8),
    "Kharkiv": Place("UA", "UA-63", 49.99, 36.23),
    "Kherson": Place("UA", "UA-65", 46.64, 32.61),
    "Kolomyia": Place("UA", "UA-26", 48.53, 25.04),
    "Kramatorsk": Place("UA", "UA-14", 48.74, 37.58),
    "Kremenchuk": Place("UA", "UA-53", 49.07, 33.42),
    "Kryvyi Rih": Place("UA", "UA-12", 47.91, 33.39),
    "Lutsk": Place("UA", "UA-07", 50.75, 25.32),
    "Lviv": Place("UA", "UA-46", 49.84, 24.03),
    "Mykolaiv": Place("UA", "UA-48", 46.97, 32.0),
    "Ochakiv": Place("UA", "UA-48", 46.61, 31.54),
    "Odesa": Place("UA", "UA-51", 46.48, 30.73),
    "Poltava": Place("UA", "UA-53", 49.59, 34.55),
    "Snake Island": Place("UA", "UA-51", 45.26, 30.2),
    "Starokostiantyniv": Place("UA", "UA-68", 49.76, 27.21),
    "Sumy": Place("UA", "UA-59", 50.91, 34.8),
    "Vinnytsia": Place("UA", "UA-05", 49.23, 28.47),
    "Zaporizhzhia": Place("UA", "UA-23", 47.84, 35.14),
    "Berdiansk": Place("UA", "UA-23"),
    "Hvardiiske": Place("UA", "UA-43"),
    "Mariupol direction": Place("UA", "UA-14"),
    "Melitopol": Place("UA", "UA-23"),
    "Tokmak": Place("UA", "UA-23"),
    "Belgorod": Place("RU", "RU-BEL"),
    "Engels-2": Place("RU", "RU-SAR"),
    "Millerovo": Place("RU", "RU-ROS"),
    "Morozovsk": Place("RU", "RU-ROS"),
    "Olenegorsk": Place("RU", "RU-MUR"),
    "Olenya": Place("RU", "RU-MUR"),
    "Primorsko-Akhtarsk": Place("RU", "RU-KDA"),
    "Saratov": Place("RU", "RU-SAR"),
    "Savasleyka": Place("RU", "RU-NIZ"),
    "Shatalovo": Place("RU", "RU-SMO"),
    "Shaykovka": Place("RU", "RU-KLU"),
    "Soltsy-2": Place("RU", "RU-NGR"),
    "Taganrog": Place("RU", "RU-ROS"),
    "Volgodonsk": Place("RU", "RU-ROS"),
    "Yeysk": Place("RU", "RU-KDA"),
    "Belarus": Place("BY"),
}
# Directions in Ukraine, where its regional air commands report them; UCDP calls such a precision 5: a fuzzy area.
DIRECTIONS = {
    "north": Place("UA", None, 51.0, 32.5),
    "north-east": Place("UA", None, 50.3, 35.5),
    "east": Place("UA", None, 48.5, 37.0),
    "south-east": Place("UA", None, 47.7, 35.8),
    "south": Place("UA", None, 47.0, 32.5),
    "west": Place("UA", None, 49.5, 25.0),
    "center": Place("UA", None, 49.3, 31.5),
    "front line": Place("UA"),
}
BY_NAME = {
    **{name.casefold(): place for name, place in TOWNS.items()},
    **{f"{name} {word}".casefold(): place for name, place in DIVISIONS.items() for word in ("oblast", "oblas", "krai")},
    "ukraine": UKRAINE,
}


def place_named(name: str) -> Place | None:
    """The place that is called so; of `Chauda, Crimea` or `Kyiv oblast (south)` the part that the list has."""
    parts = [part.strip() for part in name.casefold().partition("(")[0].split(",")]
    return next((BY_NAME[part] for part in parts if part in BY_NAME), None)
