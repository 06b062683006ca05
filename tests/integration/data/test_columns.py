"""Columns are found by how their names end and by what they hold; the choice is said."""

import numpy as np
import pytest

from offline.data.doctor import diagnose
from offline.data.errors import DataError
from offline.data.readers import LoadedData, load_dataset

START = 1_500_000_000


def read(folder, header, rows, name="events.csv", schema="", **files) -> LoadedData:
    """Write a file of interactions and read it. A row may use ``n``."""
    lines = [header, *(row.format(n=n, t=START + n) for n, row in enumerate(rows))]
    (folder / name).write_text("\n".join(lines), "utf-8")
    for stem, text in files.items():
        (folder / f"{stem}.csv").write_text(text, "utf-8")
    if schema:
        (folder / "schema.toml").write_text(f"[interactions]\n{schema}\n", "utf-8")
    return load_dataset(folder, max_bad_share=1.0)


def says(reading: LoadedData, text: str) -> bool:
    return any(text in finding.text for finding in reading.findings)


def ids(reading: LoadedData) -> tuple[list[str], list[str]]:
    users, items = reading.dataset.users, reading.dataset.catalogue.ids
    return users.names(np.arange(len(users))), items.names(np.arange(len(items)))


@pytest.mark.parametrize(
    "header",
    [
        "User-ID,ISBN,Book-Rating,when",
        "user_rating,x,User ID,Product ID,Purchase Date",
        "USER_ID,ITEM_ID,STAR_RATING,CREATION_TIMESTAMP",
        "reviewerID,asin,overall,unixReviewTime",
        "msno,song_id,score,t_dat",
        "app_user_id,recipe_id,review_score,review_date",
        "customer_id,article_id,points,order_date",
        "buyerId,StockCode,userRating,InvoiceDate",
        "profile,beer_id,review_overall,review_time",
        "client_number,listing_uuid,grade,interactionTime",
        "shopper_hash,game,vote,created_utc",
        "member_no,business_id,stars,date_added",
        "Customer ID,Product Code,Stars (1-5),created",
        "person_id,anime_id,my_rating,rated_at",
    ],
)
def test_columns_as_shops_and_research_sets_name_them(tmp_path, header):
    if header.startswith("user_rating"):
        rows = ["{n},x,u{n},i{n},{t}"]
        rows = [f"{n % 5 + 1},x,u{n},i{n % 9},{START + n}" for n in range(30)]
    else:
        rows = [f"u{n},i{n % 9},{n % 5 + 1},{START + n}" for n in range(30)]
    dataset = read(tmp_path, header, rows).dataset
    assert dataset.traits.is_explicit
    assert dataset.traits.has_times
    assert len(dataset.users) == 30
    assert len(dataset.catalogue) == 9
    assert dataset.log.times[0] == START


@pytest.mark.parametrize(
    "column",
    ["amount", "price", "revenue", "order_total", "Quantity", "unit_price", "total_spend"],
)
def test_money_is_the_value_of_a_purchase(tmp_path, column):
    reading = read(tmp_path, f"user,item,{column},ts", ["u{n},i,$1{n}.50,{t}"] * 9)
    assert reading.dataset.log.values.tolist() == [10.5 + n for n in range(9)]
    assert set(reading.dataset.log.weights.tolist()) == {2.0}
    assert not reading.dataset.traits.is_explicit


def test_money_beside_ratings_is_said_not_to_be_read(tmp_path):
    reading = read(tmp_path, "user,item,rating,price,ts", ["u{n},i,3,9.5,{t}"] * 9)
    assert says(reading, 'to read it, write value = "price" in [interactions]')
    assert says(reading, "columns that nothing uses: price.")


def test_a_purchase_of_a_negative_quantity_is_a_refund(tmp_path):
    reading = read(tmp_path, "user,item,quantity,ts", ["u,i,2,{t}", "u,i,-1,{t}"])
    assert reading.dataset.log.weights.tolist() == [2.0, -1.0]
    assert says(reading, "1 purchases of a negative quantity are read as refunds")


