"""Names of columns and files in other languages are translated word by word."""

import pytest

from offline.data.column_names import split_name
from offline.data.foreign_names import english_stem

NAMES = {
    "usuario": "user",
    "id_usuario": "user id",
    "usuario_id": "user id",
    "fecha_compra": "purchase date",
    "fecha_hora": "date time",
    "precio_unitario": "unit price",
    "nombre_producto": "product name",
    "Valoración": "rating",
    "Kundennummer": "customer number",
    "Artikel-Nr": "item number",
    "Bestelldatum": "order date",
    "Bewertungsdatum": "rating date",
    "KundenID": "customer id",
    "utilisateur": "user",
    "date_commande": "order date",
    "id_produit": "product id",
    "articolo": "item",
    "avaliacao": "rating",
    "użytkownik": "user",
    "用户ID": "user id",
    "商品编号": "product id",
    "评分时间": "rating time",
    "行为类型": "event type",
    "時間戳": "timestamp",
    "ユーザーID": "user id",
    "評価": "rating",
    "ид_пользователя": "user id",
    "дата_заказа": "order date",
    "사용자ID": "user id",
    # names that are English stay
    "user_id": "user id",
    "InvoiceDate": "invoice date",
    "t_dat": "t dat",
    "Stars (1-5)": "stars",
    "title_type": "title type",
    "date_of_birth": "date of birth",
    "software": "software",
}


@pytest.mark.parametrize(("name", "english"), NAMES.items())
def test_a_name_is_split_into_english_words(name, english):
    assert split_name(name) == english.split()


@pytest.mark.parametrize(
    ("stem", "english"),
    [
        *(("usuarios", "users"), ("produkte", "items"), ("bewertungen", "ratings")),
        *(("pedidos", "orders"), ("ventes", "sales"), ("订单", "orders"), ("movies", "movies")),
    ],
)
def test_a_file_has_the_english_name_that_layouts_know(stem, english):
    assert english_stem(stem) == english
