"""Names of a request that no item has: how many are looked up, named and counted."""

from app.catalogue.unknown_names import MAX_LOOKED_UP, MAX_LOOKUPS, MAX_NAMED, UnknownNames


def test_few_unknown_names_of_a_request_are_looked_up_and_the_others_counted():
    looked_up = []

    def nearest(name):
        looked_up.append(name)
        return ["drama"]

    unknown = UnknownNames()
    names = ["x" * (MAX_LOOKED_UP + 1), *(f"drama{n}" for n in range(100))]
    for name in [*names, *names]:
        unknown.add("category", name, nearest)
    assert looked_up == names[1 : MAX_LOOKUPS + 1]
    notes = unknown.notes()
    assert len(notes) == MAX_NAMED + 1
    assert notes[1] == 'no item has the category "drama0"; did you mean "drama"?'
    assert notes[0].endswith('x"')
    assert notes[MAX_LOOKUPS + 1] == f'no item has the category "{names[MAX_LOOKUPS + 1]}"'
    assert notes[-1] == f"no item has {len(names) - MAX_NAMED} more of the names"