@pytest.mark.parametrize(
    ("column", "texts", "weights"),
    [
        ("liked", ("True", "False"), [1.0, -1.0]),
        ("is_liked", ("1", "0"), [1.0, -1.0]),
        ("recommended", ("yes", "no"), [1.0, -1.0]),
        ("is_favorite", ("t", "f"), [1.0, 0.2]),
        ("clicked", ("1.0", "0.0"), [0.4, 0.0]),
        ("purchased", ("Y", "N"), [2.0, 0.2]),
        ("disliked", ("TRUE", "FALSE"), [-1.0, 0.2]),
        ("rating", ("true", "false"), [1.0, 1.0]),  # no flag that has a meaning: it is listed
    ],
)
def test_a_flag_is_the_type_of_the_event(tmp_path, column, texts, weights):
    rows = ["u{n},i," + texts[0] + ",{t}", "u{n},i," + texts[1] + ",{t}"]
    reading = read(tmp_path, f"user_id,item_id,{column},timestamp", rows)
    assert reading.dataset.log.weights.tolist() == pytest.approx(weights)
    assert says(reading, "that nothing uses") is (column == "rating")


def test_of_several_flags_the_strongest_true_one_is_the_type_of_the_row(tmp_path):
    header = "user_id,video_id,is_click,is_like,is_follow,is_hate,time_ms"
    rows = [f"u{{n}},i,{flags},{{t}}000" for flags in ("0,0,0,0", "1,0,0,0", "1,1,0,0", "1,1,1,1")]
    reading = read(tmp_path, header, rows)
    assert reading.dataset.log.weights.tolist() == pytest.approx([0.0, 0.4, 1.0, -1.0])
    assert reading.dataset.log.times[0] == START
    assert says(reading, "is_hate (dislike), is_like (like), is_follow (like), is_click (click)")
    assert not says(reading, "that nothing uses")


def test_a_flag_whose_false_is_an_opinion_is_the_type_beside_other_flags(tmp_path):
    rows = ["u{n},i,False,1,{t}", "u{n},i,True,0,{t}"]
    reading = read(tmp_path, "user,item,recommended,purchased,ts", rows)
    assert reading.dataset.log.weights.tolist() == [-1.0, 1.0]
    assert says(reading, "that nothing uses: purchased")


def test_the_schema_names_the_flags_that_are_types(tmp_path):
    (tmp_path / "schema.toml").write_text(
        '[interactions]\ntype_flags = ["bought", "tried"]\ntypes = { "tried" = "play" }\n'
    )
    header, rows = "user,item,tried,bought,ts", ["u,i,0,0,{t}", "v,i,1,0,{t}", "w,i,1,yes,{t}"]
    reading = read(tmp_path, header, rows)
    assert reading.dataset.log.weights.tolist() == pytest.approx([0.2, np.log(2), 2.0])
    (tmp_path / "schema.toml").write_text('[interactions]\ntype_flags = ["tried"]\n')
    with pytest.raises(DataError, match=r"add types = . \"tried\" = \"like\" . with the right"):
        read(tmp_path, header, rows)


def test_a_flag_beside_a_rating_is_said_not_to_be_read(tmp_path):
    reading = read(tmp_path, "user,item,rating,liked,ts", ["u{n},i,3,True,{t}"] * 3)
    assert says(reading, 'write type = "liked" and types = { "True" = "like" }')


def test_of_two_candidates_the_choice_is_said(tmp_path):
    header = "user,customer_id,asin,parent_asin,rating,ts"
    reading = read(tmp_path, header, ["u{n},c{n},a{n},p,3,{t}"] * 9)
    assert ids(reading)[1] == ["p"]
    assert says(reading, 'the item id is read from parent_asin, not from asin; if that is wrong, '
                'write item = "asin" in [interactions]')  # fmt: skip
    assert says(reading, "the user id is read from user, not from customer_id")


def test_an_average_or_a_duration_is_no_rating_and_no_time(tmp_path):
    header = "user,item,average_rating,rating_count,watch_time,birth_date"
    reading = read(tmp_path, header, ["u{n},i,{n},7,35.5,1980-01-01"] * 9)
    assert not reading.dataset.traits.has_times
    assert not reading.dataset.traits.is_explicit
    assert says(reading, "average_rating, rating_count, birth_date.")


def test_an_empty_column_is_not_preferred(tmp_path):
    reading = read(tmp_path, "user,item,timestamp,order_date", ["u{n},i,,2020-01-02"] * 3)
    assert reading.dataset.traits.has_times


def test_a_column_of_few_words_is_no_user(tmp_path):
    with pytest.raises(DataError, match="looks like the user id"):
        read(tmp_path, "device,item", ["tv,i{n}"] * 50)


def test_many_zeros_among_ratings_are_said_and_can_be_no_ratings(tmp_path):
    rows = [f"u{n},i,{(n % 3) * 5},{START + n}" for n in range(30)]
    reading = read(tmp_path, "user,item,Book-Rating,ts", rows)
    assert says(reading, "10 of the 30 ratings are 0, and count as dislikes")
    reading = read(tmp_path, "user,item,Book-Rating,ts", rows, schema="no_rating = 0")
    assert says(reading, "10 ratings of 0 are read as clicks")
    assert sorted(set(reading.dataset.log.weights.tolist())) == pytest.approx([0.0, 0.4, 1.0])


