"""What a colleague at a database prompt must not break: an administrator always remains, the bootstrap is once."""

from typing import ClassVar

from django.db import migrations

FORWARD = """
-- Counters of a running minute: worth no flush to disk, and a crash may forget them.
ALTER TABLE accounts_allowance SET UNLOGGED;

CREATE FUNCTION accounts_keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.role = 'ADMIN' AND OLD.is_active
       AND (TG_OP = 'DELETE' OR NEW.role <> 'ADMIN' OR NOT NEW.is_active) THEN
        -- One at a time, so that two administrators cannot leave at the same moment.
        PERFORM pg_advisory_xact_lock(hashtext('accounts.last_admin'));
        IF NOT EXISTS (SELECT 1 FROM accounts_user WHERE role = 'ADMIN' AND is_active AND id <> OLD.id) THEN
            RAISE EXCEPTION 'the last active administrator stays'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'user_last_admin';
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_user_keep_an_admin BEFORE UPDATE OF role, is_active OR DELETE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION accounts_keep_an_admin();

CREATE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the first administrator is made once in the life of an installation'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'one_installation';
END $$;
CREATE TRIGGER accounts_installation_once BEFORE UPDATE OR DELETE ON accounts_installation
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER accounts_installation_once_for_all BEFORE TRUNCATE ON accounts_installation
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
"""
BACKWARD = """
DROP TRIGGER accounts_installation_once_for_all ON accounts_installation;
DROP TRIGGER accounts_installation_once ON accounts_installation;
DROP FUNCTION accounts_refuse_change();
DROP TRIGGER accounts_user_keep_an_admin ON accounts_user;
DROP FUNCTION accounts_keep_an_admin();
ALTER TABLE accounts_allowance SET LOGGED;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("accounts", "0001_initial")]
    operations: ClassVar[list[migrations.RunSQL]] = [migrations.RunSQL(FORWARD, BACKWARD)]
