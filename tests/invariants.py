"""What must hold in the database whatever was done to the desk: one query each, which returns the rows in fault.

For the end of any test, benchmark or fault injection: `assert check(connection) == []`.
"""

from typing import Any

_EVENTS = "audit_event e WHERE e.subject_type = 'ticket' AND e.seq IS NOT NULL"

INVARIANTS: dict[str, str] = {
    # --- the memory ---
    "a ticket's events run from 1 without a gap": f"""
        SELECT e.subject_id, min(e.seq), max(e.seq), count(*) FROM {_EVENTS}
        GROUP BY e.subject_id HAVING min(e.seq) <> 1 OR max(e.seq) <> count(*)
    """,
    "events of a ticket were written in the order of their numbers": f"""
        SELECT * FROM (
            SELECT e.subject_id, e.seq, e.id, lag(e.id) OVER (PARTITION BY e.subject_id ORDER BY e.seq) AS before
            FROM {_EVENTS}
        ) AS written WHERE before > id
    """,
    "a ticket's version is the number of its last event": f"""
        SELECT t.public_id, t.version, last.seq FROM tickets_ticket t
        LEFT JOIN (SELECT e.subject_id, max(e.seq) AS seq FROM {_EVENTS} GROUP BY e.subject_id) AS last
            ON last.subject_id = t.public_id
        WHERE t.version IS DISTINCT FROM last.seq
    """,
    "every event of a ticket has its ticket": f"""
        SELECT e.id, e.subject_id FROM tickets_ticket t RIGHT JOIN audit_event e ON t.public_id = e.subject_id
        WHERE t.id IS NULL AND e.id IN (SELECT e.id FROM {_EVENTS})
    """,
    "the first event of a ticket opens it, and no other does": f"""
        SELECT e.id, e.seq, e.verb FROM {_EVENTS} AND (e.seq = 1) <> (e.verb = 'ticket.opened')
    """,
    "what an event calls old is what the events before it had left": f"""
        SELECT * FROM (
            SELECT e.id, e.seq, field, pair->0 AS old,
                lag(pair->1) OVER (PARTITION BY e.subject_id, field ORDER BY e.seq) AS before
            FROM (SELECT * FROM {_EVENTS}) AS e, jsonb_each(e.changes) AS change(field, pair)
            WHERE field NOT IN ('comment', 'attachments')
        ) AS folded
        WHERE CASE
            WHEN before IS NULL THEN old NOT IN ('null', '[]', '""')
            WHEN jsonb_typeof(old) = 'object' THEN old->'id' IS DISTINCT FROM before->'id'
            WHEN jsonb_typeof(old) = 'array' AND field = 'watchers' THEN
                jsonb_path_query_array(old, '$[*].id') <> jsonb_path_query_array(before, '$[*].id')
            ELSE old <> before
        END
    """,
    "the events of a ticket end in its status, assignee, team, priority, title and deletion": f"""
        WITH folded AS (
            SELECT DISTINCT ON (e.subject_id, field) e.subject_id, field, pair->1 AS said
            FROM (SELECT * FROM {_EVENTS}) AS e, jsonb_each(e.changes) AS change(field, pair)
            ORDER BY e.subject_id, field, e.seq DESC
        ), present AS (
            SELECT t.public_id, field, value FROM tickets_ticket t
            LEFT JOIN accounts_user u ON u.id = t.assignee_id
            LEFT JOIN accounts_team q ON q.id = t.team_id
            CROSS JOIN LATERAL (VALUES
                ('status', t.status), ('priority', t.priority), ('title', t.title),
                ('assignee', u.public_id::text), ('team', q.public_id::text),
                ('waiting_for', nullif(t.waiting_for, '')), ('deleted_at', t.deleted_at::text)
            ) AS columns(field, value)
        )
        SELECT p.public_id, p.field, f.said, p.value FROM present p
        LEFT JOIN folded f ON f.subject_id = p.public_id AND f.field = p.field
        WHERE CASE
            WHEN p.field IN ('assignee', 'team') THEN f.said->>'id' IS DISTINCT FROM p.value
            WHEN p.field = 'deleted_at' THEN (f.said #>> '{{}}')::timestamptz IS DISTINCT FROM p.value::timestamptz
            ELSE f.said #>> '{{}}' IS DISTINCT FROM p.value
        END
    """,
    "people in events are people of the desk": """
        SELECT e.id, e.actor_id FROM audit_event e LEFT JOIN accounts_user u ON u.public_id = e.actor_id
        WHERE e.actor_id IS NOT NULL AND u.id IS NULL
    """,
    # --- what is said ---
    "every comment has the event that brought it": """
        SELECT c.public_id, c.seq FROM tickets_comment c JOIN tickets_ticket t ON t.id = c.ticket_id
        LEFT JOIN audit_event e ON e.subject_id = t.public_id AND e.seq = c.seq
            AND e.at = c.created_at AND e.door = c.source
            AND e.changes->'comment'->1->>'id' = c.public_id::text
            AND (e.changes->'comment'->1->>'internal')::boolean = c.internal
            AND e.changes->'comment'->1->>'sha256' = encode(sha256(convert_to(c.body, 'UTF8')), 'hex')
        WHERE e.id IS NULL
    """,
    "every event that brought a comment has it": f"""
        SELECT e.id, e.seq FROM tickets_comment c
        RIGHT JOIN (SELECT * FROM {_EVENTS} AND e.changes ? 'comment') AS e
            ON c.public_id::text = e.changes->'comment'->1->>'id'
        WHERE c.id IS NULL
    """,
    "who is said to have commented did": """
        SELECT c.public_id, e.actor_id, u.public_id FROM tickets_comment c
        JOIN tickets_ticket t ON t.id = c.ticket_id JOIN accounts_user u ON u.id = c.author_id
        JOIN audit_event e ON e.subject_id = t.public_id AND e.seq = c.seq
        WHERE e.actor_id IS DISTINCT FROM u.public_id
    """,
    # --- files ---
    "every file has the event that brought it": """
        SELECT a.public_id, a.seq FROM tickets_attachment a JOIN tickets_ticket t ON t.id = a.ticket_id
        JOIN accounts_user u ON u.id = a.uploader_id
        LEFT JOIN audit_event e ON e.subject_id = t.public_id AND e.seq = a.seq
            AND e.at = a.created_at AND e.actor_id = u.public_id AND e.internal = a.internal
            AND e.changes->'attachments'->1 @> jsonb_build_array(jsonb_build_object(
                'id', a.public_id::text, 'name', a.name, 'size', a.size, 'sha256', a.sha256))
        WHERE e.id IS NULL
    """,
    "every file that an event speaks of is on its ticket": f"""
        SELECT e.id, e.seq, told->>'id' FROM (SELECT * FROM {_EVENTS} AND e.changes ? 'attachments') AS e
        CROSS JOIN jsonb_array_elements(e.changes->'attachments'->1) AS told
        LEFT JOIN tickets_attachment a ON a.public_id::text = told->>'id'
        LEFT JOIN tickets_ticket t ON t.id = a.ticket_id
        WHERE t.public_id IS DISTINCT FROM e.subject_id
    """,
    "a file of a comment is on its ticket, as internal as it, and its event says so": """
        SELECT a.public_id, c.public_id FROM tickets_attachment a
        JOIN tickets_comment c ON c.id = a.comment_id JOIN tickets_ticket t ON t.id = a.ticket_id
        LEFT JOIN audit_event e ON e.subject_id = t.public_id AND e.seq = c.seq
            AND e.changes->'attachments'->1 @> jsonb_build_array(jsonb_build_object('id', a.public_id::text))
        WHERE e.id IS NULL OR c.ticket_id <> a.ticket_id OR c.internal <> a.internal
    """,
    "no ticket holds two files at one place": """
        SELECT file FROM tickets_attachment GROUP BY file HAVING count(*) > 1
    """,
    # --- what is told, and what came by mail ---
    "whoever is told of a ticket is told of an event that happened": """
        SELECT d.public_id, d.subject_id, d.seq, d.verb FROM notifications_delivery d
        LEFT JOIN audit_event e ON e.subject_id = d.subject_id AND e.seq = d.seq AND e.verb = d.verb
        WHERE d.subject_type = 'ticket' AND e.id IS NULL
    """,
    "a mail has become what it is said to be": """
        SELECT public_id, outcome FROM tickets_inboundmail
        WHERE outcome = 'ticket' AND ticket_id IS NULL OR outcome = 'comment' AND comment_id IS NULL
    """,
    "a mail that is proven becomes something once, however often it comes": """
        SELECT mailbox_id, message_id, count(*) FROM tickets_inboundmail
        WHERE outcome IN ('ticket', 'comment') AND proof <> '' AND message_id <> ''
        GROUP BY mailbox_id, message_id, body_sha256 HAVING count(*) > 1
    """,
    # --- where tickets stand ---
    "what is in progress is somebody's": """
        SELECT public_id FROM tickets_ticket WHERE status = 'IN_PROGRESS' AND assignee_id IS NULL
    """,
    "an open ticket is held by an active agent": """
        SELECT t.public_id, u.email, u.role, u.is_active FROM tickets_ticket t
        JOIN accounts_user u ON u.id = t.assignee_id
        WHERE t.status IN ('NEW', 'IN_PROGRESS', 'WAITING') AND t.deleted_at IS NULL
            AND NOT (u.is_active AND u.role IN ('AGENT', 'ADMIN'))
    """,
    "who holds an open confidential ticket may see it": """
        SELECT t.public_id, u.email FROM tickets_ticket t
        JOIN accounts_user u ON u.id = t.assignee_id JOIN tickets_service s ON s.id = t.service_id
        WHERE s.confidential AND t.status IN ('NEW', 'IN_PROGRESS', 'WAITING') AND t.deleted_at IS NULL
            AND u.role <> 'ADMIN' AND t.requester_id <> u.id
            AND NOT EXISTS (SELECT FROM accounts_membership m WHERE m.user_id = u.id AND m.team_id = t.team_id)
            AND NOT EXISTS (SELECT FROM tickets_watch w WHERE w.user_id = u.id AND w.ticket_id = t.id)
    """,
    "only what waits says for whom": """
        SELECT public_id, status, waiting_for FROM tickets_ticket
        WHERE (status = 'WAITING') <> (waiting_for IN ('REQUESTER', 'APPROVAL', 'THIRD_PARTY'))
            OR (status <> 'WAITING' AND waiting_for <> '')
    """,
    "what is done has the time of its resolution, what is open has none": """
        SELECT public_id, status, resolved_at FROM tickets_ticket
        WHERE (status = 'DONE') <> (resolved_at IS NOT NULL)
    """,
    "only what is final is closed": """
        SELECT public_id, status FROM tickets_ticket
        WHERE closed_at IS NOT NULL AND status NOT IN ('DONE', 'CANCELED')
    """,
    "the times of a ticket follow each other": """
        SELECT public_id FROM tickets_ticket
        WHERE updated_at < created_at OR first_responded_at < created_at OR resolved_at < created_at
            OR closed_at < resolved_at OR deleted_at < created_at
    """,
    "every tag of a ticket is a known one": """
        SELECT t.public_id, tag FROM tickets_ticket t, unnest(t.tags) AS tag
        WHERE NOT EXISTS (SELECT FROM tickets_tag k WHERE k.name = tag)
    """,
    # --- people ---
    "an administrator remains": """
        SELECT 'nobody administers this desk' WHERE EXISTS (SELECT FROM accounts_installation)
            AND NOT EXISTS (SELECT FROM accounts_user WHERE role = 'ADMIN' AND is_active)
    """,
    "the first administrator was made at most once": """
        SELECT count(*) FROM audit_event WHERE verb = 'user.bootstrapped' HAVING count(*) > 1
    """,
    "a key is kept as a hash only": """
        SELECT public_id FROM accounts_apikey WHERE digest !~ '^[0-9a-f]{64}$' OR prefix !~ '^[a-z0-9]{8}$'
    """,
    "a key has scopes and an end": """
        SELECT public_id FROM accounts_apikey
        WHERE cardinality(scopes) = 0 OR expires_at <= created_at OR expires_at > created_at + interval '367 days'
    """,
}

# What waits while somebody works on it, and must come to an end once nobody writes any more.
UNFINISHED: dict[str, str] = {
    "a message waits": """
        SELECT public_id, transport, state, attempts, said FROM notifications_delivery
        WHERE state IN ('pending', 'sending')
    """,
    "a job waits or is stuck": """
        SELECT id, task_name, status, attempts FROM procrastinate_jobs
        WHERE status = 'doing' OR (status = 'todo' AND coalesce(scheduled_at, now()) <= now())
    """,
    "a mail waits to be read": "SELECT public_id, fetched_at FROM tickets_inboundmail WHERE outcome = 'fetched'",
}


def check(connection: Any) -> list[str]:
    """One line for each invariant that does not hold, with the first rows in fault."""
    return _faults(connection, INVARIANTS)


def unfinished(connection: Any) -> list[str]:
    """The same for what still waits: none, once a worker has had the time for it."""
    return _faults(connection, UNFINISHED)


def _faults(connection: Any, queries: dict[str, str]) -> list[str]:
    faults = []
    with connection.cursor() as cursor:
        for name, query in queries.items():
            cursor.execute(query)
            rows = cursor.fetchall()
            if rows:
                faults.append(f"{name}: {len(rows)} rows, first {rows[:3]}")
    return faults