def test_items_are_described_by_columns_of_any_usual_name(tmp_path):
    items = (
        "product_code,prod_name,product_type_name,Year-Of-Publication,Book-Author,detail_desc\n"
        "i0,Shirt,Tops,1999,Ann,A soft shirt for cold days in autumn.\n"
        "i1,Hat,Hats,2001,Bob,\n"
    )
    reading = read(tmp_path, "user,item", ["u{n},i{n}"] * 2, items=items)
    catalogue = reading.dataset.catalogue
    assert catalogue.titles.tolist() == ["Shirt", "Hat"]
    assert catalogue.category_names == ("Hats", "Tops")
    assert catalogue.released.tolist() == [1999.0, 2001.0]
    assert catalogue.provider_names.tolist() == ["Ann", "Bob"]
    assert catalogue.descriptions is not None
    assert catalogue.descriptions.tolist() == ["A soft shirt for cold days in autumn.", None]
    findings = " ".join(finding.text for finding in diagnose(reading).findings)
    assert "1 items have a description: content recall learns from its words." in findings


def test_unused_columns_of_users_and_friends_are_listed(tmp_path):
    schema = '[users]\nattributes = ["age"]'
    (tmp_path / "schema.toml").write_text(schema)
    files = {"users": "user,age,city\nu0,3,x\n", "friends": "user,friend,since\nu0,u1,2001\n"}
    reading = read(tmp_path, "user,item", ["u{n},i"] * 2, **files)
    assert says(reading, "users.csv: columns that nothing uses: city.")
    assert says(reading, "friends.csv: columns that nothing uses: since.")


SPANISH = {
    "pedidos.csv": [
        "id_usuario;id_producto;precio;fecha_compra",
        *(f"u{n % 5};p{n % 7};{n},50;{n % 28 + 1}/11/2023 10:{n:02}" for n in range(40)),
    ],
    "productos.csv": [
        "id_producto;titulo;categoria;disponible",
        *(f"p{n};Cosa {n};Clase {n % 2};{'agotado' if n == 3 else 'si'}" for n in range(7)),
    ],
}
CHINESE = {
    "events.csv": [
        "用户编号,物品编号,行为类型,时间戳",
        *(f"u{n % 5},p{n % 7},{('pv', 'buy')[n % 2]},{1_700_000_000 + n}" for n in range(40)),
    ]
}


def write_folder(folder, files):
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines), "utf-8")


def test_columns_and_files_with_spanish_names_are_found(tmp_path):
    write_folder(tmp_path, SPANISH)
    dataset = load_dataset(tmp_path).dataset
    assert len(dataset.log) == 40
    assert dataset.traits.has_times
    catalogue = dataset.catalogue
    assert catalogue.titles.tolist()[:1] == ["Cosa 0"]
    assert catalogue.available.tolist() == [n != 3 for n in range(7)]
    assert set(catalogue.category_names) == {"Clase 0", "Clase 1"}


def test_columns_with_chinese_names_are_found(tmp_path):
    write_folder(tmp_path, CHINESE)
    loaded = load_dataset(tmp_path)
    assert len(loaded.dataset.log) == 40
    assert loaded.dataset.traits.has_times
    assert "pv is view, buy is purchase" in "\n".join(f.text for f in loaded.findings)


def test_event_words_of_other_languages_are_read(tmp_path):
    words = ("vista", "compra", "加购", "👍")
    rows = [f"u{n % 5},p{n % 7},{words[n % 4]},{1_700_000_000 + n}" for n in range(40)]
    write_folder(tmp_path, {"events.csv": ["cliente_id,producto_id,tipo_evento,fecha", *rows]})
    texts = "\n".join(f.text for f in load_dataset(tmp_path).findings)
    for part in ("vista is view", "compra is purchase", "加购 is add_to_cart", "👍 is like"):
        assert part in texts


def test_a_price_in_a_file_of_ratings_is_no_rating(tmp_path):
    rows = [f"u{n % 5},p{n % 7},{n}.50,{1_700_000_000 + n}" for n in range(40)]
    write_folder(tmp_path, {"ratings.csv": ["user_id,item_id,price,timestamp", *rows]})
    loaded = load_dataset(tmp_path)
    assert len(loaded.dataset.log) == 40
    texts = "\n".join(f.text for f in loaded.findings)
    assert "its rows are like events" in texts
    assert "the column price holds amounts or money" in texts
