# ruff: noqa: S608 (all of it is ours)
"""The same questions in plain SQL on the events table, without anything kept beside it.

`{who}` is a condition on the user; $1 and $2 are the window.
"""

from app.read.order import order_sql
from benchmarks.read_questions import STEPS

IN_WINDOW = "event_timestamp >= $1 AND event_timestamp < $2 AND {who}"

PLAIN = {
    "analytics": f"""
        SELECT event_category, event_type, event_action, device_type,
          event_timestamp::date AS day, extract(hour FROM event_timestamp) AS hour,
          count(*), avg(duration_ms), count(DISTINCT session_id)
        FROM activity_event WHERE {IN_WINDOW}
        GROUP BY GROUPING SETS ((), (event_category), (event_type), (event_action), (device_type),
          (event_timestamp::date), (extract(hour FROM event_timestamp)))""",
    "timeseries": f"""
        SELECT event_timestamp::date AS day, count(*) FROM activity_event WHERE {IN_WINDOW}
        GROUP BY 1 ORDER BY 1""",
    "top": f"""
        SELECT event_type, count(*) FROM activity_event WHERE {IN_WINDOW}
        GROUP BY 1 ORDER BY 2 DESC LIMIT 10""",
    "heatmap": f"""
        SELECT extract(isodow FROM event_timestamp), extract(hour FROM event_timestamp), count(*)
        FROM activity_event WHERE {IN_WINDOW} GROUP BY 1, 2""",
    "active-users": """
        WITH active AS (
          SELECT DISTINCT user_id, event_timestamp::date AS day FROM activity_event
          WHERE event_timestamp >= $1::timestamptz - interval '29 days'
            AND event_timestamp < $2 AND {who}
        ), known AS (
          SELECT user_id, min(event_timestamp)::date AS day FROM activity_event WHERE {who}
          GROUP BY user_id
        )
        SELECT series.day::date,
          count(DISTINCT active.user_id) FILTER (WHERE active.day = series.day),
          count(DISTINCT active.user_id) FILTER (WHERE active.day > series.day - interval '7 days'),
          count(DISTINCT active.user_id),
          (SELECT count(*) FROM known WHERE known.day = series.day)
        FROM generate_series(($1::timestamptz)::date, ($2::timestamptz)::date, interval '1 day')
          AS series (day)
        JOIN active ON active.day > series.day - interval '30 days' AND active.day <= series.day
        GROUP BY series.day""",
    "retention": """
        WITH first AS (
          SELECT user_id, date_trunc('week', min(event_timestamp)) AS cohort FROM activity_event
          WHERE {who} GROUP BY user_id
        ), active AS (
          SELECT DISTINCT user_id, date_trunc('week', event_timestamp) AS week FROM activity_event
          WHERE event_timestamp >= $1 AND event_timestamp < $2 AND {who}
        )
        SELECT cohort, week, count(*) FROM first JOIN active USING (user_id)
        WHERE cohort >= date_trunc('week', $1::timestamptz) GROUP BY 1, 2""",
    "sessions": f"""
        WITH session AS (
          SELECT user_id, session_id, min(event_timestamp) AS started,
            max(event_timestamp) AS ended, count(*) AS events
          FROM activity_event WHERE {IN_WINDOW} GROUP BY 1, 2
        )
        SELECT started::date, count(*), avg(events), count(*) FILTER (WHERE events = 1),
          avg(ended - started), percentile_cont(0.5) WITHIN GROUP (ORDER BY ended - started)
        FROM session GROUP BY 1""",
    "funnel": f"""
        WITH event AS MATERIALIZED (
          SELECT user_id, event_type, event_timestamp AS at FROM activity_event
          WHERE {IN_WINDOW} AND event_type IN ('{STEPS[0]}', '{STEPS[1]}', '{STEPS[2]}')
        ), one AS (
          SELECT user_id, at FROM event WHERE event_type = '{STEPS[0]}'
        ), two AS (
          SELECT one.user_id, one.at AS began, min(event.at) AS at FROM one
          JOIN event ON event.user_id = one.user_id AND event.event_type = '{STEPS[1]}'
            AND event.at > one.at AND event.at <= one.at + interval '7 days'
          GROUP BY 1, 2
        ), three AS (
          SELECT two.user_id, two.began, min(event.at) AS at FROM two
          JOIN event ON event.user_id = two.user_id AND event.event_type = '{STEPS[2]}'
            AND event.at > two.at AND event.at <= two.began + interval '7 days'
          GROUP BY 1, 2
        )
        SELECT (SELECT count(DISTINCT user_id) FROM one), (SELECT count(DISTINCT user_id) FROM two),
          (SELECT count(DISTINCT user_id) FROM three),
          (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY at - began) FROM two)""",
    "paths": f"""
        WITH event AS (
          SELECT event_type, event_timestamp AS at, {{leads}}
          FROM activity_event WHERE {IN_WINDOW}
          WINDOW following AS (PARTITION BY user_id ORDER BY {order_sql("activity_event")})
        )
        SELECT type_1, type_2, type_3, count(*) FROM event
        WHERE event_type = 'email_opened' AND at_1 - at <= interval '30 minutes'
        GROUP BY 1, 2, 3""".replace(
        "{leads}",
        ", ".join(
            f"lead(event_type, {n}) OVER following AS type_{n},"
            f" lead(event_timestamp, {n}) OVER following AS at_{n}"
            for n in (1, 2, 3)
        ),
    ),
    "durations": f"""
        SELECT event_type, count(*), avg(duration_ms),
          percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY duration_ms)
        FROM activity_event WHERE {IN_WINDOW} AND duration_ms IS NOT NULL GROUP BY 1""",
    "query": f"""
        SELECT * FROM activity_event WHERE {IN_WINDOW}
        ORDER BY event_timestamp DESC, event_id DESC LIMIT 100""",
}
