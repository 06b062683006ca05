"""``recfunnel demo --shop``: what keeps it from starting. tests/browser has the shop itself."""

import socket
from dataclasses import replace

import pytest

from app.access.keys import format_key
from app.bundle.bundle import find_current_bundle
from app.process.serve import PortTakenError
from app.settings import Settings
from app.trainings.trainer_notices import read_trainer
from offline.commands.demo_shop import TRAINING, ShopOptions, demo_shop
from offline.config import build_job_config, read_config
from offline.data.errors import DataError
from offline.errors import CommandError
from offline.shop.generate import LOG
from offline.trainings.background import service_arguments
from tests.bundles import edit_manifest
from tests.conftest import copy_trained
from tests.serving import free_port, until

KEYS = format_key("operator", ["admin"], "rf_" + "shopkeys" * 4)


def options_in(folder):
    return ShopOptions(folder, users=50, page_port=free_port())


def run(settings, options):
    demo_shop(settings, options, serve=lambda *_: pytest.fail("it served"))


def test_its_training_learns_from_less_and_has_the_defaults_else():
    config, default = read_config(TRAINING), build_job_config({}, "nothing")
    assert config.users_per_window < default.users_per_window
    assert config.visits == replace(default.visits, moments=0)
    assert (config.rank.boosters, config.rank.rounds, config.rank.least_rounds) == (1, 60, 40)
    same = {name: getattr(default, name) for name in ("users_per_window", "visits", "rank")}
    assert replace(config, **same) == default


def test_a_training_while_the_shop_is_served_takes_its_files_and_settings(trained, tmp_path):
    options, seen = options_in(tmp_path), []
    out = copy_trained(trained, options.default_out)
    folder = edit_manifest(find_current_bundle(out), dataset=options.folder.name)
    (out / "current").write_text(folder.name)
    options.folder.mkdir()
    (options.folder / LOG).touch()
    settings = Settings(out=out, port=free_port(), redis_url=None)

    def serve(settings, _options):
        until(lambda: read_trainer(settings.trainings_folder))
        seen.append(read_trainer(settings.trainings_folder).data)
        seen.append(service_arguments(settings))

    demo_shop(settings, options, serve=serve)
    assert seen[0] == str(options.folder)
    assert seen[1][-4:] == ["--data", str(options.folder), "--config", str(TRAINING)]


def test_other_files_in_the_way_are_named_and_kept(tmp_path):
    options = options_in(tmp_path)
    options.folder.mkdir()
    (options.folder / "orders.xlsx").write_text("mine")
    with pytest.raises(DataError, match=r"has files, and events\.csv is not one of them"):
        run(Settings(out=tmp_path / "out", port=free_port(), redis_url=None), options)
    assert [path.name for path in options.folder.iterdir()] == ["orders.xlsx"]


def test_a_bundle_of_other_data_is_not_shown_as_the_shop(trained, tmp_path):
    with pytest.raises(CommandError, match="is of cinema, and not of the shop"):
        run(Settings(out=trained, port=free_port(), redis_url=None), options_in(tmp_path))


@pytest.mark.parametrize("other", [{"api_keys": KEYS}, {"host": "recs.example"}])
def test_a_service_with_keys_or_for_a_network_is_refused(tmp_path, other):
    settings = Settings(out=tmp_path, port=free_port(), redis_url=None, **other)
    with pytest.raises(CommandError, match="asks the service without a key"):
        run(settings, options_in(tmp_path))


def test_a_port_of_the_page_that_is_taken_names_its_option(tmp_path):
    port = free_port()
    options = ShopOptions(tmp_path, page_port=port)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortTakenError, match=f"--page-port {port + 1}$"),
    ):
        run(Settings(out=tmp_path, port=free_port(), redis_url=None), options)
