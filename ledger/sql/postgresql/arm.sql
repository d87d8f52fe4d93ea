-- Events are never changed. Only a table owner may delete them, and only those of a deleted stream: that is purge.
-- Its search path is fixed, or whoever deletes could bring a pg_has_role of their own.
CREATE OR REPLACE FUNCTION ledger_event_forbid() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
       AND EXISTS (SELECT 1 FROM ledger_stream WHERE id = OLD.stream_id AND deleted_at IS NOT NULL)
    THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'ledger events are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$
--;
CREATE TRIGGER ledger_event_no_change BEFORE UPDATE OR DELETE ON ledger_event
  FOR EACH ROW EXECUTE FUNCTION ledger_event_forbid()
--;
CREATE TRIGGER ledger_event_no_truncate BEFORE TRUNCATE ON ledger_event
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_event_forbid()
--;
-- ALWAYS: also for a superuser who sets session_replication_role = replica
ALTER TABLE ledger_event
  ENABLE ALWAYS TRIGGER ledger_event_no_change,
  ENABLE ALWAYS TRIGGER ledger_event_no_truncate
