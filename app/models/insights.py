"""Tables of served predictions and their scores; see `app/insights/prediction/calibration.py`."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Double, Index, Integer, SmallInteger, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Instant


class ServedPrediction(Base):
    """A prediction of a user's next action after an event, until the next event comes.

    `event_types` descend by their `probabilities` and are the first ones only; `squares` is the sum
    of the squared probabilities of all.
    """

    __tablename__ = "served_prediction"

    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    after_timestamp: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    rested: Mapped[bool] = mapped_column(primary_key=True, comment="their session was over")
    served_at: Mapped[datetime] = mapped_column(Instant)
    times: Mapped[int] = mapped_column(Integer)
    event_types: Mapped[list[str]] = mapped_column(ARRAY(String))
    probabilities: Mapped[list[float]] = mapped_column(ARRAY(Double))
    squares: Mapped[float] = mapped_column(Double)

    __table_args__ = (Index(None, "served_at"),)


class PredictionScore(Base):
    """Sums over a user's predictions of a day (UTC, by when they were served) whose first choice
    had a probability of `bin` tenths and less than one more."""

    __tablename__ = "prediction_score"

    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    bin: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    predictions: Mapped[int] = mapped_column(BigInteger)
    hits_at_1: Mapped[int] = mapped_column(BigInteger)
    hits_at_3: Mapped[int] = mapped_column(BigInteger)
    first_probability: Mapped[float] = mapped_column(Double)
    brier: Mapped[float] = mapped_column(Double)
    log_loss: Mapped[float] = mapped_column(Double)

    __table_args__ = (Index(None, "day"),)
