"""What the database guards by itself. The pairs of the workflow are those of tickets/workflow.py."""

from typing import ClassVar

from django.db import migrations

FORWARD = """
CREATE FUNCTION tickets_guard_workflow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status AND NOT (
        (OLD.status, NEW.status) IN (
            ('NEW', 'IN_PROGRESS'), ('NEW', 'CANCELED'),
            ('IN_PROGRESS', 'WAITING'), ('IN_PROGRESS', 'DONE'), ('IN_PROGRESS', 'CANCELED'),
            ('WAITING', 'IN_PROGRESS'), ('WAITING', 'DONE'), ('WAITING', 'CANCELED'),
            ('DONE', 'IN_PROGRESS')
        )
        -- Given back to the queue, answered or reopened while nobody has it.
        OR (NEW.assignee_id IS NULL AND NEW.status = 'NEW' AND OLD.status IN ('IN_PROGRESS', 'WAITING', 'DONE'))
    ) THEN
        RAISE EXCEPTION 'a ticket cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ticket_workflow';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tickets_ticket_workflow BEFORE UPDATE OF status ON tickets_ticket
    FOR EACH ROW EXECUTE FUNCTION tickets_guard_workflow();

CREATE FUNCTION tickets_guard_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version NOT IN (OLD.version, OLD.version + 1) OR NEW.public_id <> OLD.public_id
       OR NEW.number <> OLD.number THEN
        RAISE EXCEPTION 'a ticket keeps its id and number, and its version grows by one'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ticket_version';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tickets_ticket_version BEFORE UPDATE OF version, public_id, number ON tickets_ticket
    FOR EACH ROW EXECUTE FUNCTION tickets_guard_version();

CREATE FUNCTION tickets_guard_assignee() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE secret boolean;
BEGIN
    IF NEW.assignee_id IS NOT NULL THEN
        -- Held first, in the order of all locks: nobody makes the service confidential at the same moment.
        SELECT confidential INTO secret FROM tickets_service WHERE id = NEW.service_id FOR SHARE;
        -- The share lock makes a demotion at the same moment wait for us, or us for it.
        PERFORM 1 FROM accounts_user
            WHERE id = NEW.assignee_id AND is_active AND role IN ('AGENT', 'ADMIN') FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an assignee is an active agent'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ticket_assignee_is_agent';
        END IF;
        IF secret AND NEW.assignee_id <> NEW.requester_id
           AND NOT EXISTS (SELECT FROM accounts_user WHERE id = NEW.assignee_id AND role = 'ADMIN')
           AND NOT EXISTS (SELECT FROM accounts_membership
                           WHERE user_id = NEW.assignee_id AND team_id = NEW.team_id)
           AND NOT EXISTS (SELECT FROM tickets_watch WHERE user_id = NEW.assignee_id AND ticket_id = NEW.id) THEN
            RAISE EXCEPTION 'an assignee may see his ticket'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ticket_assignee_may_see';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tickets_ticket_assignee_opened BEFORE INSERT ON tickets_ticket
    FOR EACH ROW EXECUTE FUNCTION tickets_guard_assignee();
-- Whoever resolved a ticket may have left before it is reopened.
CREATE TRIGGER tickets_ticket_assignee_changed BEFORE UPDATE OF assignee_id, status ON tickets_ticket
    FOR EACH ROW WHEN (NEW.assignee_id IS DISTINCT FROM OLD.assignee_id OR (OLD.status = 'DONE' AND NEW.status <> 'DONE'))
    EXECUTE FUNCTION tickets_guard_assignee();

-- Whoever asks which tags there are need not read every ticket. In the order of the array, which is sorted: nobody waits in
-- a circle for words that are new to both.
CREATE FUNCTION tickets_know_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tickets_tag (name) SELECT unnest(NEW.tags) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER tickets_ticket_tags AFTER INSERT OR UPDATE OF tags ON tickets_ticket
    FOR EACH ROW WHEN (cardinality(NEW.tags) > 0) EXECUTE FUNCTION tickets_know_tags();
"""
BACKWARD = """
DROP TRIGGER tickets_ticket_tags ON tickets_ticket;
DROP FUNCTION tickets_know_tags();
DROP TRIGGER tickets_ticket_assignee_changed ON tickets_ticket;
DROP TRIGGER tickets_ticket_assignee_opened ON tickets_ticket;
DROP FUNCTION tickets_guard_assignee();
DROP TRIGGER tickets_ticket_version ON tickets_ticket;
DROP FUNCTION tickets_guard_version();
DROP TRIGGER tickets_ticket_workflow ON tickets_ticket;
DROP FUNCTION tickets_guard_workflow();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("tickets", "0001_initial")]
    operations: ClassVar[list[migrations.RunSQL]] = [migrations.RunSQL(FORWARD, BACKWARD)]
