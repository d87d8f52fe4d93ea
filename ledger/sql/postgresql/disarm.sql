DROP TRIGGER IF EXISTS ledger_event_no_change ON ledger_event
--;
DROP TRIGGER IF EXISTS ledger_event_no_truncate ON ledger_event
