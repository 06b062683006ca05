"""The event type that a word of a shop's log means: ``addToCart`` is ``add_to_cart``.

Training, ``recfunnel events import`` and ``POST /events`` use the same table.
"""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

SYNONYMS: Mapping[str, str] = {  # type: words without case, spaces and punctuation
    "view": (
        "view viewed views pageview pageviewed pageviews pv productview productviewed viewproduct "
        "viewitem itemview itemviewed viewedproduct vieweditem viewcontent contentview screenview "
        "detail details detailpageview detailview viewdetail viewdetails itemdetail productdetail "
        "productdetails productpageview visit visited browse browsed see seen open opened "
        "quickview glance vista visto vue ansicht visualizacion visualización visualizzazione "
        "浏览 查看 閲覧 просмотр 조회"
    ),
    "click": (
        "click clicked clicks clickout clickthrough ctr tap tapped select selected selectitem "
        "selectcontent productclick productclicked itemclick itemclicked clickitem clickproduct "
        "comment commented reply replied follow followed read engage clic klick 点击 クリック "
        "клик 클릭"
    ),
    "play": (
        "play played plays playback stream streamed streams listen listened listens listening "
        "scrobble scrobbled songplay trackplay playstart startplay"
    ),
    "watch": "watch watched watches watching videoview videoplay mediacomplete videocomplete",
    "like": (
        "like liked likes love loved loves heart hearted fav favs faved favor favour favorite "
        "favorited favorites favourite favourited favourites addtofavorites addtofavourites "
        "addtofavorite addtofavourite wish wishlist wishlisted addtowishlist wishlistadd bookmark "
        "bookmarked save saved pin pinned star starred upvote upvoted voteup thumbsup thumbup "
        "share shared repost retweet recommend recommended collect collected endorse applaud clap "
        "positive up megusta favorito 收藏 喜欢 お気に入り нравится 찜"
    ),
    "rating": "rating rate rated ratings ratedproduct review reviewed reviews",
    "add_to_cart": (
        "addtocart addedtocart addcart cartadd cart carted atc addtobasket addedtobasket basket "
        "basketadd addbasket addtobag addedtobag bag addtoshoppingcart shoppingcart "
        "productadded productaddedtocart addproduct additem begincheckout initiatecheckout "
        "checkoutstarted startcheckout reserve reserved carrito panier warenkorb carrello "
        "加购 加入购物车 カート корзина 장바구니"
    ),
    "purchase": (
        "purchase purchased purchases purchasecomplete purchasecompleted puchase buy buys bought "
        "buynow buyitem order ordered orders ordercompleted ordercomplete ordercreated orderplaced "
        "placeorder transaction transactions transact txn sale sales sold checkout checkedout "
        "checkoutcomplete checkoutcompleted pay paid payment conversion converted convert book "
        "booked booking rent rented rental subscribe subscribed install installed download "
        "downloaded enroll enrolled enrol apply applied hire deal purchaseitem orderitem compra "
        "achat kauf acquisto compras pedido commande bestellung 购买 下单 購入 покупка 구매"
    ),
    "remove_from_cart": (
        "removefromcart removedfromcart removecart cartremove cartremoved deletefromcart "
        "removefrombasket removedfrombasket basketremove removefrombag productremoved uncart"
    ),
    "refund": (
        "refund refunded refunds return returned returns returnitem itemreturned chargeback "
        "cancel cancelled canceled cancellation cancelorder ordercancelled ordercanceled "
        "orderrefunded"
    ),
    "skip": "skip skipped skips next pass passed swipeleft skiptrack",
    "impression": (
        "impression impressions imp impr shown show display displayed exposure exposed expose "
        "viewitemlist viewlist itemlistview listview productlistview noclick"
    ),
    "dislike": (
        "dislike disliked dislikes downvote downvoted votedown thumbsdown thumbdown unlike unliked "
        "hate hated notinterested negative down reject rejected report reported "
        "unfavorite unfavourite removefromfavorites removefromwishlist"
    ),
    "hide": "hide hidden hid block blocked mute muted dismiss dismissed",
    "unhide": "unhide unhidden unblock unblocked unmute",
}
SIGNS = str.maketrans({"👍": "like", "❤": "like", "♥": "like", "👎": "dislike"})
TYPES_BY_WORD: Mapping[str, str] = {
    word: kind for kind, words in SYNONYMS.items() for word in words.split()
}


def plain_word(word: str) -> str:
    """Return a word without case, spaces and punctuation: ``Add to cart`` is ``addtocart``."""
    return re.sub(r"[\W_]+", "", word.lower().translate(SIGNS))


def find_event_type(word: str, types: Collection[str]) -> str | None:
    """Return the one of ``types`` that a word means; None if it means none of them.

    A type of this name comes first, then a type that differs in case and punctuation only, then
    the table of synonyms.
    """
    if word in types:
        return word
    plain = plain_word(word)
    same = next((kind for kind in types if plain_word(kind) == plain), None)
    if same is not None:
        return same
    kind = TYPES_BY_WORD.get(plain)
    return kind if kind in types else None


def suggest_event_type(word: str) -> str:
    """Return the type that an unknown word resembles most, or ``click``."""
    near = get_close_matches(plain_word(word), TYPES_BY_WORD, n=1, cutoff=0.8)
    return TYPES_BY_WORD[near[0]] if near else "click"
