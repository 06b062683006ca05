"""The names that shops and research sets have for columns: whole names, and how names end."""

import re
from collections.abc import Sequence

from offline.data.foreign_names import english_words


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Whole names without case and punctuation, the preferred ones first.
USER = _words(
    "userid user uid customerid customer memberid member visitorid visitor accountid reviewerid "
    "msno sessionid"
)
ITEM = _words(
    "itemid item iid movieid productid product articleid trackid songid bookid videoid newsid "
    "gameid artistid parentasin asin sku isbn"
)
RATING = _words("rating stars score overall")
AMOUNT = _words("weight plays playcount listens listencount count")
TIME = _words(
    "timestamp ts time datetime date createdat occurredat eventtime unixtime unixreviewtime"
)
TYPE = _words("eventtype type event action behavior behaviour behaviortype interactiontype")
TITLE = _words("title movietitle itemtitle name itemname productname headline")
CATEGORIES = _words("categories category genres genre class tags topics topic maincategory")
RELEASED = _words(
    "releaseyear year released releasedate publicationyear createdat publishedat date"
)
AVAILABLE = _words("available isavailable instock active isactive")
PROVIDER = _words(
    "provider providername providerid brand brandname brandid seller sellername sellerid vendor "
    "merchant store manufacturer artist artistname artistid author authors authorname bookauthor "
    "studio publisher developer creator"
)
DESCRIPTION = _words(
    "description overview abstract summary text plot synopsis body content blurb detaildesc "
    "longdescription shortdescription productdescription moviedescription itemdescription "
    "bookdescription details lead about"
)
FRIEND = _words("friendid friend targetid followeeid followee followingid followedid")
FOLLOWER = (*USER, "sourceid", "followerid", "follower")

