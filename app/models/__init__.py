"""The tables, by subject. Who imports one has them all, as one metadata holds them."""

from app.models.access import ApiKey, LocalModeEnd
from app.models.base import Base, Instant
from app.models.event import EVENT_COLUMNS, ActivityEvent, StrayEvent
from app.models.insights import PredictionScore, ServedPrediction
from app.models.operations import BackgroundTaskRun
from app.models.outbox import ActivityArrival
from app.models.privacy import Erasure, PrivacyChange, ServiceSecret
from app.models.rollup import ActivityRollup, ActivitySession, ActivityUserDay
from app.models.user import AppUser

__all__ = [
    "EVENT_COLUMNS",
    "ActivityArrival",
    "ActivityEvent",
    "ActivityRollup",
    "ActivitySession",
    "ActivityUserDay",
    "ApiKey",
    "AppUser",
    "BackgroundTaskRun",
    "Base",
    "Erasure",
    "Instant",
    "LocalModeEnd",
    "PredictionScore",
    "PrivacyChange",
    "ServedPrediction",
    "ServiceSecret",
    "StrayEvent",
]
