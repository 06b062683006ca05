from importlib.metadata import version

from offline.publish.writer import installed_versions


def test_versions_are_of_the_installed_libraries_alone():
    assert installed_versions(["numpy", "no-such-library"]) == {"numpy": version("numpy")}
