"""The words of other languages in the names of columns and files, and what they are in English.

A name is translated word by word: ``id_usuario`` is "user id", ``Bestelldatum`` is "order date",
and ``用户编号`` is "user id". Its other words stay, in lower case and without accents.
"""

import re
import unicodedata
from functools import cache

# English words, and those of languages with Latin letters: without accents, in lower case, with
# their inflections.
LATIN = {
    "user": "usuario usuaria usuarios utilisateur utilisateurs utente utenti benutzer nutzer "
    "gebruiker gebruikers usuaris uzytkownik uzytkownika uzytkownicy kullanici pengguna anvandare "
    "bruker kayttaja felhasznalo uzivatel utilizador utilizadores usager usagers",
    "customer": "cliente clientes client clients clienti kunde kunden kundin klant klanten klient "
    "klienta klienci musteri pelanggan comprador compradores acheteur acheteurs acquirente kaufer "
    "zakaznik kund kunder",
    "item": "articulo articulos article articles articolo articoli artikel artigo artigos element "
    "objet objeto urun barang",
    "product": "producto productos produit produits prodotto prodotti produkt produkte produkts "
    "produkty produktu produto produtos producten ware waren producte",
    "movie": "pelicula peliculas film films filme filmes filmu pellicola",
    "book": "libro libros livre livres buch bucher boek boeken livro livros ksiazka kitap",
    "song": "cancion canciones chanson chansons canzone canzoni lied lieder musica nummer",
    "rating": "valoracion valoraciones puntuacion puntaje calificacion nota note notes voto voti "
    "valutazione bewertung bewertungen wertung avaliacao avaliacoes classificacao waardering "
    "beoordeling ocena oceny puan evaluation estrellas etoiles sterne stelle estrelas",
    "date": "fecha fechas datum data tarih tanggal dato",
    "time": "hora heure ora zeit uhrzeit tijd czas saat waktu momento moment zeitpunkt",
    "timestamp": "zeitstempel horodatage tijdstip",
    "price": "precio precios prix prezzo preis preise preco precos prijs cena fiyat harga",
    "amount": "importe monto montant importo betrag valor bedrag kwota tutar umsatz ventas",
    "quantity": "cantidad quantite quantita menge anzahl quantidade aantal ilosc adet jumlah",
    "title": "titulo titre titolo titel tytul baslik judul",
    "name": "nombre nom nome naam nazwa bezeichnung denominacion isim nama",
    "category": "categoria categorias categorie categories kategorie kategorien kategoria kategori "
    "rubrik warengruppe rubrique rayon",
    "genre": "genero generos genere generi genres gatunek",
    "type": "tipo typ tipi tur jenis",
    "event": "evento eventos evenement evenements evenemento ereignis ereignisse gebeurtenis",
    "action": "accion aktion azione acao actie akcja",
    "brand": "marca marcas marque marke marken merk marka",
    "year": "ano anno annee jahr jaar rok yil",
    "description": "descripcion descrizione beschreibung descricao beschrijving opis aciklama",
    "id": "id ids identificador identifiant identificativo kennung",
    "number": "numero nummer nr num numer no",
    "code": "codigo codice kod code clave",
    "order": "pedido pedidos commande commandes ordine ordini bestellung bestellungen bestell "
    "auftrag auftrags bestelling encomenda zamowienie siparis",
    "purchase": "compra compras achat achats acquisto acquisti kauf kaufe einkauf aankoop zakup",
    "unit": "unitario unitaire unita unitari einzel stuck unidade unidad",
    "sale": "venta vente vendita vendite verkauf verkaufs venda vendas verkoop",
    "session": "sesion sitzung sessione sessao sessie",
    "available": "disponible disponibile verfugbar disponivel beschikbaar dostepny lieferbar",
    "author": "autor autore auteur autores auteurs",
}
# The same in other scripts, as they are written. A name need not separate them: 用户编号.
NON_LATIN = {
    "user": "用户 使用者 用戶 ユーザー ユーザ 利用者 пользователь пользователя пользователи "
    "пользователей юзер 사용자 유저 회원",
    "customer": "客户 顾客 会员 客戶 顧客 会員 клиент клиента клиенты покупатель покупателя 고객",
    "item": "物品 アイテム предмет товара товар товары объект 아이템",
    "product": "商品 产品 產品 製品 продукт продукта продукты 상품 제품",
    "movie": "电影 影片 電影 映画 фильм фильма фильмы 영화",
    "book": "图书 书籍 書籍 本 книга книги 도서",
    "song": "歌曲 曲 песня песни трек 노래",
    "rating": "评分 打分 星级 評分 評価 評点 レーティング оценка оценки рейтинг 평점",
    "date": "日期 日付 日 дата даты 날짜",
    "time": "时间 時間 日時 时刻 時刻 время времени 시간 일시",
    "timestamp": "时间戳 時間戳 タイムスタンプ метка_времени 타임스탬프",
    "price": "价格 单价 價格 価格 単価 цена цены стоимость 가격",
    "amount": "金额 金額 сумма 금액",
    "quantity": "数量 數量 количество 수량",
    "title": "标题 標題 タイトル 题目 片名 书名 заголовок 제목",
    "name": "名称 名字 名稱 名前 名 название наименование имя 이름",
    "category": "类别 分类 类目 品类 類別 カテゴリー カテゴリ 分類 категория категории "
    "раздел 카테고리",
    "genre": "类型 ジャンル жанр жанры 장르",
    "event type": "行为类型 事件类型 操作类型 行為類型 тип_события",
    "type": "种类 種類 種別 тип 유형",
    "event": "事件 イベント событие события 이벤트",
    "action": "行为 行為 行動 действие 행동",
    "brand": "品牌 ブランド бренд марка 브랜드",
    "year": "年份 年 год года 연도",
    "description": "描述 简介 説明 описание 설명",
    "id": "编号 编码 標識 标识 番号 ид айди идентификатор номер 번호 아이디",
    "order": "订单 下单 注文 заказ заказа 주문",
    "purchase": "购买 購買 購入 покупка покупки 구매",
    "session": "会话 セッション сессия 세션",
    "available": "在售 有货 наличие",
    "author": "作者 автор автора 저자",
}
HEADS = frozenset((  # words that Romance languages put first and English puts last
    *("id", "code", "number", "name", "title", "type", "category", "date", "time", "timestamp"),
    *("price", "rating", "quantity", "amount", "year", "description"),
))  # fmt: skip
STEMS = {  # names of files: the plurals that the layouts have
    "user": "users",
    "customer": "customers",
    "rating": "ratings",
    "order": "orders",
    **dict.fromkeys(("item", "product", "movie", "book", "song"), "items"),
    "purchase": "purchases",
    "sale": "sales",
    "event": "events",
    "action": "events",
}
LATIN_WORDS = {word: english for english, words in LATIN.items() for word in words.split()}
NON_LATIN_WORDS = {word: english for english, words in NON_LATIN.items() for word in words.split()}
LETTERS = {0xDF: "ss", 0x142: "l", 0x131: "i", 0xF8: "o"}  # letters that Unicode does not decompose
MIN_PART = 2  # fewest letters of a part of a compound
_NON_LATIN = re.compile("|".join(sorted(NON_LATIN_WORDS, key=len, reverse=True)))
_PART = "|".join(sorted((w for w in LATIN_WORDS if len(w) >= MIN_PART), key=len, reverse=True))
_COMPOUND = re.compile(rf"(?:(?:{_PART})s?)+")
_PARTS = re.compile(rf"({_PART})s?")