# How names end: nouns before an id, and last words.
ID_ENDINGS = frozenset(
    _words("id ids code key no number num nr uuid guid sku hash pk identifier index idx uri slug")
)
NAME_ENDINGS = frozenset(_words("name title email mail login"))  # an id only for want of another
USER_FALLBACKS = frozenset(_words("email mail username login nickname nick"))
USER_NOUNS = _words(
    "user customer member visitor account reviewer client buyer shopper player profile person "
    "subscriber listener viewer reader guest patient student learner employee rater voter citizen "
    "household device cookie pseudo anonymous session"
)
ITEM_NOUNS = _words(
    "item product movie film article track song book video news game artist asin sku isbn stock "
    "recipe business course lesson job listing property hotel restaurant place venue poi location "
    "attraction ad advert offer post story episode podcast show series anime manga app content "
    "media document doc variant goods material beer wine photo image clip playlist album "
    "question paper repo joke dish menu bundle campaign creative title thing object entity "
    "service"
)
TIME_ENDINGS = frozenset(
    _words("timestamp ts time times date datetime dt dat at when utc epoch stamp unix moment on")
    + _words("created occurred happened added day")
)
OTHER_TIMES = frozenset(  # times of something else than the event
    _words("birth release released expiry expire expires update updated modified deleted shipped")
    + _words("delivered delivery estimated signup registration joined watch play dwell spent")
    + _words("duration exit limit response load")
)
TIME_UNITS = frozenset(_words("ms us ns sec secs seconds millis milliseconds s"))
RATING_ENDINGS = frozenset(
    _words("rating ratings stars star score grade points preference overall rate vote")
)
NOT_A_RATING = frozenset(
    _words("average avg mean count num number total sentiment predicted prior confidence std max")
    + _words("helpful imdb tmdb critic critics discount tax exchange conversion churn fraud min")
)
AMOUNT_ENDINGS = frozenset(
    _words("plays listens streams hours minutes seconds playtime watchtime duration freq frequency")
    + _words("cnt forever")
)
UNITS_OF_USE = frozenset(_words("ms msec millis milliseconds seconds secs minutes mins hours"))
COUNTED = frozenset(
    _words("play listen view watch watching stream click purchase played listened session")
)
MONEY_ENDINGS = frozenset(
    _words("amount price revenue total sales spend spent cost gmv subtotal paid payment eur usd")
    + _words("quantity qty units")
)
QUANTITIES = frozenset(_words("quantity qty units"))
NOT_MONEY = frozenset(_words("discount tax shipping balance list original old msrp avg average"))
TYPE_ENDINGS = frozenset(
    _words("type event action behavior behaviour activity interaction verb feedback name kind")
    + _words("vote reaction response")
)
# Names of flags, and the event types of true and false.
FLAG_TYPES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        _words("liked like likes islike isliked upvoted upvote thumbsup loved love positive"),
        ("like", "dislike"),
    ),
    **dict.fromkeys(
        _words("recommended recommend isrecommended recommends voteup wouldrecommend"),
        ("like", "dislike"),
    ),
    **dict.fromkeys(
        _words("favorite favorited isfavorite favourite favourited isfavourite wishlisted saved"),
        ("like", "view"),
    ),
    **dict.fromkeys(
        _words("follow isfollow followed share isshare shared comment iscomment commented")
        + _words("forward isforward forwarded collect iscollect collected"),
        ("like", "view"),
    ),
    **dict.fromkeys(
        _words("disliked dislike isdisliked isdislike thumbsdown hate ishate report isreport"),
        ("dislike", "view"),
    ),
    **dict.fromkeys(
        _words("purchased bought converted conversion ispurchase ispurchased ordered isbought buy")
        + _words("purchase isorder isordered isbuy"),
        ("purchase", "view"),
    ),
    **dict.fromkeys(
        _words("addedtocart addtocart incart iscart cart isaddtocart"), ("add_to_cart", "view")
    ),
    **dict.fromkeys(
        _words("watched played completed finished listened isread read isplayed iswatched"),
        ("play", "view"),
    ),
    **dict.fromkeys(_words("clicked isclick isclicked click label"), ("click", "impression")),
    **dict.fromkeys(_words("viewed isview isviewed view"), ("view", "impression")),
    **dict.fromkeys(_words("skipped isskipped skip"), ("skip", "play")),
}
OPINIONS = frozenset(  # flags whose false is an opinion too, whatever other flags there are
    _words("recommended recommend isrecommended recommends voteup wouldrecommend positive")
    + _words("thumbsup upvoted upvote")
)
TITLE_ENDINGS = frozenset(_words("title name headline label"))
LANGUAGES = frozenset(  # ends of names such as title_en
    _words("en de fr es it pt nl pl ru ja zh ko sv no da fi cs tr ar he hu ro uk el th vi id")
)
CATEGORY_ENDINGS = frozenset(
    _words("category categories genre genres tags topics topic department section style cuisine")
    + _words("keywords labels subjects subject")
)
YEAR_ENDINGS = frozenset(_words("year date released published release published"))
PROVIDER_ENDINGS = frozenset(
    _words("brand seller vendor merchant manufacturer artist author studio publisher developer")
    + _words("creator director channel")
)
DESCRIPTION_ENDINGS = frozenset(
    _words("description overview abstract summary plot synopsis blurb desc text")
)
NOT_THE_ITEM = frozenset(  # a name or category of something else than the item
    _words("user customer seller brand author artist vendor store city country color colour")
    + _words("category genre image file url director publisher department language")
)


def normalise_name(name: str) -> str:
    """Return a name without case and punctuation: ``userID`` and ``user_id`` are equal."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def split_name(name: str) -> list[str]:
    """Return the words of a name in English and lower case: ``InvoiceDate``, ``id_producto``."""
    name = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", name)  # Stars (1-5)
    return list(english_words(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)))


def ends_in_id(name: str, nouns: Sequence[str], endings: frozenset[str] = ID_ENDINGS) -> bool:
    """Return whether a name ends in one of the nouns and "id": ``app_user_id``, ``StockCode``."""
    words = split_name(name)
    if (
        len(words) > 1
        and words[-1] in endings
        and {words[-2], words[-2].removesuffix("s")} & {*nouns}
    ):
        return True
    last = words[-1] if words else ""
    return any(
        last.endswith(noun + end) and (len(noun) > 3 or last == noun + end)  # noqa: PLR2004
        for noun in nouns
        for end in endings
        if len(end) > 1
    )


def ends_in(name: str, endings: frozenset[str], unless: frozenset[str] = frozenset()) -> bool:
    """Return whether the last word of a name is one of these, and no word is excluded."""
    words = split_name(name)
    return bool(words) and words[-1] in endings and not unless & set(words)
