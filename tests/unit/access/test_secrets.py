"""The secrets of a composition are made once, each for one reader, and fit one another."""

from app.access.keys import find_key, parse_keys
from offline.commands.secrets import make_secrets


def test_secrets_are_made_once_and_fit_one_another(tmp_path):
    written = {str(file.relative_to(tmp_path)) for file in make_secrets(tmp_path)}
    assert written == {
        *("app/admin.key", "app/api-keys", "app/redis-url"),
        *("prometheus/read.key", "redis/redis.conf", "grafana/password"),
    }
    before = {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    assert make_secrets(tmp_path) == []
    assert before == {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    keys = parse_keys((tmp_path / "app/api-keys").read_text().splitlines())
    admin = find_key(keys, (tmp_path / "app/admin.key").read_text().strip(), 0.0)
    monitor = find_key(keys, (tmp_path / "prometheus/read.key").read_text().strip(), 0.0)
    assert admin.allows("admin")
    assert monitor.roles == {"read"}
    password = (tmp_path / "redis/redis.conf").read_text().split()[1]
    assert f":{password}@redis:6379" in (tmp_path / "app/redis-url").read_text()
    assert all(file.stat().st_mode & 0o7 == 0 for file in before)
