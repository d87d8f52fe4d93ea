DROP TRIGGER IF EXISTS ledger_event_no_update
--;
DROP TRIGGER IF EXISTS ledger_event_no_delete
--;
DROP TRIGGER IF EXISTS ledger_event_no_replace