def plain_letters(text: str) -> str:
    """Return a text in lower case, its Latin letters without accents: ``Größe`` is ``grosse``."""
    lower = unicodedata.normalize("NFC", text.lower()).translate(LETTERS)
    return "".join(map(_plain_letter, lower))


@cache
def english_words(text: str) -> tuple[str, ...]:
    """Return the words of a name in English; those that are not in the tables without accents.

    A leading head word goes last: ``fecha_pedido`` is order date.
    """
    plain = _NON_LATIN.sub(lambda match: f" {NON_LATIN_WORDS[match[0]]} ", plain_letters(text))
    words = re.findall(r"[a-z0-9]+", plain)
    translated = [english for word in words for english in _translate(word)]
    is_reversed = len(translated) > 1 and translated[0] in HEADS and translated[-1] not in HEADS
    if is_reversed and (translated != words or plain != plain_letters(text)):
        return (*translated[1:], translated[0])
    return tuple(translated)


def count_foreign_words(text: str) -> int:
    """Return how many words of a text the tables translate.

    Words that are the same in English do not count.
    """
    plain = plain_letters(text)
    latin = re.findall(r"[a-z]+", plain)
    return len(_NON_LATIN.findall(plain)) + sum(_translate(word) != [word] for word in latin)


def english_stem(stem: str) -> str:
    """Return the English name of a file, or its own: ``usuarios`` is ``users``."""
    words = english_words(stem)
    return STEMS.get(words[0], stem) if len(words) == 1 else stem


def _translate(word: str) -> list[str]:
    if word in LATIN_WORDS:
        return [LATIN_WORDS[word]]
    if _COMPOUND.fullmatch(word):
        parts = _PARTS.findall(word)
        return [LATIN_WORDS[part] for part in parts]
    return [word]


def _plain_letter(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[:1]
    return base if base.isascii() and base.isalpha() else letter
