"""What the generated shop sells: the categories, with their products, prices and seasons."""

from dataclasses import dataclass

JULY, JANUARY, ALL_YEAR = 7, 1, None  # the months in which most is bought


@dataclass(frozen=True, slots=True)
class Category:
    """One category of products."""

    name: str
    nouns: tuple[str, ...]  # of the titles of its products
    lowest: float  # price
    highest: float
    peak: int | None  # month
    companion: str  # the category of what is often bought with it
    picture: str  # the path of an SVG of 24 by 24


RANGE = (
    Category(
        "Tents",
        ("Dome Tent", "Tunnel Tent", "Family Tent", "Tarp"),
        *(79, 649, JULY, "Sleeping mats"),
        "M12 4 2 20h20zM12 10l4 10H8z",
    ),
    Category(
        "Sleeping bags",
        ("Down Bag", "Summer Bag", "Quilt", "Mummy Bag"),
        *(49, 399, JULY, "Tents"),
        "M8 3h8a3 3 0 0 1 3 3l-3 15H8L5 6a3 3 0 0 1 3-3z",
    ),
    Category(
        "Sleeping mats",
        ("Air Mat", "Foam Mat", "Double Mat"),
        *(19, 189, JULY, "Sleeping bags"),
        "M2 14h17a3 3 0 1 0-3-3h6v7H2z",
    ),
    Category(
        "Stoves",
        ("Gas Stove", "Multi-Fuel Stove", "Wood Stove"),
        *(25, 179, JULY, "Cookware"),
        "M12 2c4 5 5 7 5 10a5 5 0 0 1-10 0c0-2 1-4 3-5 0 2 1 3 2 3 1-2 1-5 0-8zM5 19h14v3H5z",
    ),
    Category(
        "Cookware",
        ("Pot Set", "Pan", "Mug", "Kettle"),
        *(9, 89, JULY, "Trail food"),
        "M3 9h15v8a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3zM18 11h4v3h-4zM2 6h17v2H2z",
    ),
    Category(
        "Trail food",
        ("Pasta Meal", "Porridge", "Trail Mix", "Soup", "Chocolate Bar"),
        *(2, 14, ALL_YEAR, "Stoves"),
        "M4 11h16a8 8 0 0 1-16 0zM8 3h2v5H8zM14 3h2v5h-2z",
    ),
    Category(
        "Backpacks",
        ("Daypack", "Trekking Pack", "Frame Pack", "Duffel"),
        *(39, 329, ALL_YEAR, "Bottles"),
        "M7 8a5 5 0 0 1 10 0v12H7zM9 13h6v4H9zM4 11h2v8H4zM18 11h2v8h-2z",
    ),
    Category(
        "Bottles",
        ("Steel Bottle", "Flask", "Filter Bottle"),
        *(12, 59, JULY, "Backpacks"),
        "M10 2h4v4l2 3v11a2 2 0 0 1-2 2h-4a2 2 0 0 1-2-2V9l2-3z",
    ),
    Category(
        "Boots",
        ("Hiking Boot", "Trail Shoe", "Winter Boot", "Sandal"),
        *(59, 319, ALL_YEAR, "Socks"),
        "M6 3h6v10l8 3v4H4v-3z",
    ),
    Category(
        "Socks",
        ("Merino Sock", "Liner Sock", "Compression Sock"),
        *(8, 34, ALL_YEAR, "Boots"),
        "M9 2h6v11l-6 8a4 4 0 0 1-6-5l6-6z",
    ),
    Category(
        "Jackets",
        ("Rain Jacket", "Down Jacket", "Softshell", "Windbreaker"),
        *(69, 549, JANUARY, "Base layers"),
        "M8 3h8l6 5-3 4-2-1v10H7V11l-2 1-3-4z",
    ),
    Category(
        "Base layers",
        ("Merino Shirt", "Long Johns", "Fleece", "Vest"),
        *(29, 139, JANUARY, "Jackets"),
        "M7 3h10l4 6-4 2v10H7V11L3 9z",
    ),
    Category(
        "Lamps",
        ("Headlamp", "Lantern", "Torch"),
        *(19, 149, JANUARY, "Power"),
        "M12 2a6 6 0 0 1 4 11v3H8v-3a6 6 0 0 1 4-11zM9 18h6v3H9z",
    ),
    Category(
        "Power",
        ("Power Bank", "Solar Panel", "Battery Set"),
        *(9, 219, ALL_YEAR, "Lamps"),
        "M13 2 5 14h6l-1 8 8-12h-6z",
    ),
    Category(
        "Skis",
        ("Touring Ski", "Backcountry Ski", "Ski Poles", "Snowshoe"),
        *(59, 749, JANUARY, "Goggles"),
        "M6 2h3v17a3 3 0 0 0 3 3H6zM14 2h3v17a3 3 0 0 0 3 3h-6z",
    ),
    Category(
        "Goggles",
        ("Ski Goggles", "Glacier Glasses", "Sun Glasses"),
        *(25, 229, JANUARY, "Skis"),
        "M2 8h20v8h-7l-3-3-3 3H2z",
    ),
)
BRANDS = (
    *("Aldernes", "Bergholt", "Cairnway", "Dunmoor", "Elmfjell", "Fernloch", "Granvik", "Hallsund"),
    *(
        "Ironbeck",
        "Jostedal",
        "Kestrel",
        "Larkfield",
        "Moorgate",
        "Nordvind",
        "Oakhurst",
        "Peakford",
    ),
)
ADJECTIVES = (
    *(
        "Light",
        "Alpine",
        "Polar",
        "Compact",
        "Classic",
        "Swift",
        "Storm",
        "Summit",
        "Valley",
        "Trail",
    ),
    *(
        "Ridge",
        "Forest",
        "Glacier",
        "Coast",
        "Nomad",
        "Pioneer",
        "Scout",
        "Horizon",
        "Lake",
        "Canyon",
    ),
)
