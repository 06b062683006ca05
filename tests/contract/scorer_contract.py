"""What every scorer and kind of ranker promises. A test class inherits it for each of them."""

from functools import partial

import numpy as np
import pytest

from app.contracts import ABSENT, Candidates
from app.features.views import FINE_VIEW, column_names
from app.rank.kinds import STAGE_COLUMNS
from app.rank.scorer import RankerKind
from app.stages import Scorer
from tests.fakes import LISTS, query


def make_pool(n=60, columns=STAGE_COLUMNS["fine"], seed=0, missing=0.0) -> Candidates:
    """Candidates with features of a view, of which a share is missing; users have a history."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((n, len(columns))).astype(np.float32)
    features[random.random(features.shape) < missing] = np.nan
    if "user_events" in columns:
        features[:, columns.index("user_events")] = np.log1p(12)
    return Candidates(
        np.arange(n, dtype=np.int64),
        random.random(n).astype(np.float32),
        np.full((n, LISTS), ABSENT, np.int32),
        np.zeros((n, LISTS), np.float32),
        features,
    )


class ScorerContract:
    """The same candidates, in the same order, with one score each; pure; safe of missing values."""

    columns = STAGE_COLUMNS["fine"]
    is_row_independent = True  # False: a score depends on the other candidates

    @pytest.fixture
    def scorer(self) -> Scorer:
        raise NotImplementedError

    def pool(self, n=60, **known) -> Candidates:
        return make_pool(n, self.columns, **known)

    @pytest.mark.parametrize("n", [0, 1, 2, 60])
    def test_each_candidate_has_one_finite_score(self, scorer, n):
        scores = scorer.score(query(), self.pool(n))
        assert scores.shape == (n,)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_missing_values_give_finite_scores(self, scorer):
        for share in (0.3, 1.0):
            assert np.isfinite(scorer.score(query(), self.pool(missing=share))).all()

    def test_the_same_pool_has_the_same_scores_to_the_bit(self, scorer):
        one, two = (scorer.score(query(), self.pool(missing=0.1)) for _ in range(2))
        assert one.tobytes() == two.tobytes()

    def test_scoring_changes_neither_pool_nor_order(self, scorer):
        pool = self.pool(missing=0.1)
        before = [pool.rows.tobytes(), pool.scores.tobytes(), pool.features.tobytes()]
        scorer.score(query(), pool)
        assert [pool.rows.tobytes(), pool.scores.tobytes(), pool.features.tobytes()] == before

    def test_a_candidate_keeps_its_score_in_another_order(self, scorer):
        pool, order = self.pool(), np.random.default_rng(1).permutation(60)
        whole, mixed = scorer.score(query(), pool), scorer.score(query(), pool.take(order))
        assert mixed == pytest.approx(whole[order], rel=1e-5, abs=1e-5)

    def test_a_candidate_keeps_its_score_in_another_pool_where_it_says_so(self, scorer):
        pool = self.pool()
        whole = scorer.score(query(), pool)
        for part in (np.arange(1), np.arange(7, 31)) if self.is_row_independent else ():
            scores = scorer.score(query(), pool.take(part))
            assert scores == pytest.approx(whole[part], rel=1e-5, abs=1e-5)


class RankerKindContract(ScorerContract):
    """What is written is what is read, to the bit; and a ranker tells what it needs."""

    stem = "fine"

    @pytest.fixture
    def kind(self) -> RankerKind:
        raise NotImplementedError

    def test_what_is_written_is_what_is_read(self, kind, scorer, tmp_path):
        kind.write(scorer, tmp_path, self.stem)
        again = kind.read(tmp_path, self.stem)
        pool = self.pool(missing=0.2)
        assert again.score(query(), pool).tobytes() == scorer.score(query(), pool).tobytes()

    def test_written_twice_the_files_are_the_same_and_begin_with_the_stem(
        self, kind, scorer, tmp_path
    ):
        files = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            kind.write(
                kind.read(tmp_path / "one", self.stem) if files else scorer, folder, self.stem
            )
            files.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert files[0] == files[1]
        assert all(name.startswith(f"{self.stem}.") for name in files[0])

    def test_an_absent_or_damaged_file_is_an_error_or_changes_nothing(self, kind, scorer, tmp_path):
        kind.write(scorer, tmp_path, self.stem)
        pool, n_errors = self.pool(), 0
        for path in sorted(tmp_path.iterdir()):
            whole = path.read_bytes()
            for change in (path.unlink, partial(path.write_bytes, b"nonsense")):
                change()
                try:
                    again = kind.read(tmp_path, self.stem)
                except (OSError, ValueError, KeyError):
                    n_errors += 1
                else:
                    scores = again.score(query(), pool)
                    is_whole = scores.tobytes() == scorer.score(query(), pool).tobytes()
                    # fewer boosters than there were: the manifest of a bundle notices
                    assert is_whole or not path.exists(), path
            path.write_bytes(whole)
        assert n_errors >= 1

    def test_it_accepts_the_columns_that_it_was_made_for(self, kind, scorer):
        kind.verify(scorer, self.columns)

    def test_the_summary_names_columns_of_the_view(self, kind, scorer):
        summary = kind.describe(scorer)
        assert set(summary.columns) <= set(column_names(FINE_VIEW))
        assert np.isfinite(list(summary.columns.values())).all()
        assert summary.size >= 0

    def test_a_scorer_of_another_kind_is_refused(self, kind, tmp_path):
        with pytest.raises(TypeError):
            kind.write(OtherScorer(), tmp_path, self.stem)


class OtherScorer:
    """A scorer of no kind."""

    def score(self, _query, pool, /):
        return pool.scores
